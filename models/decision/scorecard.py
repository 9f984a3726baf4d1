"""The classifier as served: an additive scorecard, read from JSON and evaluated in plain Python.

Each feature has bins, a bin of its own for *missing*, and one row of log-odds per bin; a declared pair of features has
one row per cell. A customer's score is the intercept plus one row per table, so each row *is* that signal's
contribution. Tables hold int32 fixed point (2⁻¹⁶ log-odds): sums are exact in any order, and whole scores decide the
segment. Probabilities are rounded, since the last bit of an exponential is another on another machine. Nothing is unpickled.
The document names the segments, two or more; nothing here knows how many they are or what they mean: a row is one whole
number with a field for each, so that one addition adds a table to every score.

References
----------
Additive scorecards as glass boxes: Caruana et al. 2015 (GA²M).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import unpack
from typing import Any, Final, NamedTuple

from models.contract.codes import BARRED, EMPLOYER, UNKNOWN
from models.contract.signals import PERSON_SIGNALS, Signal, Signals
from models.decision.caches import BinCache

SCALE: Final = 1 << 16
FORMAT: Final = 1
PLACES: Final = 6
_STEPS: Final = 10**PLACES
_FIELD: Final = 8  # bytes, of which a sum of int32 never needs all
_BIAS: Final = 1 << 31  # keeps each field positive; it moves all scores alike
_CODE: Final = re.compile("[a-z][a-z0-9_]*")
_NEVER_INFERRED: Final = frozenset({EMPLOYER, UNKNOWN})


class Derivation(NamedTuple):
    """How a feature comes from a signal. Who changes what `derive` gives raises `version`, so that older models are refused."""

    signal: str
    name: str
    version: int
    derive: Callable[[Any], int | None]


DERIVED_FEATURES: Final[Mapping[str, Derivation]] = {
    "life_event_count": Derivation("life_events", "entries", 1, len),
    "months_since_life_event": Derivation(
        "life_events",
        "months since the latest",
        1,
        lambda events: min((event.months_ago for event in events), default=None),
    ),
    "active_benefit_count": Derivation("active_benefits", "entries", 1, len),
}
"""Feature -> the signal it comes from, and how. Which event or benefit it is never reaches the model."""
_DERIVED: Final = tuple((derivation.signal, derivation.derive) for derivation in DERIVED_FEATURES.values())


def count_features(signals: Iterable[Signal]) -> tuple[str, ...]:
    """The signals that are features as they are: counts that more than rules use."""
    return tuple(signal.name for signal in signals if signal.forms.is_feature and signal.used_by != "rules")


def feature_contract(signals: Iterable[Signal], derived: Mapping[str, Derivation]) -> str:
    """Digest of what a model uses: each feature, its signal's kind and maximum, and the name and version of its derivation.

    What rules alone use is no part of it: such a signal comes and goes without a training.
    """
    by_name = {signal.name: signal for signal in signals}
    derivations = [(name, name, "value", 1) for name in count_features(by_name.values())]
    derivations += [(name, each.signal, each.name, each.version) for name, each in derived.items()]
    contract = [
        [feature, name, by_name[name].kind, by_name[name].maximum, derivation, version]
        for feature, name, derivation, version in derivations
    ]
    return hashlib.sha256(json.dumps(contract).encode()).hexdigest()


COUNT_FEATURES: Final = count_features(PERSON_SIGNALS)
FEATURES: Final = (*COUNT_FEATURES, *DERIVED_FEATURES)
FEATURE_SIGNAL: Final = {name: name for name in COUNT_FEATURES} | {
    name: derivation.signal for name, derivation in DERIVED_FEATURES.items()
}
FEATURE_CONTRACT: Final = feature_contract(PERSON_SIGNALS, DERIVED_FEATURES)
"""What this version derives; an artifact made for another contract is refused."""
_MODEL_SIGNALS: Final = frozenset(FEATURE_SIGNAL.values())


class ArtifactError(ValueError):
    """A model file that must not be served: wrong format, feature contract or shape. Train or build again."""


class Contribution(NamedTuple):
    """What one signal (or declared pair) added to the log-odds of a segment against the others' mean."""

    signals: tuple[str, ...]
    log_odds: float


Row = tuple[int, ...]


class Prediction(NamedTuple):
    """The model's answer: `segment` is None where it abstains; `probabilities` in the order of `Scorecard.segments`.

    Both are rounded, and the probabilities add up to 1.

    `cells` are the places in the tables that were added up, from which `Scorecard.reasons` tells why.
    """

    segment: str | None
    probability: float
    probabilities: tuple[float, ...]
    confident: bool
    cells: Sequence[int] = ()


class _Table(NamedTuple):
    features: tuple[int, ...]  # positions in FEATURES: one, or two for a pair
    edges: tuple[tuple[int, ...], ...]
    rows: tuple[Row, ...]  # row-major over bins; per feature the last bin is *missing*


