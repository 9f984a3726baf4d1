"""The facts of customers by the row form and by the column form; imported by path, tests/ is no package."""

import pyarrow as pa

from models.columns.facts import fact_columns
from models.columns.rows import SIGNALS
from models.columns.scorecard import ColumnScorecard
from models.columns.signals import SignalColumns
from models.columns.text_blocks import arrow_type
from models.contract.codes import CUSTOMER_TYPES
from models.decision.facts import may_personalise


def batch_of(customers):
    """Pairs of customer type and signals as a record batch."""
    columns = {
        name: pa.array([given.get(name) for _, given in customers], arrow_type(signal))
        for name, signal in SIGNALS.items()
    }
    return pa.record_batch({"customer_type": pa.array([kind for kind, _ in customers]), **columns})


def by_rows(customers, card, facts):
    """The facts of each customer's lookups, one customer at a time, persons first."""
    for wanted in CUSTOMER_TYPES:
        for kind, given in customers:
            if kind == wanted:
                signals = facts.contract.read(kind, given)
                is_asked = kind == "person" and may_personalise(signals)
                yield facts.lookups(signals, card.predict(signals) if is_asked else None)


def by_columns(customers, card, facts):
    """The facts of each customer's lookups, all customers at once, persons first."""
    columns = SignalColumns(batch_of(customers), facts.contract)
    for part in fact_columns(columns, ColumnScorecard(card), facts):
        looked_up = [[one] for one in named(part, part.lookup(part.first), facts)]
        for codes in part.further.T:
            more = (codes >= 0).nonzero()[0]
            who = part.has_further[more]
            for at, one in zip(who.tolist(), named(part, part.lookup(codes[more], who), facts), strict=True):
                looked_up[at].append(one)
        yield from looked_up


def named(part, codes, facts):
    """Codes of facts as the values of each customer."""
    values = {
        fact.name: [fact.values[code] for code in codes[fact.name].tolist()]
        for fact in facts.of[part.customer_type]
    }
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
