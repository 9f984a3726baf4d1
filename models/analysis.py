"""Exact analysis of a rulebook: every feasible cell of facts gets its rule, so nothing is sampled.

Each rule is a box in the finite grid of facts; boxes are painted in reverse order and what remains visible is what the
first hit decides. From that come gaps, rules that never apply, and broken guarantees, each with an example.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from models.authoring import Authored
from models.catalogue import Catalogue, read_catalogue
from models.codes import CUSTOMER_TYPES, LANGUAGES, UNKNOWN, CustomerType
from models.facts import FACTS, Block, Facts, feasible_blocks
from models.rulebook import STATED_TOPIC, Rule, Rulebook, Table, read_rulebook

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GAP: Final = -1

ENTITLEMENT: Final = {
    "fi": r"olet oikeutettu|sinulla on oikeus|oikeus (?:saada )?(?:tuk|etuu)|sinulle kuuluu|saat tuk|saat etuu|"
    r"saat varmasti|maksamme sinulle|voit saada|myönnetään sinulle|sinulle myönnetään",
    "sv": r"du har rätt till|rätt till (?:stöd|förmån|bidrag)|du är berättigad|du kan få (?:stöd|bidrag|förmån)|"
    r"du får (?:stöd|bidrag|förmån)|vi betalar|beviljas dig|du beviljas",
    "en": r"you are entitled|you're entitled|you are eligible|you qualify|you have the right to|you will (?:get|receive)|"
    r"you can (?:get|receive) (?:support|a benefit|benefits|money|an allowance)|we will pay you|you will be granted",
}
"""Wording that states entitlement, which no text of Arki's own may hold (hard rule 7)."""


@dataclass(frozen=True, slots=True)
class Painted:
    """One feasible block and the deciding rule of each of its cells (-1: none)."""

    names: tuple[str, ...]
    axes: tuple[tuple[str, ...], ...]
    first_hit: NDArray[np.int16]

    def example(self, cells: NDArray[np.bool_]) -> Facts | None:
        """The first cell of a selection, as facts; None if it is empty."""
        import numpy as np  # noqa: PLC0415  (never imported by the serving process)

        at = int(np.argmax(cells))
        index = np.unravel_index(at, cells.shape)
        if not cells[index]:
            return None
        return {name: axis[i] for name, axis, i in zip(self.names, self.axes, index, strict=True)}


def analyse(authored: Authored) -> None:
    """Check a compiled rulebook and its catalogue whole, adding findings and the number of cells to `authored`.

    Where reading already found errors there is nothing whole to analyse, and nothing is.
    """
    if authored.errors:
        return
    rulebook = read_rulebook(authored.rulebook)
    catalogue = read_catalogue(authored.catalogue)
    for customer_type in CUSTOMER_TYPES:
        table = rulebook.tables[customer_type]
        painted = [paint(table, block) for block in feasible_blocks(customer_type)]
        authored.cells += sum(block.first_hit.size for block in painted)
        _find_gaps(authored, customer_type, painted)
        _find_unreachable(authored, table, painted)
        _find_broken_guarantees(authored, rulebook, table, painted)
        _find_dead_references(authored, table, catalogue)
    _find_failed_examples(authored, rulebook)
    _find_entitlement(authored)


def paint(table: Table, block: Block) -> Painted:
    """The deciding rule of every cell of a block, by painting the rules' boxes from the last to the first."""
    import numpy as np  # noqa: PLC0415

    names = tuple(fact.name for fact in FACTS[table.customer_type])
    axes = tuple(block[name] for name in names)
    first_hit = np.full([len(axis) for axis in axes], _GAP, dtype=np.int16)
    for at in range(len(table.rules) - 1, -1, -1):
        box = box_of(table.rules[at].when, names, axes)
        if box is not None:
            first_hit[box] = at
    return Painted(names, axes, first_hit)


def box_of(
    when: Mapping[str, tuple[str, ...]], names: tuple[str, ...], axes: tuple[tuple[str, ...], ...]
) -> tuple[Any, ...] | None:
    """Index of the cells that conditions accept; None if there are none."""
    import numpy as np  # noqa: PLC0415

    chosen = []
    for name, axis in zip(names, axes, strict=True):
        allowed = when.get(name, axis)
        positions = [i for i, value in enumerate(axis) if value in allowed]
        if not positions:
            return None
        chosen.append(positions)
    if all(positions == list(range(positions[0], positions[-1] + 1)) for positions in chosen):
        return tuple(slice(positions[0], positions[-1] + 1) for positions in chosen)
    return np.ix_(*chosen)


def _find_gaps(authored: Authored, customer_type: CustomerType, painted: list[Painted]) -> None:
    for block in painted:
        example = block.example(block.first_hit == _GAP)
        if example is not None:
            authored.find(
                "rules.yaml",
                f"no {customer_type} rule applies to some customers.",
                "Add a last rule without `when:` as the default.",
                example=_telling(example),
            )
            return


def _find_unreachable(authored: Authored, table: Table, painted: list[Painted]) -> None:
    import numpy as np  # noqa: PLC0415

    seen: set[int] = set()
    for block in painted:
        seen.update(np.unique(block.first_hit).tolist())
    for at, rule in enumerate(table.rules):
        if at not in seen:
            covering = _covering(rule, table.rules[:at], painted)
            reason = (
                f"rules above it ({', '.join(covering)}) take every such customer"
                if covering
                else "no customer is such"
            )
            authored.find(rule.id, f"can never apply: {reason}.", "Move it up, narrow those, or remove it.")