_Lookup = tuple[tuple[int, ...], int, BinCache, int, BinCache | None, int]
"""A table to be added: its packed rows, a feature and its bins; of a pair, the other feature, its bins, and how many they are."""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A compiled classifier. Make one with `read_scorecard`.

    Attributes
    ----------
    segments : tuple of str
        What it infers, in the order of every row and of `Prediction.probabilities`.
    abstain_below, confident_from : float
        Rounded probability under which no segment is named, and from which the prediction counts as confident.
    minimum_known : int
        Known model signals under which no segment is named.
    names : tuple of tuple of str
        The signals of each table.

    Notes
    -----
    `_start` and `_lookups` are the intercept and the tables, packed, and `_format` unpacks their sum; `_leads` has for each
    cell of a table what it adds to each segment against the mean of the others, times as many as the others are.
    """

    segments: tuple[str, ...]
    intercept: tuple[int, ...]
    tables: tuple[_Table, ...]
    abstain_below: float
    confident_from: float
    minimum_known: int
    names: tuple[tuple[str, ...], ...]
    _format: str = field(repr=False, compare=False)
    _start: int = field(repr=False, compare=False)
    _lookups: tuple[_Lookup, ...] = field(repr=False, compare=False)
    _leads: tuple[tuple[Row, ...], ...] = field(repr=False, compare=False)

    def predict(self, signals: Signals) -> Prediction:
        """Segment and probabilities of one person, from the declared features alone."""
        scores, cells = self._scores(features(signals))
        best = scores.index(max(scores))
        probabilities = _distribution(scores)
        probability = probabilities[best]
        abstains = probability < self.abstain_below or known_signals(signals) < self.minimum_known
        segment = None if abstains else self.segments[best]
        return Prediction(
            segment, probability, probabilities, not abstains and probability >= self.confident_from, cells
        )

    def probabilities(self, x: tuple[int | None, ...]) -> tuple[float, ...]:
        """Probability of each segment for one feature row: softmax of intercept plus one table row each, not rounded."""
        scores, _ = self._scores(x)
        return tuple(_softmax(scores))

    def contributions(self, signals: Signals, segment: str) -> list[Contribution]:
        """What each signal added towards `segment`, largest first; the sum and the intercept are the score.

        Tables of one signal (a derived feature or two) are added up. An unknown signal has a contribution too: that
        nothing is known of it is information the model was trained on.
        """
        _, cells = self._scores(features(signals))
        return self._ordered(self._added(cells, segment, self.names))

    def reasons(self, signals: Signals, prediction: Prediction) -> list[Contribution]:
        """The contributions of known signals that speak for the predicted segment, largest first; none where it abstained."""
        if prediction.segment is None:
            return []
        known = signals.values
        named = [
            names if names[0] in known and (len(names) == 1 or known.keys() >= {*names}) else ()
            for names in self.names
        ]
        added = self._added(prediction.cells, prediction.segment, named)
        return self._ordered({names: total for names, total in added.items() if total > 0})

    def _added(
        self, cells: Sequence[int], segment: str, named: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], int]:
        """The leads of a segment that each name of a table added."""
        at = self.segments.index(segment)
        added: dict[tuple[str, ...], int] = {}
        for names, leads, cell in zip(named, self._leads, cells, strict=True):
            if names:
                added[names] = added.get(names, 0) + leads[cell][at]
        return added

    def _ordered(self, added: Mapping[tuple[str, ...], int]) -> list[Contribution]:
        others = len(self.segments) - 1
        contributions = [Contribution(names, total / (others * SCALE)) for names, total in added.items()]
        contributions.sort(key=lambda contribution: (-contribution.log_odds, contribution.signals))
        return contributions

    def _scores(self, x: tuple[int | None, ...]) -> tuple[tuple[int, ...], list[int]]:
        """The score of each segment, all moved alike, and the cell of each table, for a feature row."""
        total, cells = self._start, []
        for rows, feature, bins, other, other_bins, width in self._lookups:
            cell = bins[x[feature]]
            if other_bins is not None:
                cell = cell * width + other_bins[x[other]]
            cells.append(cell)
            total += rows[cell]
        return unpack(self._format, total.to_bytes(_FIELD * len(self.segments), "little")), cells


def _distribution(scores: tuple[int, ...]) -> tuple[float, ...]:
    """Rounded probabilities; the least likely segment has what the others leave, so that they add up to 1."""
    probabilities = [*map(rounded, _softmax(scores))]
    # The last of equals, since the first of equals is the one that is named.
    least = len(scores) - 1 - scores[::-1].index(min(scores))
    probabilities[least] = 0.0
    probabilities[least] = rounded(1.0 - sum(probabilities))
    return tuple(probabilities)


def rounded(probability: Any) -> Any:  # noqa: ANN401  (a float, or an array of them)
    """A probability to six places, half up. Rows, columns and thresholds know no other."""
    return (probability * _STEPS + 0.5) // 1 / _STEPS


def features(signals: Signals) -> tuple[int | None, ...]:
    """The model's input of one person, in the order of `FEATURES`; None is unknown."""
    values: Mapping[str, Any] = signals.values
    counts = [*map(values.get, COUNT_FEATURES)]
    for source, derive in _DERIVED:
        counts.append(derive(values[source]) if source in values else None)
    return tuple(counts)


