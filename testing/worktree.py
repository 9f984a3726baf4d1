"""The files of a work tree, for what looks through them or works on a copy of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def files(root: Path) -> list[str]:
    """Paths of the files that are tracked, or new and not ignored; those that were deleted are left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=root,
        check=True,
        capture_output=True,
    )
    return [name for name in listed.stdout.decode().split("\0") if name and (root / name).is_file()]


def copy(root: Path, folder: Path, *, without: tuple[str, ...] = ()) -> None:
    """Copy the files of a work tree to a folder, but for those whose paths begin with one of `without`."""
    for name in files(root):
        if not name.startswith(without):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
