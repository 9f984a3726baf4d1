"""`python -m service.server.granian_server`, which `arki-serve` becomes where ARKI_SERVER is `granian`: the app on granian's WSGI.

Public options and hooks of granian alone. Imports no app: each worker is a new interpreter, so that SIGHUP, which
`arki-reload` sends, loads the code that is there then. A worker ends with the main process, even one that was killed; granian
by itself would leave it serving, with its address taken.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from service import run_folder
from service.observability.logs import log_config
from service.settings import SettingsError, server_settings

_BACKLOG = 2048
_GRACE_S = 30
_KILL_AFTER_S = _GRACE_S + 5
_LARGEST_HEAD = 64 * 1024


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    try:
        run = run_folder.take(os.environ)
        asked = server_settings(os.environ)
    except SettingsError as error:
        sys.exit(f"Arki cannot start. {error}")
    host, _, port = asked.bind.rpartition(":")
    multiprocessing.set_start_method("spawn")  # granian's workers then load code anew, and inherit no lock
    server = Server(
        sys.argv[1] if len(sys.argv) > 1 else "service.wsgi:app",
        address=host.strip("[]") or "0.0.0.0",  # noqa: S104  (what an empty host means to gunicorn, too)
        port=int(port),
        interface=Interfaces.WSGI,
        websockets=False,
        workers=asked.workers,
        blocking_threads=asked.threads,
        backlog=_BACKLOG,
        backpressure=asked.connections,
        http1_settings=HTTP1Settings(max_buffer_size=_LARGEST_HEAD),
        log_level=LogLevels.error,  # it warns of more threads than cores
        log_dictconfig=log_config("granian", "_granian", "granian.access"),
        respawn_failed_workers=True,
        workers_kill_timeout=_KILL_AFTER_S,
        pid_file=Path(run / "pid"),
    )
    server.on_shutdown(lambda: run_folder.clear(run))
    server.serve(target_loader=_load)


def _load(target: str) -> Any:  # noqa: ANN401  (whatever app is named)
    """The app, loaded in a worker, which from then on watches the main process."""
    threading.Thread(target=_end_with_main_process, daemon=True).start()
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def _end_with_main_process() -> None:
    main_process = multiprocessing.parent_process()
    if main_process is not None:
        main_process.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_KILL_AFTER_S)
        os._exit(1)


if __name__ == "__main__":
    main()
