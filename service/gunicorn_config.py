"""gunicorn settings, for any WSGI app: `gunicorn -c python:service.gunicorn_config service.wsgi:app`.

Read by gunicorn alone; imports no app. Each worker loads the app itself, so that `arki-reload` can replace workers by
ones with new code; a start that fails stops all, a later one is tried again while other workers go on.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from service import seats
from service.settings import MOST_WORKERS, bind_address, run_folder, whole_number

_run = run_folder(os.environ)
_run.mkdir(mode=0o700, parents=True, exist_ok=True)
_status = _run.lstat()
if _status.st_uid != os.geteuid() or not stat.S_ISDIR(_status.st_mode):
    sys.exit(f"Arki cannot start. {_run} belongs to somebody else. Set ARKI_RUN to a folder of your own.")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_run / "metrics")  # prometheus_client reads it when imported
if not os.environ.get("ARKI_KEYS") and not os.environ.get("ARKI_SECRET"):
    # one for all workers, which read each other's references and sessions
    os.environ["ARKI_SECRET"] = secrets.token_urlsafe(32)


class _Logger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own, without an access log: that would hold who asked when. `service.logs` writes what may be kept."""

    def access(self, *_: object) -> None:
        """Not even put together: wherever `logconfig_dict` is set, gunicorn does that for each request."""


bind = bind_address(os.environ)
workers = whole_number(os.environ, "ARKI_WORKERS", 2, MOST_WORKERS)
worker_class = "service.worker.LoopWorker"
threads = 16  # for chunked bodies and other rarities; the loop answers the rest
worker_connections = 1000
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
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "service.logs.JsonFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"gunicorn.error": {"level": "WARNING", "propagate": True}},
}


def on_starting(server: Any) -> None:  # noqa: ANN401  (gunicorn has no types)
    """Stop before there is a worker where settings, keys or bundle would stop each of them, with one line that says why."""
    if server.app.app_uri != "service.wsgi:app" or "GUNICORN_PID" in os.environ:
        return
    tried = os.fork()  # what it reads must not stay in the master
    if tried == 0:
        _try_to_start()
    if os.waitpid(tried, 0)[1] != 0:
        server.pidfile.unlink()
        on_exit(server)
        sys.exit(1)


def _try_to_start() -> None:
    """Read what a start needs, say why it cannot be used, and leave without a worker's clean-up."""
    from models.bundle import BundleError, BundleStore  # noqa: PLC0415  (other apps need none of it)
    from service.access import read_keys  # noqa: PLC0415  (the same)
    from service.settings import Settings, SettingsError  # noqa: PLC0415  (the same)

    code = 1
    try:
        settings = Settings.from_environ(os.environ)
        BundleStore(settings.bundles)
        if settings.keys is not None:
            read_keys(settings.keys)
        code = 0
    except (BundleError, SettingsError) as error:
        sys.stderr.write(f"Arki cannot start. {error}\n")
    except BaseException:  # noqa: BLE001  (whatever it is, the master must not go on in this process)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def when_ready(_server: Any) -> None:  # noqa: ANN401
    """The address is ours: begin with no counts."""
    for name in ("metrics", "ready", "console"):
        shutil.rmtree(_run / name, ignore_errors=True)
        (_run / name).mkdir(mode=0o700)


def pre_fork(server: Any, worker: Any) -> None:  # noqa: ANN401
    """Give the worker a seat, where the default worker says how many connections it holds."""
    with suppress(LookupError):  # more workers than seats: the last ones go without
        taken = (getattr(other, "seat", None) for other in server.WORKERS.values())
        worker.seat = seats.free_seat(seat for seat in taken if seat is not None)


def post_fork(_server: Any, _worker: Any) -> None:  # noqa: ANN401
    """Let the worker load the code that is there now, not what the master read when it started."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"models", "service"}]:
        if name not in {"service", "service.seats", "service.wires", "service.worker"}:
            del sys.modules[name]


def post_worker_init(worker: Any) -> None:  # noqa: ANN401
    """Say that a worker answers."""
    (_run / "ready" / str(worker.pid)).touch()


def worker_exit(_server: Any, worker: Any) -> None:  # noqa: ANN401
    """Slow a worker that cannot start down, once others could."""
    if not worker.booted and any((_run / "ready").glob("*")):
        time.sleep(1)


def child_exit(_server: Any, worker: Any) -> None:  # noqa: ANN401
    """Keep an ended worker's counts, drop its gauges and free its seat."""
    if getattr(worker, "seat", None) is not None:
        seats.leave(worker.seat)
    from prometheus_client import multiprocess  # noqa: PLC0415  (reads PROMETHEUS_MULTIPROC_DIR when imported)

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # it has no types
    (_run / "ready" / str(worker.pid)).unlink(missing_ok=True)


def on_exit(_server: Any) -> None:  # noqa: ANN401
    """Leave nothing of ours behind."""
    for name in ("metrics", "ready", "console"):
        shutil.rmtree(_run / name, ignore_errors=True)
    with suppress(OSError):
        _run.rmdir()  # unless somebody keeps something there
