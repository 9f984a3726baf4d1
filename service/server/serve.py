"""`arki-serve`: check settings, keys and bundle, then become the WSGI server that ARKI_SERVER names.

`gunicorn` (the default; its stock gthread worker) or `granian`. What is refused here is one line on standard error, before
there is any worker. The app knows neither server.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Final

import click

from models.cli.missing_extras import with_extra
from models.decision.bundle import BundleError, BundleStore
from service import run_folder
from service.security.access import read_keys
from service.settings import Settings, SettingsError, most_connections, server_name, server_threads

_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "gunicorn": ("gunicorn", "-c", "python:service.server.gunicorn_config", "service.wsgi:app"),
    "granian": ("service.server.granian_server",),
}
_MOST_FILES: Final = 1 << 16


@click.command()
def main() -> None:
    """Serve with the settings in the environment, on the server that ARKI_SERVER names: gunicorn (default) or granian."""
    try:
        environ = dict(os.environ)
        check(environ)
        become_server(environ)
    except (BundleError, SettingsError) as error:
        sys.exit(f"Arki cannot start. {error}")


def become_server(environ: dict[str, str]) -> None:
    """Replace this process, whose settings were checked, by the server.

    Raises
    ------
    SettingsError
        If it cannot start; the message says what to do.
    """
    server = server_name(environ)
    if find_spec(server) is None:
        raise SettingsError(
            f"ARKI_SERVER is {server}, which is not installed. It comes with the extra `serve`."
        )
    environ["ARKI_THREADS"] = str(server_threads(environ))
    run = run_folder.take(environ)
    (run / "server").write_text(server, encoding="ascii")
    os.execve(sys.executable, command(server), environ)  # noqa: S606  (a fixed command; no shell is wanted)


def check(environ: Mapping[str, str]) -> None:
    """Read what each worker will read. Raises `SettingsError` or `BundleError`."""
    settings = Settings.from_environ(environ)
    BundleStore(settings.bundles)
    if settings.keys is not None:
        read_keys(settings.keys)
    _allow_files()
    most_connections()


def command(server: str) -> list[str]:
    """The command of a server."""
    return [sys.executable, "-m", *_MODULES[server]]


def _allow_files() -> None:
    """Allow as many open files as the system lets this user have: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


with_extra(main, "serve")

if __name__ == "__main__":
    main()
