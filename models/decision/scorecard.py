"""The classifier as served: an additive scorecard, read from JSON and evaluated in plain Python.

Each feature has bins, a bin of its own for *missing*, and one row of log-odds per bin; a declared pair of features has
one row per cell. A customer's score is the intercept plus one row per table, so each row *is* that signal's
contribution. Tables hold int32 fixed point (2⁻¹⁶ log-odds): sums are exact in any order, and whole scores decide the
segment. Probabilities are rounded, since the last bit of an exponential is another on another machine. Nothing is unpickled.

References
----------
Additive scorecards as glass boxes: Caruana et al. 2015 (GA²M).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from models.contract.codes import BARRED
from models.contract.segments import PERSON_SEGMENTS, Segment
from models.contract.signals import PERSON_SIGNALS, Signal, Signals
from models.decision.caches import BinCache

SCALE: Final = 1 << 16
FORMAT: Final = 1
PLACES: Final = 6
_STEPS: Final = 10**PLACES


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
    """What one signal (or declared pair) added to the log-odds of the predicted segment against the others' mean."""

    signals: tuple[str, ...]
    log_odds: float


Row = tuple[int, ...]


class Prediction(NamedTuple):
    """The model's answer: `segment` is None where it abstains; `probabilities` in the order of `PERSON_SEGMENTS`.

    Both are rounded, and those of the three segments add up to 1.

    `rows` are the table rows that were added up, from which `Scorecard.reasons` tells why.
    """

    segment: Segment | None
    probability: float
    probabilities: tuple[float, ...]
    confident: bool
    rows: Sequence[Row] = ()


class _Table(NamedTuple):
    features: tuple[int, ...]  # positions in FEATURES: one, or two for a pair
    edges: tuple[tuple[int, ...], ...]
    rows: tuple[Row, ...]  # row-major over bins; per feature the last bin is *missing*


class _Lookup(NamedTuple):
    """How the row of a table is found; `other` and `width`, the bins of `other`, count for pairs alone."""

    rows: tuple[Row, ...]
    feature: int
    bins: BinCache
    other: int
    other_bins: BinCache | None
    width: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A compiled classifier. Make one with `read_scorecard`.

    Attributes
    ----------
    abstain_below, confident_from : float
        Rounded probability under which no segment is named, and from which the prediction counts as confident.
    minimum_known : int
        Known model signals under which no segment is named.
    names : tuple of tuple of str
        The signals of each table.
    """

    intercept: tuple[int, ...]
    tables: tuple[_Table, ...]
    abstain_below: float
    confident_from: float
    minimum_known: int
    names: tuple[tuple[str, ...], ...]
    _lookups: tuple[_Lookup, ...] = field(repr=False, compare=False)

    def predict(self, signals: Signals) -> Prediction:
        """Segment and probabilities of one person, from the declared features alone."""
        rows = self._rows(features(signals))
        scores = self._scores(rows)
        best = scores.index(max(scores))
        probabilities = _distribution(scores)
        probability = probabilities[best]
        abstains = probability < self.abstain_below or known_signals(signals) < self.minimum_known
        segment = None if abstains else PERSON_SEGMENTS[best]
        return Prediction(
            segment, probability, probabilities, not abstains and probability >= self.confident_from, rows
        )

    def probabilities(self, x: tuple[int | None, ...]) -> tuple[float, ...]:
        """Probability of each segment for one feature row: softmax of intercept plus one table row each, not rounded."""
        return _softmax(*self._scores(self._rows(x)))

    def _scores(self, rows: Sequence[Row]) -> tuple[int, int, int]:
        first, second, third = self.intercept
        for row in rows:
            first += row[0]
            second += row[1]
            third += row[2]
        return first, second, third

    def contributions(self, signals: Signals, segment: Segment) -> list[Contribution]:
        """What each signal added towards `segment`, largest first; the sum and the intercept are the score.

        Tables of one signal (a derived feature or two) are added up. An unknown signal has a contribution too: that
        nothing is known of it is information the model was trained on.
        """
        return _ordered(self._added(self._rows(features(signals)), segment, self.names))

    def reasons(self, signals: Signals, prediction: Prediction) -> list[Contribution]:
        """The contributions of known signals that speak for the predicted segment, largest first; none where it abstained."""
        if prediction.segment is None:
            return []
        known = signals.values
        named = [
            names if names[0] in known and (len(names) == 1 or known.keys() >= {*names}) else ()
            for names in self.names
        ]
        added = self._added(prediction.rows, prediction.segment, named)
        return _ordered({names: total for names, total in added.items() if total > 0})

    def _added(
        self, rows: Sequence[Row], segment: Segment, named: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], int]:
        """Twice the fixed-point log-odds that each name of a table added towards a segment, against the others' mean."""
        at = PERSON_SEGMENTS.index(segment)
        added: dict[tuple[str, ...], int] = {}
        for names, row in zip(named, rows, strict=True):
            if names:
                added[names] = added.get(names, 0) + 3 * row[at] - row[0] - row[1] - row[2]
        return added

    def _rows(self, x: tuple[int | None, ...]) -> list[Row]:
        """Each table's row for a feature row."""
        chosen = []
        for rows, feature, bins, other, other_bins, width in self._lookups:
            place = bins[x[feature]]
            if other_bins is not None:
                place = place * width + other_bins[x[other]]
            chosen.append(rows[place])
        return chosen


