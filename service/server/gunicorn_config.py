"""gunicorn settings, for any WSGI app: `gunicorn -c python:service.server.gunicorn_config service.wsgi:app`; `arki-serve` runs that.

Public settings and hooks of gunicorn alone, and its stock `gthread` worker. Read by gunicorn alone; imports no app. Each worker
loads the app itself, so that `arki-reload` can replace workers by ones with new code.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from service import run_folder
from service.observability import metric_files
from service.observability.logs import log_config
from service.settings import SettingsError, server_settings

try:
    _run = run_folder.take(os.environ)
    bind, workers, threads, worker_connections = server_settings(os.environ)
except SettingsError as _error:
    sys.exit(f"Arki cannot start. {_error}")


class _Logger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own, without what may say something of a person: addresses, and what was sent."""

    def access(self, *_: object) -> None:
        """Not even put together: wherever `logconfig_dict` is set, gunicorn does that for each request."""

    def warning(self, msg: str, *args: object, **kwargs: object) -> None:
        """The request that cannot be read, and its sender, are left out."""
        if str(msg).startswith("Invalid request"):
            msg, args = "A request could not be read as HTTP.", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: object, **kwargs: object) -> None:
        """The address that was asked is left out; the place in the code is enough."""
        if str(msg).startswith("Error handling request"):
            msg, args = "A request failed outside the app.", ()
        super().exception(msg, *args, **kwargs)


worker_class = "gthread"
backlog = 2048
keepalive = 30
timeout = 30
graceful_timeout = 30
sendfile = False
pidfile = str(_run / "pid")
forwarded_allow_ips = ""  # ARKI_TRUSTED_PROXIES says whom to believe
forwarder_headers = ""
if Path("/dev/shm").is_dir():  # noqa: S108  (heartbeats on a disk stall workers; this is gunicorn's documented cure)
    worker_tmp_dir = "/dev/shm"  # noqa: S108  (the same)
logger_class = _Logger
control_socket_disable = True  # nobody needs to steer a worker from outside
logconfig_dict = log_config("gunicorn.error")


def post_fork(_server: object, _worker: object) -> None:
    """Let the worker load the code that is there now, not what the master read when it started."""
    run_folder.let_go(os.environ)
    for name in [name for name in sys.modules if name.partition(".")[0] in {"models", "service"}]:
        if name != "service":
            del sys.modules[name]


def post_worker_init(_worker: object) -> None:
    """Say that a worker answers, whatever its app."""
    run_folder.mark_ready(os.environ)


def worker_exit(_server: Any, worker: Any) -> None:  # noqa: ANN401
    """Slow a worker that cannot start down, once others could."""
    if not worker.booted and run_folder.ready(_run):
        time.sleep(1)


def child_exit(_server: Any, worker: Any) -> None:  # noqa: ANN401
    """Keep an ended worker's counts, and drop its gauges."""
    metric_files.give_back(_run / "metrics")
    with suppress(OSError):
        (_run / "ready" / str(worker.pid)).unlink(missing_ok=True)


def on_exit(_server: object) -> None:
    """Leave nothing of ours behind."""
    run_folder.clear(_run)
