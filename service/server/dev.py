"""`python -m service.server.dev`, what `make run` starts: a development key, outcomes in a file, what to try, then the server.

Everything is printed before the server takes over, so that it stands at the end of what the terminal shows.
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from models.decision.bundle import BundleError
from service.server.serve import become_server, check
from service.settings import Settings, SettingsError

_BODY: Final = (
    '{"customer_type": "person", "language": "en", "signals": {"life_events": [{"event": "KE8", "months_ago": 1}], '
    '"strong_identification": true, "omakela_logins_90d": 6, "benefits_started_6m": 1}}'
)
_PAGE: Final = "/content/video-attachments-by-phone?language=en"


def main() -> None:
    """Check, print, and become the server."""
    environ = dict(os.environ)
    environ["ARKI_DEV_KEY"] = environ.get("ARKI_DEV_KEY") or f"dev-{secrets.token_hex(12)}"
    try:
        environ.setdefault("ARKI_OUTCOMES_URL", _outcomes_file())
        settings = Settings.from_environ(environ)
        host, port = _address(settings.bind)
        _check_free(host, port)
        check(environ)
    except (BundleError, SettingsError) as error:
        sys.exit(f"Arki cannot start. {error}")
    _make_tables(settings.outcomes_url)
    sys.stdout.write(welcome(f"http://{'127.0.0.1' if host in {'', 'localhost'} else host}:{port}", environ))
    sys.stdout.flush()
    try:
        become_server(environ)
    except SettingsError as error:
        sys.exit(f"Arki cannot start. {error}")


def welcome(address: str, environ: Mapping[str, str]) -> str:
    """What to open and what to try, with the key in it."""
    page = "" if environ.get("ARKI_DEMO") == "off" else f"  {address}/demo      a web page that uses it\n"
    header = shlex.quote(f"Authorization: Bearer {environ['ARKI_DEV_KEY'].strip()}")
    return (
        "Arki, an independent project, not Kela's own. It will serve on this machine alone, until you press Ctrl+C.\n\n"
        f"  {address}/console   the content team's console; sign in with the key below\n"
        f"  {address}/docs      read and try the API\n"
        f"{page}"
        f"  {address}/readyz    whether it is ready, and what it serves\n"
        f"  {address}{_PAGE}    an example page\n\n"
        f"Your development key: {environ['ARKI_DEV_KEY'].strip()}\n\n"
        "Try it (a customer whose job ended a month ago):\n\n"
        f"curl -s {address}/v1/recommendations -H {header} -H 'Content-Type: application/json' -d '{_BODY}'\n\n"
    )


def _outcomes_file() -> str:
    """A database in the folder `var` here, which is made."""
    folder = Path("var")
    folder.mkdir(exist_ok=True)
    return f"sqlite:///{folder.absolute()}/outcomes.db"


def _make_tables(url: str | None) -> None:
    from service.outcomes.events import OutcomesUnavailableError, WrongDatabaseError  # noqa: PLC0415  (the same)
    from service.outcomes.retention import migrate  # noqa: PLC0415  (only where there is a database)
    from service.outcomes.store import Store  # noqa: PLC0415  (the same)

    if url is None:
        return
    try:
        store = Store(url, migrated=False)
        migrate(store)
        store.close()
    except (OutcomesUnavailableError, WrongDatabaseError) as error:
        sys.exit(f"Arki cannot start. The database of outcomes has no tables: {error}")


def _address(bind: str) -> tuple[str, int]:
    host, _, port = bind.rpartition(":")
    if not (port.isascii() and port.isdecimal()):
        raise SettingsError("ARKI_BIND must be an address and a port, such as 127.0.0.1:8080.")
    return host, int(port)


def _check_free(host: str, port: int) -> None:
    """Raise unless the port can be had; asked for as the server does, so that a port just left counts as free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} cannot be used ({error.strerror}). Stop what uses it, or choose another: "
                f"make run PORT={port + 1 if port < 65535 else port - 1}"  # noqa: PLR2004  (the last port)
            ) from None


if __name__ == "__main__":
    main()
