"""The WSGI app: `service.wsgi:app`. The one module of the service with effects at import.

Any WSGI server can load it; `arki-serve` starts one. Where it set up a run folder, the worker says there that it is ready.
"""

from __future__ import annotations

import os
import sys

from service import run_folder
from service.app import StartError, create_app
from service.settings import Settings, SettingsError

_BOOT_ERROR = 3  # by this status gunicorn stops instead of trying again, unless others serve


try:
    app = create_app(Settings.from_environ(os.environ))
except (SettingsError, StartError) as error:
    sys.stderr.write(f"Arki cannot start. {error}\n")
    raise SystemExit(1 if run_folder.others_serve(os.environ) else _BOOT_ERROR) from None
run_folder.mark_ready(os.environ)
