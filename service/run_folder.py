"""The private folder of a running service: who holds it, which workers are ready, and what its workers share.

`arki-serve` takes the folder before it becomes a server, and holds it by a lock that ends with the server's main process, so
that a process id left behind by a killed one stands in nobody's way. Knows no server.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from service.settings import SettingsError, run_folder

_LOCK: Final = "ARKI_RUN_LOCK"
_READY: Final = "ARKI_RUN_READY"
_SHARED: Final = ("metrics", "ready", "console")


def take(environ: MutableMapping[str, str]) -> Path:
    """Make the folder ours, empty it, and say in `environ` what the workers need.

    Raises
    ------
    SettingsError
        If it is somebody else's, or a running service has it.
    """
    run = run_folder(environ)
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = run.lstat()
        if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
            raise SettingsError(f"{run} belongs to somebody else. Set ARKI_RUN to a folder of your own.")
        # Where the server is reloaded the lock is ours already, and workers that still answer use what lies in the folder.
        if not _is_held(environ.get(_LOCK), run / "lock"):
            environ[_LOCK] = str(_lock(run))
            (run / "pid").unlink(missing_ok=True)
            for name in _SHARED:
                shutil.rmtree(run / name, ignore_errors=True)
                (run / name).mkdir(mode=0o700)
    except OSError as error:
        raise SettingsError(
            f"The folder {run} cannot be used ({error.strerror}). Set ARKI_RUN to a folder that this user may write to."
        ) from None
    environ[_READY] = str(run / "ready")
    environ["PROMETHEUS_MULTIPROC_DIR"] = str(run / "metrics")  # prometheus_client reads it when imported
    if not environ.get("ARKI_KEYS") and not environ.get("ARKI_SECRET"):
        # one for all workers, which read each other's references and sessions
        environ["ARKI_SECRET"] = secrets.token_urlsafe(32)
    return run


def let_go(environ: MutableMapping[str, str]) -> None:
    """Close the lock in a forked worker; it is the main process's alone."""
    with suppress(KeyError, OSError):
        os.close(int(environ.pop(_LOCK)))


def clear(run: Path) -> None:
    """Leave nothing behind that is of no use later."""
    for name in _SHARED:
        shutil.rmtree(run / name, ignore_errors=True)
    for name in ("lock", "pid", "server"):
        (run / name).unlink(missing_ok=True)
    with suppress(OSError):
        run.rmdir()  # unless somebody keeps something there


def mark_ready(environ: Mapping[str, str]) -> None:
    """Say that this worker answers, where it has a run folder. What is full or gone keeps no worker from answering."""
    if _READY in environ:
        with suppress(OSError):
            (Path(environ[_READY]) / str(os.getpid())).touch()


def others_serve(environ: Mapping[str, str]) -> bool:
    """Whether workers of this service answer already."""
    return _READY in environ and bool(ready(Path(environ[_READY]).parent))


def ready(run: Path) -> set[str]:
    """Process ids of the workers that answer."""
    return {path.name for path in (run / "ready").glob("*") if is_alive(path.name)}


def is_alive(pid: str) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_held(lock: str | None, file: Path) -> bool:
    """Whether the lock that the environment names is of this folder, and ours."""
    try:
        return lock is not None and os.path.samestat(os.fstat(int(lock)), file.stat())
    except (OSError, ValueError):
        return False


def _lock(run: Path) -> int:
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SettingsError(
            f"A service already runs with {run}. Stop it, or set ARKI_RUN, or PORT, to have another beside it."
        ) from None
    os.set_inheritable(descriptor, True)  # kept by the server that this process becomes
    return descriptor
