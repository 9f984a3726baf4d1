"""Writes a CycloneDX 1.6 bill of materials of the serving image from requirements/serve.lock: `make sbom`.

Nothing but the lock goes in, so the same lock gives the same file, and a test holds the committed one to it.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def bill(lock: str, name: str, version: str) -> dict[str, Any]:
    """The bill of materials of a lock file."""
    components = []
    for block in re.split(r"\n(?=\S)", lock.replace("\\\n", "\n ")):
        found = re.match(r"([A-Za-z0-9_.-]+)==([^\s;]+)", block)
        if found is None:
            continue
        package, pinned = found[1].lower().replace("_", "-"), found[2]
        purl = f"pkg:pypi/{package}@{pinned}"
        hashes = sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        components.append(
            {
                "type": "library",
                "bom-ref": purl,
                "name": package,
                "version": pinned,
                "purl": purl,
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in hashes],
            }
        )
    root = f"pkg:pypi/{name}@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, lock)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": name,
                "version": version,
                "purl": root,
            }
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [component["bom-ref"] for component in components]}],
    }


def main() -> None:
    """Print it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements" / "serve.lock").read_text(encoding="utf-8")
    json.dump(bill(lock, project["name"], project["version"]), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
