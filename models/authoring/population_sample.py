"""The sample of the population that ships with the model: the questions of simulated customers, counted and scaled to Finland.

No customer is left in it: each row says how many simulated customers asked the same and belong to the same audit group. Its
codes are those of the vocabulary that it was made by. The shares of segments are read in plain Python, so that pages can
show them; numpy is imported where the sample is read whole.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from models.authoring.questions import NAMES, Audit, Owed, Population, Question
from models.contract.codes import CUSTOMER_TYPES, UNKNOWN, CustomerType
from models.contract.vocabulary import EMPTY
from models.decision.bundle import ARTIFACTS
from models.decision.facts import SEGMENT, declared_facts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE: Final = ARTIFACTS / "population.json.gz"
FORMAT: Final = 2
OF_VOCABULARY: Final = frozenset([SEGMENT, "life_event", "open_matter"])
"""The facts whose values are codes of a vocabulary, so that a sample may have others."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample: the version of the model that named its segments, and the population it stands for."""

    model: str
    population: Population


def read_sample(path: Path = SAMPLE) -> Sample:
    """The sample of a file that `arki-train` wrote.

    Raises
    ------
    ValueError
        If the file is of another format, or of other facts. Train the model again.
    """
    import numpy as np  # noqa: PLC0415  (pages that show shares read the sample without it)

    document = _document(path)
    parts = [document[kind] for kind in CUSTOMER_TYPES]
    questions = [_questions(kind, document[kind]["questions"]) for kind in CUSTOMER_TYPES]
    owed = [_owed(kind, document[kind]["owed"]) for kind in CUSTOMER_TYPES]
    weights = [
        np.array(part["rows"]["customers"]) * (part["scaled_to"] / part["customers"]) for part in parts
    ]
    names = sorted({name for part in parts for name in part["rows"]["audit"]})
    population = Population(
        [each for of_kind in questions for each in of_kind],
        [each for of_kind in owed for each in of_kind],
        _placed([part["rows"]["question"] for part in parts], [len(of_kind) for of_kind in questions]),
        _placed([part["rows"]["owed"] for part in parts], [len(of_kind) for of_kind in owed]),
        np.concatenate(weights),
        {name: _audit(name, parts) for name in names},
        sampled=sum(part["customers"] for part in parts),
    )
    return Sample(document["model"], population)


@dataclass(frozen=True, slots=True)
class FirstLookups:
    """Customers by all facts of their first lookup: the facts' names, and each combination of values with its weight.

    `questions.as_known` makes of a combination the facts that one version knows.
    """

    model: str
    names: Mapping[CustomerType, tuple[str, ...]]
    weights: Mapping[CustomerType, Mapping[tuple[str, ...], float]]


def read_first_lookups(path: Path = SAMPLE) -> FirstLookups:
    """The sample by the facts of first lookups alone, all else added up, for pages that weigh facts.

    Raises
    ------
    ValueError
        If the file is of another format, or of other facts. Train the model again.
    """
    document = _document(path)
    weights: dict[CustomerType, dict[tuple[str, ...], float]] = {}
    for kind in CUSTOMER_TYPES:
        part = document[kind]
        facts = _facts(kind, part["questions"])
        scale, sums = part["scaled_to"] / part["customers"], weights.setdefault(kind, {})
        for question, customers in zip(part["rows"]["question"], part["rows"]["customers"], strict=True):
            sums[facts[question]] = sums.get(facts[question], 0.0) + customers * scale
    return FirstLookups(document["model"], NAMES, weights)


def segment_shares(path: Path = SAMPLE) -> tuple[str, dict[str, float]]:
    """The version of the model, and the share of each segment among persons; `unknown` where none is named."""
    document = _document(path)
    return document["model"], document["person"]["segments"]


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(gzip.decompress(path.read_bytes()))
    if document["format"] != FORMAT:
        raise ValueError(
            f"{path} is a sample of format {document['format']}, not {FORMAT}. Train the model again."
        )
    return document


def _questions(kind: CustomerType, part: Mapping[str, Any]) -> list[Question]:
    facts = _facts(kind, part)
    further = (tuple(values) for values in _values(part["further"]))
    rest = (_values(part[name]) for name in ("preferred", "open_matter", "strong_identification"))
    return [Question(kind, *each) for each in zip(facts, further, *rest, strict=True)]


def _facts(kind: CustomerType, questions: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The facts of each question. One declared after the sample was made, behind the others, is unknown of everybody."""
    columns, declared = [_values(column) for column in questions["facts"]], declared_facts(EMPTY)[kind]
    for column, fact in zip(columns, declared, strict=False):
        if fact.name not in OF_VOCABULARY and not set(column) <= set(fact.values):
            raise ValueError(
                f"the sample of the population has other values of {fact.name}. Declare a new fact behind the others of its"
                " customer type, or train the model again."
            )
    missing = len(declared) - len(columns)
    columns += [[UNKNOWN] * len(columns[0])] * missing
    return list(zip(*columns, strict=True))


def _owed(kind: CustomerType, part: Mapping[str, Any]) -> list[Owed]:
    benefits = (tuple(values) for values in _values(part["benefits"]))
    return [Owed(kind, *each) for each in zip(_values(part["open_matter"]), benefits, strict=True)]


def _values(column: Mapping[str, Any]) -> list[Any]:
    return [column["values"][code] for code in column["codes"]]


def _placed(positions: list[list[int]], sizes: list[int]) -> NDArray[np.int64]:
    """Positions within each customer type as positions within all."""
    import numpy as np  # noqa: PLC0415

    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    return np.concatenate(
        [np.array(part, np.int64) + start for part, start in zip(positions, starts, strict=True)]
    )


def _audit(name: str, parts: list[Mapping[str, Any]]) -> Audit:
    """An audit attribute over all rows; the group of those who have none is without a name."""
    import numpy as np  # noqa: PLC0415

    groups: tuple[str, ...] = ("",)
    codes = []
    for part in parts:
        column = part["rows"]["audit"].get(name)
        if column is None:
            codes.append(np.zeros(len(part["rows"]["question"]), np.int64))
        else:
            codes.append(np.array(column["codes"], np.int64) + len(groups))
            groups += tuple(column["values"])
    return Audit(groups, np.concatenate(codes))
