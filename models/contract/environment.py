"""What services and commands read from the environment alike: where bundles live. All else is the service's, in its settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

BUNDLES: Final = "ARKI_BUNDLES"
_DEFAULT: Final = "bundles"


def bundles_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where bundles live: ARKI_BUNDLES, else `bundles` below the working directory."""
    return Path(environ.get(BUNDLES) or _DEFAULT)
