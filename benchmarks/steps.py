"""Part `steps`: how many Python bytecodes a request runs, by what runs them; from the bytes that arrived to those that leave.

A count, so the same on every machine with this Python and these packages: it says where the time of a request is, where
timings only say how much. What runs in C (JSON, hashes, system calls) counts as the call alone.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.contestants import KEY, arki_asks
from benchmarks.customers import read_customers
from benchmarks.environments import ROOT
from benchmarks.load import Requests

WARM_UP, COUNTED = 128, 64
OURS = ("models", "service")


def measure(bundles: Path, *, quick: bool) -> dict[str, Any]:  # noqa: ARG001  (a count needs no rounds)
    """Bytecodes of one request, by part: a hello's and a full answer's; in a process of its own, as a worker has one."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.steps", str(bundles)]
        environ = os.environ | {"ARKI_RUN": str(Path(folder) / "run")}
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=environ)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def main() -> None:
    """`python -m benchmarks.steps BUNDLES`: the counts as JSON."""
    from service.server import gunicorn_config  # first: it says where counts are kept

    try:
        from benchmarks.peers import hello
        from service.app import create_app
        from service.settings import Settings

        with Path(os.devnull).open("wb") as quiet:
            os.dup2(quiet.fileno(), 2)  # the log's lines
        app = create_app(Settings(bundles=Path(sys.argv[1]), dev_key=KEY, secret=secrets.token_hex(32)))
        full = arki_asks(read_customers())["full"]
        found = {"hello": _counted(hello.app, Requests("/hello")), "full": _counted(app, full)}
    finally:
        gunicorn_config.on_exit(None)
    json.dump(found, sys.stdout)


def _counted(app: Any, requests: Requests) -> dict[str, float]:
    """Bytecodes of a request by part, after everything that is remembered has been seen."""
    serve, wires = _server(app), requests.wires()
    for at in range(WARM_UP):
        said = serve(wires[at % len(wires)])
        if not said.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"answered {said[:60]!r}")
    found: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            found[frame.f_code.co_filename] += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return count

    for at in range(COUNTED):
        sys.settrace(count)
        serve(wires[at % len(wires)])
        sys.settrace(None)
    by_part: Counter[str] = Counter()
    for file, steps in found.items():
        by_part[_part(file)] += steps
    return {part: round(steps / COUNTED, 1) for part, steps in by_part.most_common()}


def _server(app: Any):
    """gunicorn's way from bytes that arrive to bytes that leave, over a pair of sockets, in this thread."""
    from gunicorn.config import Config
    from gunicorn.workers.gthread import TConn, ThreadWorker

    from service.server import gunicorn_config

    config = Config()
    for name in ("logger_class", "keepalive", "threads", "forwarded_allow_ips", "forwarder_headers"):
        config.set(name, getattr(gunicorn_config, name))
    worker = ThreadWorker(1, os.getppid(), [], None, 30, config, config.logger_class(config))
    worker.wsgi = app
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    accepted, address = listener.accept()
    conn = TConn(config, accepted, address, listener.getsockname())

    def serve(request: bytes) -> bytes:
        client.sendall(request)
        worker.handle(conn)
        return _whole_answer(client)

    return serve


def _whole_answer(client: socket.socket) -> bytes:
    """gunicorn sends head and body apart, and the second may come later."""
    said = b""
    while not (head := said.partition(b"\r\n\r\n"))[1]:
        said += client.recv(1 << 20)
    length = int(head[0].lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(said) < len(head[0]) + 4 + length:
        said += client.recv(1 << 20)
    return said


def _part(file: str) -> str:
    """Whose code a file is."""
    path = Path(file)
    if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
        inside = path.relative_to(ROOT).as_posix()
        return inside.partition("/")[0] if inside.startswith(OURS) else "benchmarks"
    if "site-packages" in path.parts:
        package = path.parts[path.parts.index("site-packages") + 1]
        return package.removesuffix(".py")
    return "standard library"


if __name__ == "__main__":
    main()
