"""The vocabulary that is shipped, read from its files, and what follows from it; for tests, drills and benchmarks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from models.authoring.loader import read_authored
from models.contract.channels import Channel, read_channels
from models.contract.codes import EMPLOYER, PERSON
from models.contract.signals import SignalContract
from models.contract.vocabulary import TopicTerm, Vocabulary, read_vocabulary
from models.decision.catalogue import Catalogue, read_catalogue
from models.decision.decision_table import Rulebook, read_rulebook

AUTHORED: Final = read_authored()
VOCABULARY: Final[Vocabulary] = read_vocabulary(AUTHORED.vocabulary, AUTHORED.channels)
CONTRACT: Final = SignalContract(VOCABULARY)
RULEBOOK: Final[Rulebook] = read_rulebook(AUTHORED.rulebook, CONTRACT)
FACT_SET: Final = RULEBOOK.facts
CATALOGUE: Final[Catalogue] = read_catalogue(AUTHORED.catalogue, VOCABULARY)
CHANNEL_TERMS: Final[dict[str, Channel]] = read_channels(AUTHORED.channels, VOCABULARY)

SIGNALS: Final = CONTRACT.signals
"""By customer type and name."""
FACTS: Final = FACT_SET.of
"""By customer type."""
read_signals = CONTRACT.read
lookups = FACT_SET.lookups
SEGMENTS: Final = VOCABULARY.inferred
CHANNELS: Final = tuple(VOCABULARY.channels)
PERSON_CHANNELS: Final = VOCABULARY.channels_for(PERSON)
BENEFITS: Final = tuple(VOCABULARY.duties[PERSON])
CLAIM_KINDS: Final = tuple(VOCABULARY.duties[EMPLOYER])
CONTENT_TYPES: Final = tuple(VOCABULARY.content_types)
LIFE_EVENTS: Final = tuple(VOCABULARY.life_events)
LANGUAGES: Final = tuple(VOCABULARY.languages)
VARYING: Final = FACT_SET.varying
NEEDS: Final = FACT_SET.needs
feasible_blocks = FACT_SET.blocks
is_feasible = FACT_SET.is_feasible
statutory_benefits = FACT_SET.statutory_benefits
neutral_signals = FACT_SET.neutral_signals
plainest_signals = FACT_SET.plainest_signals
ALL_FACTS: Final = AUTHORED.facts
"""The same with a fact for every group, named by a rule or not."""
SEGMENT_CODES: Final = tuple(VOCABULARY.segments)


def with_topics(parents: Mapping[str, str | None]) -> Vocabulary:
    """The shipped vocabulary with another tree of topics: the parent of each."""
    return replace(VOCABULARY, topics={code: TopicTerm(code, {}, parent) for code, parent in parents.items()})


def spoken_in(languages: Collection[str]) -> dict[str, str]:
    """For each language of answers the one in which an item that exists in some is offered."""
    spoken = {code: term.spoken(languages) for code, term in VOCABULARY.languages.items()}
    return {code: language for code, language in spoken.items() if language is not None}