def _ordered(added: Mapping[tuple[str, ...], int]) -> list[Contribution]:
    contributions = [Contribution(names, total / (2 * SCALE)) for names, total in added.items()]
    contributions.sort(key=lambda contribution: (-contribution.log_odds, contribution.signals))
    return contributions


def _distribution(scores: tuple[int, int, int]) -> tuple[float, ...]:
    """Rounded probabilities; the least likely segment has what the others leave, so that they add up to 1."""
    probabilities = [*map(rounded, _softmax(*scores))]
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


def read_scorecard(document: Mapping[str, Any]) -> Scorecard:
    """A scorecard from its parsed JSON.

    Raises
    ------
    ArtifactError
        If format, feature contract, segments or any shape differ from what this version serves.
    """
    if document.get("format") != FORMAT:
        raise ArtifactError(f"scorecard format {document.get('format')!r} is not {FORMAT}; train again")
    if document.get("feature_contract") != FEATURE_CONTRACT:
        raise ArtifactError("the scorecard was trained for another feature contract; train again")
    if document.get("segments") != list(PERSON_SEGMENTS):
        raise ArtifactError("the scorecard names other segments than this version serves; train again")
    if BARRED & {name for table in document["tables"] for name in table["features"]}:
        raise ArtifactError("the scorecard uses a barred attribute; it must not be served")
    tables = tuple(_read_table(table) for table in document["tables"])
    return Scorecard(
        intercept=_row(document["intercept"]),
        tables=tables,
        abstain_below=float(document["abstain_below"]),
        confident_from=float(document["confident_from"]),
        minimum_known=int(document["minimum_known"]),
        names=tuple(
            tuple(dict.fromkeys(FEATURE_SIGNAL[FEATURES[at]] for at in table.features)) for table in tables
        ),
        _lookups=tuple(map(_lookup, tables)),
    )


def _lookup(table: _Table) -> _Lookup:
    bins = [*map(BinCache, table.edges)]
    if len(bins) == 1:
        return _Lookup(table.rows, table.features[0], bins[0], 0, None, 0)
    (first, second), (upper, lower) = table.features, bins
    return _Lookup(table.rows, first, upper, second, lower, len(table.edges[1]) + 2)


def _read_table(table: Mapping[str, Any]) -> _Table:
    positions = tuple(FEATURES.index(name) for name in table["features"])
    edges = tuple(tuple(int(edge) for edge in per_feature) for per_feature in table["edges"])
    rows = tuple(_row(row) for row in table["rows"])
    cells = math.prod(len(per_feature) + 2 for per_feature in edges)
    if (
        len(positions) not in {1, 2}
        or len(edges) != len(positions)
        or len(rows) != cells
        or any(list(e) != sorted(set(e)) for e in edges)
    ):
        raise ArtifactError(f"the table of {' × '.join(table['features'])} has a wrong shape; train again")
    return _Table(positions, edges, rows)


def _softmax(first: int, second: int, third: int) -> tuple[float, float, float]:
    top = max(first, second, third)
    a, b, c = (
        math.exp((first - top) / SCALE),
        math.exp((second - top) / SCALE),
        math.exp((third - top) / SCALE),
    )
    total = a + b + c
    return a / total, b / total, c / total


def _row(numbers: list[int]) -> tuple[int, ...]:
    if len(numbers) != len(PERSON_SEGMENTS) or not all(
        isinstance(n, int) and abs(n) < 1 << 31 for n in numbers
    ):
        raise ArtifactError("a table row must hold one int32 per segment; train again")
    return tuple(numbers)
