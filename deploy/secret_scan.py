"""Looks for secrets in the tracked tree and in all its history: a few patterns that are hardly ever wrong.

Entropy is not looked at: lock files, digests and fixtures are full of it. A match is told by place and by the start of its
SHA-256, never by its text. `deploy/audit.py` calls it.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

_NO_MORE: Final = r"(?![A-Za-z0-9_-])"
PATTERNS: Final = {
    "Arki key": r"arki_(?P<id>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})(?P<checksum>[0-9a-f]{8})",
    "Arki secret": r"ARKI_SECRET[\"']?\s*[=:]\s*[\"']?(?P<value>[A-Za-z0-9+/=_-]{32,})",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "password in an address": r"\b[a-z][a-z0-9+.-]{1,30}://[^\s:/@\"'`<>$]*:(?P<password>[^\s/@\"'`<>]{3,})@",
    "AWS key": rf"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{{16}}{_NO_MORE}",
    "Azure key": r"AccountKey=[A-Za-z0-9+/]{86}==",
    "GitHub token": rf"\bgh[pousr]_[A-Za-z0-9]{{36,}}{_NO_MORE}|\bgithub_pat_[A-Za-z0-9_]{{60,}}",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "Google key": rf"\bAIza[A-Za-z0-9_-]{{35}}{_NO_MORE}",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "npm token": rf"\bnpm_[A-Za-z0-9]{{36}}{_NO_MORE}",
    "PyPI token": r"\bpypi-AgE[A-Za-z0-9_-]{50,}",
    "Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
    "vendor's secret key": r"\bsk-(?:ant-|proj-|live-)?[A-Za-z0-9_-]{32,}|\bsk_live_[A-Za-z0-9]{20,}",
}
_PLACEHOLDER: Final = re.compile(
    r"replace-?me.*|pass(?:word|wd)?|secret|example|changeme|pw|x+|\*+|…|\{.*|\$.*|%.*", re.IGNORECASE
)
_ANY: Final = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}
_HINTS: Final = {
    "Arki key": ("arki_",),
    "Arki secret": ("ARKI_SECRET",),
    "private key": ("PRIVATE KEY",),
    "password in an address": ("://",),
    "AWS key": ("AKIA", "ASIA", "ABIA", "ACCA"),
    "Azure key": ("AccountKey=",),
    "GitHub token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "GitLab token": ("glpat-",),
    "Google key": ("AIza",),
    "JSON web token": ("eyJ",),
    "npm token": ("npm_",),
    "PyPI token": ("pypi-AgE",),
    "Slack token": ("xox", "hooks.slack.com"),
    "vendor's secret key": ("sk-", "sk_live_"),
}
"""What a text must hold, so that few lines are asked for the patterns."""


class Secret(NamedTuple):
    """A match: what it is like, where (file and line, or file and commit), and the start of its SHA-256."""

    kind: str
    where: str
    sha256: str


def secrets_in(line: str, where: str) -> Iterator[Secret]:
    """The secrets that a line of text holds."""
    for kind, pattern in _ANY.items():
        if not any(hint in line for hint in _HINTS[kind]):
            continue
        for found in pattern.finditer(line):
            if _REAL.get(kind, _always)(found):
                yield Secret(kind, where, hashlib.sha256(found[0].encode()).hexdigest()[:16])


def secrets_of_tree(root: Path) -> Iterator[Secret]:
    """Of every tracked file as it lies in the folder."""
    for name in _git(root, "ls-files", "-z").split("\0"):
        file = root / name
        if name and file.is_file() and not file.is_symlink():
            text = file.read_bytes().decode("utf-8", "replace")
            for number, line in enumerate(text.split("\n"), start=1):
                yield from secrets_in(line, f"{name}:{number}")


def secrets_of_history(root: Path) -> Iterator[Secret]:
    """Of every line that a commit behind HEAD added, and of what commits say."""
    commit = name = ""
    for line in _git(root, "log", "-p", "--cc", "--no-color", "--no-ext-diff", "--no-textconv").split("\n"):
        if line.startswith("commit ") and len(line.split()[1]) >= 40:  # noqa: PLR2004  (a digest)
            commit, name = line.split()[1][:12], "message"
        elif line.startswith("+++ "):
            name = line.removeprefix("+++ ").removeprefix("b/")
        elif line.startswith(("+", " +", "    ")):
            yield from secrets_in(line, f"{name} in commit {commit}")


def is_whole(root: Path) -> bool:
    """Whether there is a repository with all of its history."""
    return (root / ".git").exists() and _git(root, "rev-parse", "--is-shallow-repository").strip() == "false"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", root, *arguments], check=True, capture_output=True)
    return done.stdout.decode("utf-8", "replace")


def _always(_: re.Match[str]) -> bool:
    return True


def _has_checksum(found: re.Match[str]) -> bool:
    """Keys of documentation are made up, and their checksum is wrong."""
    digest = zlib.crc32(f"{found['id']}_{found['secret']}".encode())
    return f"{digest:08x}" == found["checksum"]


_REAL: Final[dict[str, Callable[[re.Match[str]], bool]]] = {
    "Arki key": _has_checksum,
    "Arki secret": lambda found: len(set(found["value"])) > 8,  # noqa: PLR2004  (s * 40 is none)
    "password in an address": lambda found: not _PLACEHOLDER.fullmatch(found["password"]),
}
