"""Hypothesis strategies for signals, drawn from the contract itself; imported by path, tests/ is no package."""

from hypothesis import strategies as st

from models.contract.signals import AT_MOST
from models.decision.query import Showable
from testing.shipped import CHANNELS, CONTENT_TYPES, SIGNALS


def _values(signal):
    return {
        "count": st.integers(0, signal.maximum) | st.integers(0, min(signal.maximum, 12)),
        "yes_no": st.booleans(),
        "choice": st.sampled_from(signal.values or ("x",)),
        "choices": st.lists(st.sampled_from(signal.values or ("x",)), max_size=5, unique=True),
        "life_events": st.lists(
            st.fixed_dictionaries(
                {"event": st.sampled_from(signal.values or ("x",)), "months_ago": st.integers(0, 24)}
            ),
            max_size=5,
        ),
    }[signal.kind]


def _coherent(customer_type, given):
    for part, whole in AT_MOST[customer_type]:
        if part in given and whole in given:
            given[part] = min(given[part], given[whole])
    return given


def given_signals(customer_type, signals=SIGNALS):
    """Any mapping that a contract, by default the shipped one, allows for a customer type."""
    optional = {name: _values(signal) for name, signal in signals[customer_type].items()}
    return st.fixed_dictionaries({}, optional=optional).map(lambda given: _coherent(customer_type, given))


def customers(signals=SIGNALS):
    """Any (customer type, signals) the contract allows."""
    return st.sampled_from(["person", "employer"]).flatmap(
        lambda kind: given_signals(kind, signals).map(lambda given: (kind, given))
    )


def _some_of(codes):
    """Nothing said, or some of the codes."""
    return st.none() | st.sets(st.sampled_from(codes), min_size=1).map(lambda some: tuple(sorted(some)))


def showables():
    """Any channels and kinds of content that somebody may be able to show."""
    return st.builds(Showable, _some_of(CHANNELS), _some_of(CONTENT_TYPES))
