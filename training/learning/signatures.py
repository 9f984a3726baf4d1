"""Signatures: a person accepts a failed gate, for the data, the group, the side and the size that were measured, and for no other.

A signature covers a failure where everything it is bound to is equal and the failure is no larger than the one signed. What
was signed for one training's data is void for any other. Only `training` may import this.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from training.learning.documents import DataOrigin, GateDocument, Manifest, SignatureEntry, gate_kind

SHIPPED: Final = Path(__file__).parent.parent / "signatures.toml"
GROUP: Final = "group"
OTHERS: Final = "others"
_WRITTEN: Final = ("reason", "signed_by", "date")
_BOUND: Final = ("data", "metric", "at_most")
_BOUND_TO_GROUP: Final = ("segment", "group", "lower")

_HEADER: Final = """\
# Failed gates of model {version}, to be signed for. Write a reason, a name and a date into each entry that you accept, take out
# those that you do not, leave the other lines as they are, and run: arki-train sign FOLDER FILE
# An entry holds for this data, this group and this side alone, and for no larger failure than at_most.
"""


class SignatureError(ValueError):
    """A file of signatures that cannot count; the message names the entry and what it lacks. Complete the file."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed gate, as a signature is bound to it.

    Attributes
    ----------
    data : str
        `data_digest` of the training.
    metric : str
        ``recall``, ``precision``, ``abstention`` or ``personal_service``; the gate's name where it is about no group.
    segment : str
        Empty where the gate is about no group.
    group : tuple of (str, str)
        Audit attribute and value, one or two.
    lower : str
        ``group`` or ``others``: whose rate is the lower one.
    size : float
        How far the rates lie apart, or the figure from its limit.
    """

    data: str
    metric: str
    segment: str
    group: tuple[tuple[str, str], ...]
    lower: str
    size: float


@dataclass(frozen=True, slots=True)
class Signature:
    """Who accepts a failure of at most its size, and why."""

    failure: Failure
    reason: str
    signed_by: str
    date: str

    def void_for(self, failure: Failure) -> str:
        """Why it does not cover a failure; empty where it does."""
        signed = self.failure
        if (signed.metric, signed.segment, signed.group) != (failure.metric, failure.segment, failure.group):
            return "no such gate failed"
        if signed.data != failure.data:
            return "it was signed for other data"
        if signed.lower != failure.lower:
            return f"the lower rate is that of the {failure.lower}, and it was signed for the {signed.lower}"
        if failure.size > signed.size:
            return f"the failure measures {failure.size:g}, and at most {signed.size:g} was signed for"
        return ""


def data_digest(data: DataOrigin) -> str:
    """What a signature is bound to of the manifest's ``data``: sha256 of the digests of fitted, test and audit columns."""
    names = ("sha256", "test_sha256", "audit_sha256")
    return hashlib.sha256(" ".join(str(data.get(name)) for name in names).encode()).hexdigest()


def failures(manifest: Manifest) -> list[tuple[GateDocument, Failure]]:
    """The failed gates of a manifest, each with what a signature must be bound to."""
    digest = data_digest(manifest["data"])
    return [(gate, _failure(gate, digest)) for gate in manifest["gates"] if not gate["passed"]]


def unsigned(manifest: Manifest) -> list[GateDocument]:
    """The failed gates that no signature in the manifest covers; what promotion refuses."""
    return [gate for gate, failure in failures(manifest) if not _is_signed(gate, failure)]


def sign(manifest: Manifest, signatures: list[Signature]) -> list[str]:
    """Write into the manifest's failed gates the first signature that covers each.

    Returns
    -------
    list of str
        For each signature that covers no failure, its number in the list from 1, its gate and why.
    """
    failed = failures(manifest)
    for gate, failure in failed:
        for each in signatures:
            if not each.void_for(failure):
                gate["signed"] = _entry(each)
                break
    void = []
    for number, each in enumerate(signatures, 1):
        reasons = {each.void_for(failure) for _, failure in failed} or {"no such gate failed"}
        if "" not in reasons:
            why = min(reasons, key=lambda reason: reason == "no such gate failed")
            void.append(f"[[signed]] number {number} ({_named(each.failure)}) is void: {why}")
    return void


