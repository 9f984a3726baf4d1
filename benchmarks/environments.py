"""Environments of the peers, made once under .bench/ from pinned requirements; what cannot be made says why."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

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
    wanted = REQUIREMENTS / f"{name}.txt"
    if name in FIRST:
        return environment(MADE / "environments" / name, [FIRST[name], wanted], tree=ROOT)
    return environment(MADE / "environments" / name, [wanted])


def environment(folder: Path, files: list[Path], *, tree: Path | None = None) -> str:
    """The Python of an environment of these requirements, and of a tree of Arki's; made anew where they changed.

    Raises `NotMeasuredError`.
    """
    stamp, python = folder / "made", str(folder / "bin" / "python")
    read = [*files, tree / "pyproject.toml"] if tree is not None else files
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in read)).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    sys.stderr.write(f"benchmarks: making the environment of {folder.name} …\n")
    install = [python, "-m", "pip", "install", "-q"]
    try:
        venv.create(folder, with_pip=True, clear=True)
        for file in files:
            run([*install, "-r", str(file)])
        if tree is not None:
            run([*install, "--no-deps", "-e", str(tree)])
    except (OSError, subprocess.SubprocessError) as error:
        raise NotMeasuredError(f"{folder.name} could not be installed: {_last_line(error)}") from None
    stamp.write_text(digest)
    return python


def versions_in(python: str) -> dict[str, str]:
    """Versions of everything installed beside a Python."""
    code = (
        "import json, importlib.metadata as m;"
        "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
    )
    versions: dict[str, str] = json.loads(run([python, "-c", code]))
    return versions


def run(command: list[str], **more: Any) -> str:
    """What a command prints. Raises `OSError` or `subprocess.SubprocessError`."""
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=LONGEST_INSTALL_S, **more
    )
    return done.stdout


def _last_line(error: Exception) -> str:
    said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
    errors = [line for line in said if "ERROR" in line] or said or [type(error).__name__]
    return errors[0][:160]
