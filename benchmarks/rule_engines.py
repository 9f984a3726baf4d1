"""The compiled rulebook in the form of two other rule engines, held to the same answers before it is timed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from benchmarks.timing import Piece
from models.decision.decision_table import Table
from models.decision.facts import Facts

CHECKED = 1_000


def cells(table: Table, count: int = CHECKED, seed: int = 1) -> list[Facts]:
    """Feasible cells of facts, drawn at random."""
    rng = random.Random(seed)  # noqa: S311  (examples, no secrets)
    blocks = table.facts.blocks(table.customer_type)
    return [
        {name: rng.choice(list(values)) for name, values in rng.choice(blocks).items()} for _ in range(count)
    ]


def decision_model(table: Table) -> dict[str, Any]:
    """The table as a JSON Decision Model of zen-engine: first hit, each row's rule and reason as outputs."""
    names = list(dict.fromkeys(name for rule in table.rules for name in rule.when))
    inputs = [{"id": f"in-{name}", "name": name, "field": name} for name in names]
    outputs = [{"id": f"out-{name}", "name": name, "field": name} for name in ("rule", "because")]
    rules = [
        {"_id": rule.id}
        | {f"in-{name}": ", ".join(json.dumps(value) for value in rule.when.get(name, ())) for name in names}
        | {"out-rule": json.dumps(rule.id), "out-because": json.dumps(rule.because["fi"], ensure_ascii=False)}
        for rule in table.rules
    ]
    place = {"x": 0, "y": 0}
    content = {"hitPolicy": "first", "inputs": inputs, "outputs": outputs, "rules": rules}
    return {
        "nodes": [
            {"id": "in", "type": "inputNode", "name": "facts", "position": place},
            {
                "id": "table",
                "type": "decisionTableNode",
                "name": "rules",
                "position": place,
                "content": content,
            },
            {"id": "out", "type": "outputNode", "name": "choice", "position": place},
        ],
        "edges": [
            {"id": "e1", "type": "edge", "sourceId": "in", "targetId": "table"},
            {"id": "e2", "type": "edge", "sourceId": "table", "targetId": "out"},
        ],
    }


def zen(table: Table, found: list[Facts], checked: dict[str, int]) -> dict[str, Piece]:
    """zen-engine with its static loader, with a decision made once, and given JSON bytes."""
    import zen as engine_library

    model = decision_model(table)
    options = {"loader": {"type": "static", "content": {"rules": model}}}
    engine = engine_library.ZenEngine(options)
    decision = engine_library.ZenEngine().create_decision(json.dumps(model))
    checked["zen-engine"] = _held(table, lambda facts: engine.evaluate("rules", facts)["result"]["rule"])
    texts = [json.dumps(facts) for facts in found]
    return {
        "zen-engine, static loader": (lambda facts: engine.evaluate("rules", facts), found),
        "zen-engine, decision made once": (decision.evaluate, found),
        "zen-engine, decision made once, JSON text": (decision.evaluate, texts),
    }


def json_logic(table: Table, found: list[Facts], checked: dict[str, int]) -> dict[str, Piece]:
    """json-logic: one `if` of every rule's conditions."""
    from json_logic import jsonLogic

    branches: list[Any] = []
    for rule in table.rules:
        tests = [{"in": [{"var": name}, list(values)]} for name, values in rule.when.items()]
        branches += [{"and": tests} if tests else True, rule.id]
    logic = {"if": [*branches, None]}
    because = {rule.id: rule.because for rule in table.rules}
    checked["json-logic"] = _held(table, lambda facts: jsonLogic(logic, facts))
    return {"json-logic": (lambda facts: because[jsonLogic(logic, facts)], found)}


def _held(table: Table, choose: Callable[[Facts], str]) -> int:
    """How many random cells were answered alike; raises at the first that was not."""
    for at, facts in enumerate(cells(table)):
        expected, given = table.choose(facts).id, choose(facts)
        if given != expected:
            raise ValueError(f"answers otherwise in cell {at}: {given} for {expected}")
    return CHECKED
