"""`arki-reload`: replace the workers of a running service by ones with the code and settings files that are there now.

The new code is tried in a process of its own first; if it cannot start, nothing is touched. On gunicorn no request is lost: a
new worker is added (TTIN) and must answer before an old one is told to finish (TTOU), one at a time. On granian the main
process does the same at SIGHUP, but each worker has a socket of its own there, and a connection that waits at one being closed
is reset unless the system moves it (`sysctl net.ipv4.tcp_migrate_req=1`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from models.cli.missing_extras import with_extra
from service import run_folder
from service.settings import SettingsError
from service.settings import run_folder as run_folder_of

_STEP_S: Final = 0.05


class ReloadError(click.ClickException):
    """The workers were not all replaced; the message says how far it came and what to do."""


@click.command()
@click.option("--wait", "wait_s", default=60, show_default=True, help="Seconds to wait for each worker.")
def main(wait_s: int) -> None:
    """Replace the workers one by one, without losing a request. Run it with the settings of the service."""
    try:
        replaced = reload(run_folder_of(os.environ), wait_s=wait_s)
    except SettingsError as error:
        raise ReloadError(str(error)) from None
    click.echo(f"{replaced} workers replaced.")


def reload(run: Path, *, wait_s: float, check: Callable[[], None] | None = None) -> int:
    """Replace the workers of the service whose run folder this is, and return how many.

    Raises
    ------
    ReloadError
        If there is no such service, the new code cannot start, or a worker does not come or go in time.
    """
    master = _master(run)
    (check or check_start)()
    old = _ready(run)
    if not old:
        raise ReloadError("No worker is ready. Look at the log; there is nothing to replace.")
    if (run / "server").exists() and (run / "server").read_text() == "granian":
        os.kill(master, signal.SIGHUP)
        late = "The workers were not all replaced"
        _wait(lambda: not old & _ready(run) and len(_ready(run)) >= len(old), wait_s * len(old), late)
        return len(old)
    for _ in old:
        _replace_one(run, master, old, wait_s)
    return len(old)


def check_start() -> None:
    """Start the app aside. Raises `ReloadError` with what it says if it cannot."""
    environ = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    tried = subprocess.run(
        [sys.executable, "-c", "import service.wsgi"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        said = tried.stderr.strip().splitlines()[-1:] or ["It says nothing."]
        raise ReloadError(f"The new code does not start, so nothing was changed. {said[0]}")


def _replace_one(run: Path, master: int, old: set[str], wait_s: float) -> None:
    before = _ready(run)
    os.kill(master, signal.SIGTTIN)
    _wait(lambda: bool(_ready(run) - before), wait_s, "A new worker does not start")
    left = len(old & _ready(run)) - 1
    os.kill(master, signal.SIGTTOU)  # gunicorn ends its oldest
    _wait(lambda: len(old & _ready(run)) <= left, wait_s, "An old worker does not finish")


def _master(run: Path) -> int:
    try:
        master = int((run / "pid").read_text())
        os.kill(master, 0)
    except (OSError, ValueError):
        raise ReloadError(
            f"No service runs with {run}. Run arki-reload as its user, with its ARKI_BIND, PORT and ARKI_RUN."
        ) from None
    return master


def _ready(run: Path) -> set[str]:
    return run_folder.ready(run)


def _wait(done: Callable[[], bool], wait_s: float, problem: str) -> None:
    until = time.monotonic() + wait_s
    while not done():
        if time.monotonic() > until:
            raise ReloadError(f"{problem} within {wait_s:g} s. The others go on serving; look at the log.")
        time.sleep(_STEP_S)


with_extra(main, "serve")
