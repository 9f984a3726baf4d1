"""A PostgreSQL of our own on loopback, for the length of a test or drill: started, killed, started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from drills.server import free_port
from drills.table import CannotRunError

USER = "postgres"


@dataclass(frozen=True)
class Postgres:
    """Where it listens, and its folder."""

    port: int
    folder: Path
    binaries: Path

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self, **settings: str) -> None:
        """Start, and wait until it answers."""
        said = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c max_connections=60"
        said += "".join(f" -c {name}={value}" for name, value in settings.items())
        command = ["pg_ctl", "-D", "data", "-w", "-t", "60", "-l", "log", "-o", said, "start"]
        for last in (False, False, True):  # what a killed one left may live on for a moment
            try:
                self.run(*command)
            except subprocess.CalledProcessError:
                if last:
                    raise
                time.sleep(0.5)
            else:
                return

    def kill(self) -> None:
        """kill -9 of the postmaster; what it started ends by itself."""
        process = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """An orderly end."""
        with suppress(subprocess.CalledProcessError):
            self.run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def run(self, program: str, *arguments: str) -> None:
        """One of its programs, as a user that is not root, which it refuses."""
        prefix = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        command = [*prefix, str(self.binaries / program), *arguments]
        with (self.folder / "said").open("ab") as said:
            subprocess.run(command, cwd=self.folder, stdout=said, stderr=said, check=True)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new and empty one. Raises `CannotRunError` where there is none on this machine."""
    folder = Path(tempfile.mkdtemp(prefix="arki-postgres-"))
    try:
        if os.geteuid() == 0:
            with suppress(LookupError):
                shutil.chown(folder, USER, USER)
        made = Postgres(free_port(), folder, _binaries())
        made.run("initdb", "-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).parent
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    if not there:
        raise CannotRunError("PostgreSQL is not installed")
    return there[-1].parent