def known_signals(signals: Signals) -> int:
    """How many signals the model may use are known."""
    return len(_MODEL_SIGNALS & signals.values.keys())


def can_be_inferred(segments: object) -> bool:
    """Whether a model can name these: a list or tuple of two distinct codes or more, none of which is reserved.

    A code is small letters, digits and underscores after a letter; *employer* is known and *unknown* is no segment.
    """
    if not isinstance(segments, list | tuple) or not all(isinstance(code, str) for code in segments):
        return False
    distinct = {code for code in segments if _CODE.fullmatch(code)} - _NEVER_INFERRED
    return len(distinct) == len(segments) > 1


def read_scorecard(document: Mapping[str, Any], *, segments: Sequence[str] | None = None) -> Scorecard:
    """A scorecard from its parsed JSON.

    Parameters
    ----------
    document : mapping
    segments : sequence of str, optional
        What the vocabulary names as inferred, in any order; not compared where it is left out.

    Raises
    ------
    ArtifactError
        If format, feature contract or any shape differ from what this version serves, or the segments from `segments`.
    """
    if document.get("format") != FORMAT:
        raise ArtifactError(f"scorecard format {document.get('format')!r} is not {FORMAT}; train again")
    if document.get("feature_contract") != FEATURE_CONTRACT:
        raise ArtifactError("the scorecard was trained for another feature contract; train again")
    learnt = _read_segments(document.get("segments"), segments)
    if BARRED & {name for table in document["tables"] for name in table["features"]}:
        raise ArtifactError("the scorecard uses a barred attribute; it must not be served")
    tables = tuple(_read_table(table, len(learnt)) for table in document["tables"])
    intercept = _row(document["intercept"], len(learnt))
    return Scorecard(
        segments=learnt,
        intercept=intercept,
        tables=tables,
        abstain_below=float(document["abstain_below"]),
        confident_from=float(document["confident_from"]),
        minimum_known=int(document["minimum_known"]),
        names=tuple(
            tuple(dict.fromkeys(FEATURE_SIGNAL[FEATURES[at]] for at in table.features)) for table in tables
        ),
        _format=f"<{len(learnt)}Q",
        _start=_packed(intercept),
        _lookups=tuple(map(_lookup, tables)),
        _leads=tuple(tuple(map(_lead, table.rows)) for table in tables),
    )


def _read_segments(learnt: Any, named: Sequence[str] | None) -> tuple[str, ...]:  # noqa: ANN401  (any JSON)
    if not can_be_inferred(learnt):
        raise ArtifactError(
            f"the scorecard must name two distinct segments or more, and names {learnt!r}; train again"
        )
    lacking = [] if named is None else [code for code in named if code not in learnt]
    if lacking:
        raise ArtifactError(
            f"the model was never taught {', '.join(lacking)}, which the vocabulary names as inferred; train on labels that"
            " name every inferred segment, or say in the vocabulary that it is not inferred"
        )
    foreign = [] if named is None else [code for code in learnt if code not in named]
    if foreign:
        raise ArtifactError(
            f"the model infers {', '.join(foreign)}, which the vocabulary does not name as inferred; train again without, or"
            " add it to the vocabulary"
        )
    return tuple(learnt)


def _lookup(table: _Table) -> _Lookup:
    rows, bins = tuple(map(_packed, table.rows)), [*map(BinCache, table.edges)]
    if len(bins) == 1:
        return rows, table.features[0], bins[0], 0, None, 0
    (first, second), (upper, lower) = table.features, bins
    return rows, first, upper, second, lower, len(table.edges[1]) + 2


def _packed(row: Row) -> int:
    return sum((score + _BIAS) << 8 * _FIELD * at for at, score in enumerate(row))


def _lead(row: Row) -> Row:
    total = sum(row)
    return tuple(len(row) * score - total for score in row)


def _read_table(table: Mapping[str, Any], segments: int) -> _Table:
    positions = tuple(FEATURES.index(name) for name in table["features"])
    edges = tuple(tuple(int(edge) for edge in per_feature) for per_feature in table["edges"])
    rows = tuple(_row(row, segments) for row in table["rows"])
    cells = math.prod(len(per_feature) + 2 for per_feature in edges)
    if (
        len(positions) not in {1, 2}
        or len(edges) != len(positions)
        or len(rows) != cells
        or any(list(e) != sorted(set(e)) for e in edges)
    ):
        raise ArtifactError(f"the table of {' × '.join(table['features'])} has a wrong shape; train again")
    return _Table(positions, edges, rows)


def _softmax(scores: tuple[int, ...]) -> list[float]:
    top, odds, total = max(scores), [], 0.0
    # Added one by one, as columns are: from Python 3.12 on, `sum` makes up for what floats lose.
    for score in scores:
        likely = math.exp((score - top) / SCALE)
        odds.append(likely)
        total += likely
    return [each / total for each in odds]


def _row(numbers: list[int], segments: int) -> Row:
    if len(numbers) != segments or not all(isinstance(n, int) and abs(n) < 1 << 31 for n in numbers):
        raise ArtifactError("a table row must hold one int32 per segment; train again")
    return tuple(numbers)
