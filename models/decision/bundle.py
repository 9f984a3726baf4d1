"""Bundles: model, rulebook, catalogue, channels and texts under one digest, served together or not at all.

A bundle is a folder named by the SHA-256 of its files, made once and never changed. Beside what is served it keeps, under
`sources`, the texts that the content team wrote; `check.json` names each by its digest, and serving reads none of them.
Making a bundle checks it: one with an error is not made. `current` is a link, moved by one rename; `activations.jsonl` is the record that rollback reads.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from models.contract.channels import read_channels
from models.contract.codes import CUSTOMER_TYPES
from models.contract.older_vocabulary import older_document
from models.contract.signals import SignalContract, Signals
from models.contract.vocabulary import Vocabulary, read_vocabulary
from models.decision.catalogue import read_catalogue
from models.decision.decision_code import DECISION_CODE
from models.decision.decision_table import read_rulebook
from models.decision.recommendation import Versions
from models.decision.recommender import Recommender
from models.decision.scorecard import read_scorecard

VOCABULARY: Final = "vocabulary.json"
"""Left out of bundles made before vocabularies were data."""
PARTS: Final = (
    VOCABULARY,
    "scorecard.json",
    "manifest.json",
    "rulebook.json",
    "catalogue.json",
    "channels.json",
    "texts.json",
    "check.json",
)
SOURCES: Final = "sources"
ARTIFACTS: Final = Path(__file__).parent.parent / "artifacts"
DIGEST_SHOWN: Final = 16
_DIGEST_DIGITS: Final = 64
LOOK_EVERY_S: Final = 1.0


class BundleError(Exception):
    """A bundle that cannot be made, found or served; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle: its digest, its parsed parts and the recommender made from them."""

    digest: str
    parts: dict[str, Any]
    recommender: Recommender


def build(folder: Path, documents: dict[str, Any], *, artifacts: Path = ARTIFACTS) -> str:
    """Make a bundle from compiled, checked documents and a trained model.

    Parameters
    ----------
    folder : Path
        Where bundles live (`ARKI_BUNDLES`).
    documents : dict
        The JSON parts that the content team owns, and `check.json`, by file name; under `sources` the texts that they
        were compiled from, where they are to be kept.
    artifacts : Path
        Folder of `scorecard.json` and `manifest.json`.

    Returns
    -------
    str
        The digest, which names the folder. Building the same parts again changes nothing.

    Raises
    ------
    BundleError
        If a part is missing or the model is not the one its manifest names.
    """
    if documents["check.json"]["errors"]:
        raise BundleError("the check found errors; no bundle is made")
    parts = _parts(documents, artifacts)
    digest = _digest(parts)
    _made_from(digest, parts)
    texts = {f"{SOURCES}/{name}": text.encode() for name, text in documents.get(SOURCES, {}).items()}
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if not _is_whole(folder, digest, with_sources=bool(texts)):
            _put(folder, digest, parts | texts)
    return digest


def preview(documents: dict[str, Any], *, artifacts: Path = ARTIFACTS) -> Bundle:
    """What these documents would do, errors found in them or not: for trying an edit out, never for serving.

    Raises
    ------
    BundleError
        If a part is missing, or the parts do not work together.
    """
    unchecked = documents | {"check.json": documents["check.json"] | {"errors": 0}}
    parts = _parts(unchecked, artifacts)
    return _made_from(_digest(parts), parts)


def load(folder: Path, digest: str, *, public_url: str = "") -> Bundle:
    """Read a bundle, verify every byte by its digest, and try it once.

    Parameters
    ----------
    folder : Path
        Where bundles live (`ARKI_BUNDLES`).
    digest : str
        Its name.
    public_url : str
        Where browsers reach Arki's own pages, as `read_catalogue` takes it. It is no part of the bundle.

    Raises
    ------
    BundleError
        If a file is missing or altered, a check found errors, or the parts do not work together.
    """
    return verified(digest, read_contents(folder, digest), public_url=public_url)


def read_contents(folder: Path, digest: str) -> dict[str, bytes]:
    """The files of a bundle as they lie on disk, to be verified where they are used. Raises `BundleError`."""
    try:
        return {
            name: (folder / digest / name).read_bytes()
            for name in PARTS
            if name != VOCABULARY or (folder / digest / name).exists()
        }
    except OSError as error:
        raise BundleError(
            f"bundle {digest[:DIGEST_SHOWN]} cannot be read: {error.strerror} ({error.filename})"
        ) from None


def sources(folder: Path, digest: str) -> dict[str, str]:
    """What the content team wrote for a bundle, by file name; empty for one made before bundles kept it.

    Raises
    ------
    BundleError
        If a file is missing or altered.
    """
    contents = read_contents(folder, digest)
    _verify(digest, contents)
    named = orjson.loads(contents["check.json"]).get("sources", {})
    if not named or not (folder / digest / SOURCES).is_dir():
        return {}
    texts = {}
    for name, expected in named.items():
        try:
            content = (folder / digest / SOURCES / name).read_bytes()
        except OSError as error:
            raise BundleError(
                f"bundle {digest[:DIGEST_SHOWN]} cannot be read: {error.strerror} ({error.filename})"
            ) from None
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(
                f"{SOURCES}/{name} of bundle {digest[:DIGEST_SHOWN]} was altered; build it again"
            )
        texts[name] = content.decode()
    return texts


def verified(digest: str, contents: dict[str, bytes], *, public_url: str = "") -> Bundle:
    """The bundle of some files, which must be the ones its digest names. Raises `BundleError`."""
    _verify(digest, contents)
    return _made_from(digest, contents, public_url=public_url)


def _verify(digest: str, contents: dict[str, bytes]) -> None:
    if _digest(contents) != digest:
        raise BundleError(f"bundle {digest[:DIGEST_SHOWN]} is not what its name says; build it again")


def _parts(documents: dict[str, Any], artifacts: Path) -> dict[str, bytes]:
    """The files of a bundle: the documents, and the model that its manifest names."""
    try:
        parts = {name: orjson.dumps(content) for name, content in documents.items() if name != SOURCES}
    except TypeError as error:  # a whole number of more than 64 bits
        raise BundleError(f"a part cannot be written: {error}; correct what the check found") from None
    for name in ("scorecard.json", "manifest.json"):
        try:
            parts[name] = (artifacts / name).read_bytes()
        except FileNotFoundError:
            raise BundleError(f"{artifacts / name} is missing; run `make train` first") from None
    _check_model(parts)
    return parts


def _made_from(digest: str, contents: dict[str, bytes], *, public_url: str = "") -> Bundle:
    """The bundle of these files, tried once. Raises `BundleError` if they do not work together."""
    try:
        parts = {name: orjson.loads(content) for name, content in contents.items()}
        vocabulary = vocabulary_of(parts)
        recommender = Recommender(
            scorecard=read_scorecard(parts["scorecard.json"], segments=vocabulary.inferred),
            rulebook=read_rulebook(parts["rulebook.json"], SignalContract(vocabulary)),
            catalogue=read_catalogue(parts["catalogue.json"], vocabulary, public_url=public_url),
            channels=read_channels(parts["channels.json"], vocabulary),
            texts=vocabulary.texts_of_answers(parts["texts.json"]),
            versions=Versions(
                bundle=digest[:DIGEST_SHOWN],
                model=parts["scorecard.json"]["version"],
                rulebook=_short(contents["rulebook.json"]),
                catalogue=_short(contents["catalogue.json"] + contents.get(VOCABULARY, b"")),
                code=DECISION_CODE,
            ),
        )
        _try_once(recommender)
    except BundleError:
        raise
    except Exception as error:
        raise BundleError(
            f"bundle {digest[:DIGEST_SHOWN]} does not work: {type(error).__name__}: {error}"
        ) from error
    if parts["check.json"]["errors"]:
        raise BundleError(f"bundle {digest[:DIGEST_SHOWN]} was checked and has errors; it is not served")
    return Bundle(digest, parts, recommender)


def vocabulary_of(parts: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary of some parts; of a bundle that has none of its own, what stood in code when it was made.

    Raises
    ------
    BundleError
        Where none can be made out.
    """
    document, channels = parts.get(VOCABULARY), parts["channels.json"]
    if document is None:
        catalogue = parts["catalogue.json"]
        if "topics" not in catalogue:
            raise BundleError(f"{VOCABULARY} is missing; build the bundle again")
        kinds = [kind for channel in channels["channels"].values() for kind in channel["carries"]]
        kinds += [item["type"] for item in catalogue["items"]]
        document = older_document(catalogue["topics"], parts["texts.json"], kinds)
    return read_vocabulary(document, channels)


