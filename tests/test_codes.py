"""The code names no code of the vocabulary, so that the content team can add, rename and remove one without a programmer."""

from __future__ import annotations

import ast

from testing import codes
from testing.shipped import VOCABULARY

CODES = codes.codes_by_kind(VOCABULARY)
LITERALS, UNUSED = codes.judged()


def test_no_literal_of_a_vocabulary_code_stands_in_the_code():
    assert [str(literal) for literal in LITERALS] == []


def test_every_exemption_is_needed_and_says_why():
    assert UNUSED == []
    assert all(exempt.reason for exempt in codes.EXEMPT)


def test_a_literal_is_found_wherever_it_stands_and_documentation_is_not():
    code = next(iter(VOCABULARY.channels))
    source = f'"""{code}"""\nA = "{code}"\n"""{code}"""\ndef f(x="{code}"):\n    return x == "{code}" or f"{code}"\n'
    ast.parse(source)
    lines = [literal.line for literal in codes.literals_in(source, CODES)]
    assert lines == [2, 4, 5, 5]


def test_every_list_of_the_vocabulary_is_looked_for():
    child = next(child for term in VOCABULARY.life_events.values() for child in term.children)
    lists = (VOCABULARY.segments, VOCABULARY.groups, VOCABULARY.topics, VOCABULARY.languages, [child])
    for each in lists:
        for code in each:
            assert [one.code for one in codes.literals_in(f"X = {code!r}", CODES)] == [code]