def _covering(rule: Rule, above: tuple[Rule, ...], painted: list[Painted]) -> list[str]:
    """The rules that decide the cells a rule would accept."""
    import numpy as np  # noqa: PLC0415

    found: set[int] = set()
    for block in painted:
        box = box_of(rule.when, block.names, block.axes)
        if box is not None:
            found.update(np.unique(block.first_hit[box]).tolist())
    return [above[at].id for at in sorted(found) if at >= 0]


def _find_broken_guarantees(
    authored: Authored, rulebook: Rulebook, table: Table, painted: list[Painted]
) -> None:
    import numpy as np  # noqa: PLC0415

    for guarantee in rulebook.guarantees:
        if guarantee.customer_type != table.customer_type:
            continue
        broken = [
            at for at, rule in enumerate(table.rules) if not guarantee.kept_by(rule.channel, rule.content)
        ]
        for block in painted:
            box = box_of(guarantee.every, block.names, block.axes)
            if box is None or not broken:
                continue
            concerned = np.zeros(block.first_hit.shape, dtype=bool)
            concerned[box] = np.isin(block.first_hit[box], broken)
            example = block.example(concerned)
            if example is not None:
                breaker = table.choose(example)
                authored.find(
                    breaker.id,
                    f"breaks the guarantee `{guarantee.id}` ({guarantee.says}).",
                    "Change its channel or content, or add a rule above it for these customers.",
                    example=_telling(example),
                )
                break


def _find_dead_references(authored: Authored, table: Table, catalogue: Catalogue) -> None:
    """Each kind of content a rule offers must exist on some of its topics, in Finnish and in Swedish."""
    for rule in table.rules:
        for kind in rule.content:
            missing = {
                language
                for topic in _topics_of(rule, table.customer_type, catalogue)
                for language in ("fi", "sv")
                if language
                not in catalogue.could_pick(
                    kind, topic, customer_type=table.customer_type, channel=rule.channel
                )
            }
            if missing:
                authored.find(
                    rule.id,
                    f"offers `{kind}`, of which the catalogue has none in {' or '.join(sorted(missing))} for its topic.",
                    "Add one (a general one will do), or choose another kind.",
                )


def _topics_of(rule: Rule, customer_type: CustomerType, catalogue: Catalogue) -> Iterator[str]:
    if rule.topic != STATED_TOPIC:
        yield rule.topic
        return
    facts = {fact.name: fact.values for fact in FACTS[customer_type]}
    for event in rule.when.get("life_event", facts.get("life_event", (UNKNOWN,))):
        for matter in rule.when.get("open_matter", facts["open_matter"]):
            yield catalogue.stated_topic(customer_type, event, matter)


def _find_failed_examples(authored: Authored, rulebook: Rulebook) -> None:
    """The team's worked examples still come out; a rule that none of them covers is a warning."""
    covered = set()
    for example in authored.examples:
        customer_type = example.get("for")
        if customer_type not in CUSTOMER_TYPES:
            authored.find(example["id"], "does not say `for: person` or `for: employer`.", "Add it.")
            continue
        facts = {fact.name: UNKNOWN for fact in FACTS[customer_type]} | {"personalisation": "allowed"}
        given = {name: _said(value) for name, value in example.get("facts", {}).items()}
        foreign = [name for name, value in given.items() if value not in _allowed(customer_type, name)]
        if foreign:
            authored.find(
                example["id"], f"gives `{foreign[0]}` a value it cannot have.", "See the list of facts."
            )
            continue
        try:
            rule = rulebook.tables[customer_type].choose(facts | given)
        except LookupError:
            continue  # a gap, which was found already
        covered.add(rule.id)
        for key, found in (("rule", rule.id), ("channel", rule.channel)):
            expected = example.get("expect", {}).get(key)
            if expected is not None and expected != found:
                authored.find(
                    example["id"],
                    f"expects the {key} `{expected}`, but the table gives `{found}` by rule `{rule.id}`.",
                    "Correct the rule, or the example if the change is meant.",
                )
    for table in rulebook.tables.values():
        for rule in table.rules:
            if rule.id not in covered:
                authored.find(rule.id, "has no example.", "Add one to examples.yaml.", warning=True)


def _find_entitlement(authored: Authored) -> None:
    """No text that Arki shows may state entitlement."""
    for subject, language, text in _own_texts(authored):
        found = re.search(ENTITLEMENT[language], text, re.IGNORECASE)
        if found:
            authored.find(
                subject,
                f"states entitlement in `{language}`: “{found.group()}”.",
                "Say what the customer can read, check or do next instead.",
            )


def _own_texts(authored: Authored) -> Iterator[tuple[str, str, str]]:
    """Every text of Arki's own: reasons, notices, nudges and pages; titles of kela.fi pages are Kela's."""
    for customer_type in CUSTOMER_TYPES:
        for rule in authored.rulebook[customer_type]:
            for language in LANGUAGES:
                yield rule["id"], language, rule["because"][language]
    for item in authored.catalogue["items"]:
        for language, text in item["languages"].items():
            own = item["type"] == "nudge" or str(text.get("url", "")).startswith("/content/")
            if own and language in ENTITLEMENT:
                yield item["id"], language, " ".join(_strings(text))
    for language in LANGUAGES:
        yield "texts.yaml", language, " ".join(_strings(authored.texts, language))


def _strings(value: Any, language: str | None = None) -> Iterator[str]:  # noqa: ANN401
    """Every string within, or within the entries of one language."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            if key == language or not (language and key in LANGUAGES):
                yield from _strings(entry, language)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry, language)


def _allowed(customer_type: CustomerType, name: str) -> tuple[str, ...]:
    return next((fact.values for fact in FACTS[customer_type] if fact.name == name), ())


def _said(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _telling(facts: Facts) -> Facts:
    """The facts that say something, for a readable example."""
    return {
        name: value
        for name, value in facts.items()
        if value != UNKNOWN and (name, value) != ("personalisation", "allowed")
    }
