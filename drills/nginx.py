"""nginx with deploy/nginx.conf in front of a running service, as production has it."""

from __future__ import annotations

import dataclasses
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from drills.server import ROOT, Server, free_port, keys_file, request_bytes, serving
from drills.table import needs

_CONF = ROOT / "deploy" / "nginx.conf"


@dataclass(frozen=True)
class Proxied:
    """A service behind nginx: `front` is what clients see, `back` the service itself, `key` one of every scope."""

    front: Server
    back: Server
    key: str

    def request(self, path: str, body: object, method: str = "POST") -> bytes:
        """A request as it goes over the wire, with the key."""
        return request_bytes(path, body, key=self.key, method=method)


@contextmanager
def serving_behind_nginx(
    folder: Path, bundles: Path, *, workers: int = 2, **settings: str
) -> Iterator[Proxied]:
    """The service, and nginx in front of it, both ended."""
    program = needs("nginx")
    scopes = ("recommend", "segments:read", "content:read", "outcomes:write", "operate")
    settings = {
        "ARKI_KEYS": str(folder / "proxied-keys.json"),
        "ARKI_DEV_KEY": "",
        "ARKI_SECRET": "s" * 40,
        "ARKI_TRUSTED_PROXIES": "127.0.0.1",
        "ARKI_RATE_LIMIT": "off",
        **settings,
    }
    key = keys_file(folder / "proxied-keys.json", *scopes)
    with (
        serving(folder, bundles, workers=workers, **settings) as back,
        nginx(program, folder, back, workers) as front,
    ):
        yield Proxied(front, back, key)


@contextmanager
def nginx(program: str, folder: Path, back: Server, workers: int = 2) -> Iterator[Server]:
    """nginx with the shipped configuration, on a port of its own; its bound on connections is so much for each worker."""
    port = free_port()
    conf, home = _CONF.read_text(encoding="utf-8"), folder / f"nginx-{port}"
    home.mkdir()
    for old, new in (
        ("server 127.0.0.1:8080", f"server 127.0.0.1:{back.port}"),
        ("max_conns=256", f"max_conns={128 * workers}"),
        ("listen 127.0.0.1:8081;", f"listen 127.0.0.1:{port} backlog=4096;"),
        ("pid /run/nginx-arki.pid;", f"pid {home}/nginx.pid;"),
        ("access_log off;", f"access_log off; client_body_temp_path {home}/b; proxy_temp_path {home}/p;"),
    ):
        if old not in conf:
            raise ValueError(f"deploy/nginx.conf has no {old}")
        conf = conf.replace(old, new)
    (home / "nginx.conf").write_text(conf, encoding="utf-8")
    command = [program, "-c", str(home / "nginx.conf"), "-p", str(home), "-g", "daemon off;"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            front = dataclasses.replace(back, port=port)
            _wait_until_it_answers(front)
            yield front
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_until_it_answers(front: Server) -> None:
    for _ in range(200):
        with suppress(OSError):
            if front.ask("/healthz", key=None, timeout_s=2)[0] == 200:
                return
        time.sleep(0.05)
    raise RuntimeError("nginx does not answer")