def read_signatures(path: Path) -> list[Signature]:
    """The signatures of a file.

    Raises
    ------
    SignatureError
        If it is no TOML, or an entry lacks a field, has one too many, or is not written and signed.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SignatureError(f"{path}: cannot be read ({error}). Correct the file.") from error
    entries = document.get("signed", [])
    if document.keys() - {"signed"} or not isinstance(entries, list):
        raise SignatureError(
            f"{path}: holds more than [[signed]] entries. Copy them from what `arki-train sign FOLDER` prints."
        )
    return [_read(entry, f"{path}: [[signed]] number {number}") for number, entry in enumerate(entries, 1)]


def to_sign(manifest: Manifest) -> str:
    """The failures that nobody has signed for, as TOML with everything bound and reason, name and date left empty."""
    parts = [_HEADER.format(version=manifest["version"])]
    for gate, failure in failures(manifest):
        if not _is_signed(gate, failure):
            detail = f" ({gate['detail']})" if gate.get("detail") else ""
            sentence = _one_line(f"{gate['name']}: {gate['figure']:g}{detail}, allowed {gate['limit']:g}")
            entry = _entry(Signature(failure, "", "", ""))
            lines = [f"{name} = {_toml(value)}" for name, value in entry.items()]
            parts.append("\n".join([f"# {sentence}", "[[signed]]", *lines]) + "\n")
    return "\n".join(parts)


def _failure(gate: GateDocument, data: str) -> Failure:
    if gate_kind(gate) == "quality":
        return Failure(data, gate["name"], "", (), "", round(abs(gate["figure"] - gate["limit"]), 6))
    lower = GROUP if gate["figure"] < 0 else OTHERS
    return Failure(
        data,
        gate["metric"],
        gate["segment"],
        tuple(sorted(gate["group"].items())),
        lower,
        abs(gate["figure"]),
    )


def _is_signed(gate: GateDocument, failure: Failure) -> bool:
    try:
        return not _read(gate["signed"], "").void_for(failure)
    except (KeyError, SignatureError):
        return False


def _read(entry: Any, where: str) -> Signature:  # noqa: ANN401  (any TOML)
    if not isinstance(entry, dict):
        raise SignatureError(
            f"{where}: is no table. Copy the entries from what `arki-train sign FOLDER` prints."
        )
    about_group = any(name in entry for name in _BOUND_TO_GROUP)
    wanted = (*_BOUND, *(_BOUND_TO_GROUP if about_group else ()), *_WRITTEN)
    lacking = [name for name in wanted if not str(entry.get(name, "")).strip()]
    if lacking:
        raise SignatureError(
            f"{where} lacks {', '.join(lacking)}. A signature counts only when it is whole: written, signed and bound to"
            " what `arki-train sign FOLDER` prints."
        )
    unknown = sorted(entry.keys() - {*wanted})
    size, group = entry["at_most"], entry.get("group", {})
    if (
        unknown
        or not isinstance(size, int | float)
        or not isinstance(group, dict)
        or (about_group and (entry["lower"] not in (GROUP, OTHERS) or not group))
    ):
        raise SignatureError(
            f"{where} holds {', '.join(unknown) or 'an at_most, group or lower'} that is not as `arki-train sign FOLDER` prints"
            " it. Copy these lines anew."
        )
    bound = Failure(
        str(entry["data"]), str(entry["metric"]), str(entry.get("segment", "")),
        tuple(sorted((str(name), str(value)) for name, value in group.items())), str(entry.get("lower", "")), float(size),
    )  # fmt: skip
    return Signature(bound, *(str(entry[name]).strip() for name in _WRITTEN))


def _entry(signature: Signature) -> SignatureEntry:
    """As a manifest's gate and a file of signatures hold it, its lines in the order in which they are read."""
    bound = signature.failure
    written = {name: getattr(signature, name) for name in _WRITTEN}
    about_group = {"segment": bound.segment, "group": dict(bound.group), "lower": bound.lower}
    lines = {
        "data": bound.data,
        "metric": bound.metric,
        **(about_group if bound.group else {}),
        "at_most": bound.size,
    }
    return cast("SignatureEntry", lines | written)


def _named(bound: Failure) -> str:
    """As the gate is named."""
    if not bound.group:
        return bound.metric
    attributes, values = zip(*bound.group, strict=True)
    return f"{bound.metric} of {bound.segment}, {' × '.join(attributes)}: {', '.join(values)}"


def _toml(value: Any) -> str:  # noqa: ANN401  (a text, a number or a table of texts)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(name)} = {_toml(each)}" for name, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    """A group's value may hold anything, a comment no control character."""
    return "".join(each if each.isprintable() else " " for each in text)
