"""The console speaks Finnish, Swedish and English throughout: nothing is untranslated, nothing compiled is stale."""

from __future__ import annotations

import importlib.util
import re
import string

import pytest
from conftest import ROOT

from models.authoring.messages import MESSAGES, PHRASES
from models.authoring.messages_sv import MESSAGES_SV, PHRASES_SV


@pytest.fixture(scope="module")
def translations():
    spec = importlib.util.spec_from_file_location("translations", ROOT / "docs" / "translations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(catalogue):
    """Each word with its translations."""
    return {message.id: message.string for message in catalogue if message.id}


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_every_word_is_translated_and_none_is_left_over(translations, language):
    written, gathered = translations.read(language), translations.gathered()
    assert set(words(written)) == set(words(gathered)), "run `make words`"
    assert translations.untranslated(written) == []


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_the_compiled_words_are_the_written_ones(translations, language):
    path = translations.po_file(language)
    assert path.with_suffix(".mo").read_bytes() == translations.as_mo(translations.read(language)), (
        "run `make words`"
    )


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_a_translation_fills_in_the_same_names(translations, language):
    def names(text):
        return sorted(re.findall(r"%\((\w+)\)s|%%", text))

    for english, translated in words(translations.read(language)).items():
        originals = english if isinstance(english, tuple) else (english,)
        strings = translated if isinstance(translated, tuple) else (translated,)
        for text in strings:
            assert names(text) == names(originals[0]), english
            assert text == text.strip()


def test_no_name_of_kela_is_mixed_up_between_languages(translations):
    for text in words(translations.read("sv")).values():
        said = " ".join(text) if isinstance(text, tuple) else text
        assert "OmaKela" not in said
        assert not re.search(r"\bKela\b(?!\.)", said), said
    for text in words(translations.read("fi")).values():
        said = " ".join(text) if isinstance(text, tuple) else text
        assert "FPA:n" not in said


def test_every_finding_is_said_in_swedish_with_the_same_names():
    def names(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert set(MESSAGES_SV) == set(MESSAGES)
    assert set(PHRASES_SV) == set(PHRASES)
    for code, swedish in MESSAGES_SV.items():
        assert names("".join(swedish)) == names("".join(MESSAGES[code][0])), code
    for code, phrase in PHRASES_SV.items():
        assert names(phrase) == names(PHRASES[code][0]), code
