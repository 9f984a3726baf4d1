"""The WSGI app for gunicorn: `service.wsgi:app`. The one module of the service with effects at import."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from service.app import StartError, create_app
from service.settings import Settings, SettingsError

_BOOT_ERROR = 3  # by this status gunicorn stops instead of trying again


def _others_serve() -> bool:
    """Whether workers of this gunicorn already serve; then one that cannot start is tried again."""
    metrics = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return metrics is not None and any((Path(metrics).parent / "ready").glob("*"))


try:
    app = create_app(Settings.from_environ(os.environ))
except (SettingsError, StartError) as error:
    sys.stderr.write(f"Arki cannot start. {error}\n")
    raise SystemExit(1 if _others_serve() else _BOOT_ERROR) from None
