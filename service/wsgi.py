"""The WSGI app for gunicorn: `service.wsgi:app`. The one module of the service with effects at import."""

from __future__ import annotations

import os

from service.app import StartError, create_app
from service.settings import Settings, SettingsError

try:
    app = create_app(Settings.from_environ(os.environ))
except (SettingsError, StartError) as error:
    raise SystemExit(f"Arki cannot start. {error}") from None
