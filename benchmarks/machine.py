"""What the figures were taken on: kind of machine and versions, without a name of the machine or a path on it."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

OURS = (
    "flask",
    "werkzeug",
    "marshmallow",
    "gunicorn",
    "orjson",
    "itsdangerous",
    "scikit-learn",
    "numpy",
    "pyarrow",
)


def machine() -> dict[str, object]:
    """Cores, processor, memory, system and Python."""
    cpu = _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()
    memory_kib = (_field("/proc/meminfo", "MemTotal") or "0").split()[0]
    return {
        "cores": os.cpu_count(),
        "cpu": cpu,
        "memory_gib": round(int(memory_kib) / 2**20),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def versions(names: tuple[str, ...] = OURS) -> dict[str, str]:
    """Versions of what is installed in this environment."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def load_average() -> float:
    """Runnable processes over the last minute; figures of a busy machine say so."""
    return round(os.getloadavg()[0], 1)


def _field(file: str, name: str) -> str | None:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(name)), None)