def activate(folder: Path, digest: str, *, action: str = "activate") -> None:
    """Make a bundle the current one, by one rename, after verifying it. Workers notice within two seconds."""
    load(folder, digest)
    with _locked(folder):
        if current(folder) != digest:
            # A link cannot be changed in place. It is made under another name and renamed, so a reader finds the old bundle or the new one.
            aside = folder / f".current-{os.getpid()}"
            aside.unlink(missing_ok=True)
            aside.symlink_to(digest)
            aside.replace(folder / "current")
            record = {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "action": action,
                "bundle": digest,
            }
            # The rename is what counts. A crash before this line loses a line of the record, never a bundle.
            with (folder / "activations.jsonl").open("ab") as log:
                log.write(orjson.dumps(record) + b"\n")
                log.flush()
                os.fsync(log.fileno())


def rollback(folder: Path) -> str:
    """Activate the bundle that was current before this one, and return its digest.

    Raises
    ------
    BundleError
        If there is none.
    """
    line: list[str] = []
    for record in history(folder):
        # A roll-back takes the last activation away, so two roll-backs in turn go back by two and never to and fro.
        if record["action"] == "rollback" and line:
            line.pop()
        else:
            line.append(record["bundle"])
    if len(line) < 2:  # noqa: PLR2004  (this one and the one before)
        raise BundleError("there is no earlier bundle to roll back to")
    activate(folder, line[-2], action="rollback")
    return line[-2]


