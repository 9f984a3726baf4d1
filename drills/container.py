"""The image without an engine: the service as uid 65532, without capabilities, on a read-only root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path

from drills.server import ROOT, free_port
from drills.table import CannotRunError, Row, needs

UID = 65532
STAGE = "/dev/shm"
# In a mount namespace of our own: everything read-only but /dev/shm and /proc; then another user, nothing to regain. What the
# service reads lies below /dev/shm, since only their owner may enter the folders of a checkout or of an interpreter.
_SCRIPT = """
set -e
mount --make-rprivate /
mount -o remount,bind,ro / 2>/dev/null || mount -o remount,ro /
awk '{print $2}' /proc/self/mounts | while read -r m; do
  case "$m" in /dev/shm|/proc|/proc/*|/dev|/dev/*|/sys|/sys/*) ;; *) mount -o remount,bind,ro "$m" 2>/dev/null || true ;; esac
done
mount -t tmpfs -o mode=1777 arki "$STAGE"
cd "$STAGE"
mkdir code bundles base purelib platlib
for name in models service clients fixtures; do cp -r "$ROOT/$name" code/; done
cp -r "$BUNDLES"/. bundles/
chmod -R a+rX code bundles
for name in base purelib platlib; do
  eval "source=\\$$name"
  mount --bind "$source" $name
  mount -o remount,bind,ro $name
done
exec setpriv --reuid "$WHO" --regid "$WHO" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
  env LD_LIBRARY_PATH="$STAGE/base/lib" "$STAGE/base/$INTERPRETER" -c "$CODE"
"""
_CODE = """
import os, runpy, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
try:
    open("/tmp/arki-written", "w"); written = True
except OSError:
    written = False
print("caps", status["CapEff"].strip(), status["CapBnd"].strip(), "uid", os.getuid(), "written", written, flush=True)
sys.argv = ["arki-serve"]
runpy.run_module("service.server.serve", run_name="__main__")
"""


def locked_down(folder: Path, bundles: Path) -> list[Row]:
    """Start the service so, ask it, and stop it."""
    unshare, _ = needs("unshare"), needs("setpriv")
    if os.geteuid() != 0:
        raise CannotRunError("not root: unshare and setpriv need it to take rights away")
    if subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode:
        raise CannotRunError("unshare may not make a mount namespace here")
    port = free_port()
    base = Path(sys.base_prefix).resolve()
    environ = {
        "PATH": os.environ["PATH"],
        "STAGE": STAGE,
        "ROOT": str(ROOT),
        "BUNDLES": str(bundles),
        "WHO": str(UID),
        "CODE": _CODE,
        "base": str(base),
        "INTERPRETER": str(Path(sys.executable).resolve().relative_to(base)),
        "purelib": sysconfig.get_path("purelib"),
        "platlib": sysconfig.get_path("platlib"),
        "PYTHONPATH": os.pathsep.join(f"{STAGE}/{name}" for name in ("code", "purelib", "platlib")),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ARKI_BUNDLES": f"{STAGE}/bundles",
        "ARKI_DEV_KEY": "k",
        "PORT": str(port),
    }
    with (folder / "out.txt").open("wb") as out:
        process = subprocess.Popen(
            [unshare, "--mount", "sh", "-c", _SCRIPT], env=environ, stdout=out, stderr=out, cwd="/"
        )
    try:
        served = _ready(port, process)
    finally:
        process.terminate()
        left = process.wait(timeout=40)
    said = (folder / "out.txt").read_text()
    zero = "0" * 16
    expected = f"caps {zero} {zero} uid {UID} written False"
    facts = next((line for line in said.splitlines() if line.startswith("caps ")), said[-300:])
    if "Permission denied" in said and not served:
        raise CannotRunError(
            f"uid {UID} may not read the files of {base} or {environ['purelib']} (a umask of 077?)"
        )
    return [
        Row(
            f"read-only root, no capabilities, uid {UID}",
            f"{'ready' if served else 'not ready'}, {facts}, exit {left}",
            f"ready, {expected}, exit 0",
            served and facts == expected and left == 0,
        )
    ]


def _ready(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                return bool(json.loads(answer.read())["status"] == "ready")
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    return False
