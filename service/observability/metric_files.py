"""Room for prometheus_client's files, taken before anything is counted, and given back when a worker has ended.

prometheus_client maps a file of each kind of metric into memory and makes it longer as it needs, without taking the room: where
the file system is full, the next count is a SIGBUS, which ends the worker. A file that is there already is used as it is, so
files of full length are made first. Imports no prometheus_client; `service.observability.metrics` calls `prepare` before it does.
"""

from __future__ import annotations

import logging
import os
import re
import struct
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from service.run_folder import is_alive

SIZES: Final = {"counter": 1 << 20, "histogram": 1 << 19, "gauge_livesum": 1 << 18}
"""Bytes by kind: several times what every route, status, segment and channel takes, and a thousand bundles. A test counts."""
_FILE: Final = re.compile(r"[a-z_]+_(\d+)\.db")
_USED: Final = struct.Struct("i")
_log: Final = logging.getLogger("arki")


def prepare(environ: MutableMapping[str, str]) -> bool:
    """Take the room for this process's files; where there is none, let it count for itself. Whether there is room."""
    folder = environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is None:
        return False
    give_back(Path(folder))
    files = []
    try:
        for kind, size in SIZES.items():
            files.append(Path(folder) / f"{kind}_{os.getpid()}.db")
            descriptor = os.open(files[-1], os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
    except OSError as error:
        for file in files:
            with suppress(OSError):
                file.unlink()
        del environ["PROMETHEUS_MULTIPROC_DIR"]
        _log.error(
            "There is no room for the counts of this worker in %s (%s): it counts for itself until it is replaced, and "
            "/metrics tells of one worker alone.",
            folder,
            error.strerror,
        )
        return False
    return True


def give_back(folder: Path) -> None:
    """Cut the files of ended workers off where their counts end, and drop their gauges, which tell of what is."""
    for file in folder.glob("*.db"):
        match = _FILE.fullmatch(file.name)
        if match is None or is_alive(match[1]):
            continue
        with suppress(OSError, struct.error):
            if file.name.startswith("gauge_live"):
                file.unlink()
                continue
            with file.open("rb") as stream:
                used = _USED.unpack(stream.read(_USED.size))[0]
            if used:
                os.truncate(file, used)
            else:
                file.unlink()