def current(folder: Path) -> str | None:
    """Digest of the current bundle, or None."""
    try:
        return (folder / "current").readlink().name
    except OSError:
        return None


def available(folder: Path) -> list[str]:
    """Digests of all bundles made, in name order."""
    return sorted(
        path.name for path in folder.glob("[0-9a-f]" * _DIGEST_DIGITS) if (path / "check.json").exists()
    )


def history(folder: Path) -> list[dict[str, Any]]:
    """Activations and rollbacks, oldest first."""
    try:
        lines = (folder / "activations.jsonl").read_bytes().splitlines()
    except FileNotFoundError:
        return []
    records = []
    for line in lines:
        with suppress(orjson.JSONDecodeError):  # a line torn by a crash tells nothing; those around it do
            records.append(orjson.loads(line))
    return records


class BundleStore:
    """The current bundle, kept by a serving process, which looks for a new one at most once a second.

    A bundle that cannot be served never replaces one that can: the last good one stays and `problem` says why.
    `public_url` is where browsers reach Arki's own pages; addresses stay as written where it is empty.
    """

    def __init__(self, folder: Path, *, public_url: str = "") -> None:
        self._folder = folder
        self._public_url = public_url
        self._lock = threading.Lock()
        self.problem: str | None = None
        digest = current(folder)
        if digest is None:
            raise BundleError(
                f"no bundle is active in {folder}; run `make setup`, or `arki-bundle build --activate`"
            )
        self._bundle = load(folder, digest, public_url=public_url)
        self._last_digest = digest
        self._looked = time.monotonic()

    def bundle(self) -> Bundle:
        """The bundle to answer from. Take it once per request: one answer, one bundle."""
        # One thread looks and loads; the others answer from the bundle they have and wait for nobody.
        if time.monotonic() - self._looked >= LOOK_EVERY_S and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._bundle

    def recommender(self) -> Recommender:
        """The recommender of the current bundle."""
        return self.bundle().recommender

    def _look(self) -> None:
        self._looked = time.monotonic()
        digest = current(self._folder)
        if digest in {self._last_digest, None}:
            return
        try:
            self._bundle = load(self._folder, str(digest), public_url=self._public_url)
            self.problem = None
        except BundleError as error:
            self.problem = str(error)
            if not isinstance(error.__context__, OSError):
                self._last_digest = str(
                    digest
                )  # a wrong file stays wrong; one that could not be read is tried again
            return
        self._last_digest = str(digest)


def _try_once(recommender: Recommender) -> None:
    """Answer for a customer of each type in each language, so that a bundle that cannot is never activated."""
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    for language in recommender.vocabulary.languages:
        recommender.recommend([Signals(kind, {}) for kind in CUSTOMER_TYPES], at=at, language=language)


def _check_model(parts: dict[str, bytes]) -> None:
    """The scorecard is the file its manifest names."""
    named = orjson.loads(parts["manifest.json"]).get("files", {}).get("scorecard.json")
    if named != hashlib.sha256(parts["scorecard.json"]).hexdigest():
        raise BundleError("scorecard.json is not the file that manifest.json names; run `make train` again")


def _digest(parts: dict[str, bytes]) -> str:
    lines = (f"{name} {hashlib.sha256(parts[name]).hexdigest()}\n" for name in sorted(parts))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _is_whole(folder: Path, digest: str, *, with_sources: bool) -> bool:
    try:
        load(folder, digest)
        return bool(sources(folder, digest)) or not with_sources
    except BundleError:
        return False


def _put(folder: Path, digest: str, parts: dict[str, bytes]) -> None:
    """Write a bundle aside and give it its name by one rename; a damaged one of that name makes way."""
    aside = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
    try:
        for name, content in parts.items():
            (aside / name).parent.mkdir(exist_ok=True)
            _write_durably(aside / name, content)
        aside.chmod(0o755)
        # A folder is replaced by two renames, since none can be renamed onto one that holds files.
        if (folder / digest).exists():
            (folder / digest).rename(aside.with_name(f"{aside.name}-damaged"))
        aside.rename(folder / digest)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(aside.with_name(f"{aside.name}-damaged"), ignore_errors=True)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One activation at a time, also between processes."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
