"""A kind of signal is one class, which says all that follows from it; nobody else asks what kind a signal is."""

import ast

import pytest
from conftest import ROOT

from models.columns.text_blocks import ARROW_TYPES
from models.contract.signal_kinds import KINDS
from service.console.customer_form import _ENTERED
from testing.shipped import SIGNALS as CONTRACT
from testing.survey import PACKAGES

SIGNALS = [
    pytest.param(signal, id=f"{customer_type}-{signal.name}")
    for customer_type, contract in CONTRACT.items()
    for signal in contract.values()
]
KNOWS_KINDS = ("models/contract/signal_kinds.py", "models/contract/signals.py")
EXAMPLES = {
    "count": 3,
    "yes_no": False,
    "choice": "allowed",
    "choices": [["sickness_allowance"], []],
    "life_events": [[{"event": "KE8", "months_ago": 1}, {"event": "KE4.2", "months_ago": 3}], []],
}


def asks_for_a_kind(node):
    """Whether an expression compares with the name of a kind of signal, or looks one up in a table of kinds."""
    if isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "kind":
        named = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
        return bool({*KINDS} & set(named))
    if isinstance(node, ast.Dict):
        keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
        return len({*KINDS} & keys) > 2
    return False


def test_no_module_asks_what_kind_a_signal_is():
    asking = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in KNOWS_KINDS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if asks_for_a_kind(node)
    ]
    assert asking == []


def test_no_template_asks_what_kind_a_signal_is():
    templates = sorted((ROOT / "service").rglob("*.html"))
    assert templates
    assert [path.name for path in templates if "signal.kind" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_a_kind_names_is_known_where_it_is_used(kind):
    assert kind.arrow_type in ARROW_TYPES
    assert kind.widget in _ENTERED


def test_every_kind_is_of_some_signal():
    assert {signal.kind for contract in CONTRACT.values() for signal in contract.values()} == {*KINDS}


@pytest.mark.parametrize("signal", SIGNALS)
def test_what_a_form_shows_of_a_value_is_read_as_the_same_value(signal):
    examples = EXAMPLES[signal.kind]
    for value in examples if signal.forms.entries != "none" else [examples]:
        assert signal.forms.read_typed(signal.forms.typed(signal, value)) == value


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_empty_field_is_unknown(kind):
    for entry in ("", [], None):
        assert kind.read_typed(entry) is None


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("count", "12", 12),
        ("count", "1.5", 1.5),
        ("count", "twelve", "twelve"),
        ("yes_no", "TRUE", True),
        ("yes_no", "yes", "yes"),
        ("choice", "objected", "objected"),
        ("choices", "a;b", ["a", "b"]),
        ("choices", "-", []),
        ("life_events", "KE8:1", [{"event": "KE8", "months_ago": 1}]),
        ("life_events", "-", []),
    ],
)
def test_a_cell_of_text_is_read_by_its_kind(kind, text, value):
    assert KINDS[kind].read_text(text) == value
