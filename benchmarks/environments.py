"""Environments of the peers, made once under .bench/ from pinned requirements; what cannot be made says why."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
MADE = ROOT / ".bench"
REQUIREMENTS = Path(__file__).parent / "requirements"
LONGEST_INSTALL_S = 1500
FIRST = {"servers": ROOT / "requirements" / "serve.lock"}
"""Environments that begin with a lock of ours: what Arki serves with, and other servers beside it."""


class NotMeasuredError(Exception):
    """Something that cannot be measured here; the message says why and stands in the table."""


def python_of(name: str) -> str:
    """The Python of a peer's environment, made if it is not there. Raises `NotMeasuredError`."""
    folder, wanted = MADE / "environments" / name, REQUIREMENTS / f"{name}.txt"
    files = [FIRST[name], wanted] if name in FIRST else [wanted]
    stamp = folder / "made"
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    python = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == digest:
        return str(python)
    sys.stderr.write(f"benchmarks: making the environment of {name} …\n")
    try:
        venv.create(folder, with_pip=True, clear=True)
        for file in files:
            _run([str(python), "-m", "pip", "install", "-q", "-r", str(file)])
        if name in FIRST:
            _run([str(python), "-m", "pip", "install", "-q", "--no-deps", "-e", str(ROOT)])
    except (OSError, subprocess.SubprocessError) as error:
        raise NotMeasuredError(f"{name} could not be installed: {_last_line(error)}") from None
    stamp.write_text(digest)
    return str(python)


def versions_in(python: str) -> dict[str, str]:
    """Versions of everything installed beside a Python."""
    code = (
        "import json, importlib.metadata as m;"
        "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
    )
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    versions: dict[str, str] = json.loads(found.stdout)
    return versions


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONGEST_INSTALL_S)


def _last_line(error: Exception) -> str:
    said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
    errors = [line for line in said if "ERROR" in line] or said or [type(error).__name__]
    return errors[0][:160]
