"""The console speaks Finnish, Swedish and English throughout: nothing is untranslated, nothing compiled is stale."""

from __future__ import annotations

import importlib.util
import re
import string
import sys

import pytest
from conftest import ROOT

from models.authoring.messages import MESSAGES, PHRASES, phrased, said
from models.contract.codes import EMPLOYER
from models.decision.offers import GATES
from service.console import labels
from service.console.labels import Names
from service.console.page_context import PageContext, open_page
from testing.shipped import BENEFITS, CLAIM_KINDS


@pytest.fixture(scope="module")
def translations():
    spec = importlib.util.spec_from_file_location("translations", ROOT / "docs" / "translations.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["translations"] = module  # where its dataclass looks for its annotations
    spec.loader.exec_module(module)
    return module


def words(catalogue):
    """Each word, under its context where it has one, with its translations."""
    return {
        (message.context, message.id) if message.context else message.id: message.string
        for message in catalogue
        if message.id
    }


@pytest.mark.parametrize("language", ["fi", "sv"])
@pytest.mark.parametrize("home", ["PAGES", "FINDINGS"])
def test_every_word_is_translated_and_none_is_left_over(translations, home, language):
    home = getattr(translations, home)
    written, gathered = home.read(language), home.gather()
    assert set(words(written)) == set(words(gathered)), "run `make words`"
    assert translations.untranslated(written) == []


@pytest.mark.parametrize("language", ["fi", "sv"])
@pytest.mark.parametrize("home", ["PAGES", "FINDINGS"])
def test_the_compiled_words_are_the_written_ones(translations, home, language):
    home = getattr(translations, home)
    path = home.po_file(language)
    assert path.with_suffix(".mo").read_bytes() == translations.as_mo(home.read(language)), "run `make words`"


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_a_translation_fills_in_the_same_names(translations, language):
    def names(text):
        return sorted(re.findall(r"%\((\w+)\)s|%%", text))

    for english, translated in words(translations.PAGES.read(language)).items():
        originals = english if isinstance(english, tuple) else (english,)
        strings = translated if isinstance(translated, tuple) else (translated,)
        for text in strings:
            assert names(text) == names(originals[0]), english
            assert text == text.strip()


def test_no_name_of_kela_is_mixed_up_between_languages(translations):
    for text in words(translations.PAGES.read("sv")).values():
        said = " ".join(text) if isinstance(text, tuple) else text
        assert "OmaKela" not in said
        assert not re.search(r"\bKela\b(?!\.)", said), said
    for text in words(translations.PAGES.read("fi")).values():
        said = " ".join(text) if isinstance(text, tuple) else text
        assert "FPA:n" not in said


def test_every_finding_is_said_in_swedish_with_the_same_names():
    def names(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for code, english in MESSAGES.items():
        swedish = said(code, "sv")
        assert english.message != swedish.message
        assert names("".join(swedish)) == names("".join(english)), code
    for code, phrase in PHRASES.items():
        assert names(phrased(code, "sv")) == names(phrase), code


def named(kind, code, *more):
    """Whether a page has a word for a code; `Names` shows the code itself where there is none."""
    return kind(code, *more) != code


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_everything_that_a_page_shows_by_a_code_has_a_word(app, store, language):
    """What is added without a word would be shown as its code; in English some words are their codes."""
    bundle = store.bundle()
    words = bundle.recommender.vocabulary
    with app.test_request_context(f"/console/{language}/customer"):
        open_page(PageContext(language))
        names = Names(bundle)
        lacking = [("content", code) for code in words.content_types if not named(names.kind, code)]
        lacking += [("channel", code) for code in words.channels if not named(names.channel, code)]
        lacking += [("segment", code) for code in words.segments if not named(names.segment, code)]
        lacking += [("group", code) for code in words.groups if not named(names.group, code)]
        lacking += [("topic", code) for code in words.topics if not named(names.topic, code)]
        lacking += [("event", code) for code in words.event_codes if not named(names.value, code)]
        lacking += [("language", code) for code in words.languages if not named(names.language, code)]
        lacking += [("benefit", code) for code in BENEFITS if not named(names.benefit, code)]
        lacking += [("claim", code) for code in CLAIM_KINDS if not named(names.benefit, code, EMPLOYER)]
        lacking += [("gate", code) for code in GATES if code not in labels.GATES]
        for customer_type, signals in bundle.recommender.contract.signals.items():
            lacking += [("signal", code) for code in signals if not named(names.signal, code)]
            for fact in bundle.recommender.facts.of[customer_type]:
                lacking += [("fact", fact.name)] * (not named(names.fact, fact.name))
                lacking += [
                    (fact.name, value)
                    for value in fact.values
                    if not named(names.value, value, fact.name, customer_type)
                ]
    assert lacking == []


def test_what_is_said_to_people_has_two_homes():
    """Arki's own words stand in .po files, and the team's in its YAML; the code holds English alone."""
    spoken = re.compile(r"[äöåÄÖÅ]")
    allowed = {
        "models/authoring/wording.py": "patterns of sentences that no text may hold",
        "models/contract/signal_kinds.py": "Kela's own word for a life event",
        "training/reporting/model_card.py": "the card's summary in Finnish, of figures",
        "training/simulation/parameters.py": "a source",
    }
    speaking = {
        str(path.relative_to(ROOT))
        for package in ("models", "service", "training")
        for path in sorted((ROOT / package).rglob("*.py"))
        if spoken.search(path.read_text(encoding="utf-8"))
    }
    assert speaking == set(allowed)
