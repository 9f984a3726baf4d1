"""What Arki says to the content team about a fault: one place, so that each sentence can be edited.

A message says what was found, a remedy what to do next; `findings` fills in the names. English stands here; Finnish and Swedish
stand in ``translations``, where `make words` puts what is new.
"""

from __future__ import annotations

import gettext
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

from models.authoring.phrases import PHRASES

TeamLanguage = Literal["en", "fi", "sv"]
TEAM_LANGUAGES: Final[tuple[TeamLanguage, ...]] = ("en", "fi", "sv")
TRANSLATIONS: Final = Path(__file__).parent / "translations"


class Said(NamedTuple):
    """A message and its remedy."""

    message: str
    remedy: str


def translated(context: str, text: str, language: TeamLanguage) -> str:
    """A text of this module in a language; its context is the code under which it stands."""
    return _catalogue(language).pgettext(context, text)


@lru_cache
def _catalogue(language: TeamLanguage) -> gettext.NullTranslations:
    return gettext.translation("messages", TRANSLATIONS, [language], fallback=language == "en")


def said(code: str, language: TeamLanguage) -> Said:
    """The message of a code and its remedy."""
    message, remedy = MESSAGES[code]
    return Said(translated(code, message, language), translated(code, remedy, language))


def phrased(code: str, language: TeamLanguage) -> str:
    """A phrase that messages are filled with."""
    return translated(code, PHRASES[code], language)


def texts() -> list[tuple[str, str]]:
    """Every text of this module with its context."""
    return [
        *((code, part) for code, parts in MESSAGES.items() for part in parts),
        *PHRASES.items(),
    ]


_READING: Final = {
    "too_large": Said("is larger than {limit} KiB.", "Split it or remove what is not needed."),
    "missing_file": Said("is missing.", "Restore it from the last published version."),
    "not_opened": Said("cannot be opened: {problem}.", "Let whoever runs Arki read it."),
    "not_text": Said("cannot be read: the text is not UTF-8.", "Save the file again as UTF-8."),
    "unreadable": Said("cannot be read: {problem}.", "Check indentation, colons and quotes on this line."),
    "alias": Said("uses `&` or `*` to repeat a part.", "Write the part out in each place."),
    "tag": Said("uses a tag, `{value}`.", "Remove it: plain words, numbers and lists are enough."),
    "too_deep": Said(
        "has more than {limit} levels inside each other.",
        "Close the brackets that were left open, or flatten it.",
    ),
    "duplicate_key": Said("says `{key}:` twice in one place.", "Keep one of them."),
    "not_mapping": Said(
        "does not hold `name: value` entries.", "Start from the comments in the shipped file."
    ),
    "wrong_shape": Said("has a `{key}:` that is not {shape}.", "See how the entries beside it are written."),
    "no_section": Said(
        "lacks `{key}:`, or has nothing under it.", "Restore it from the last published version."
    ),
    "bad_id": Said(
        "uses an id that cannot be used.",
        "Write it in lower case (a–z), digits and hyphens, at most {limit} characters.",
    ),
    "no_id": Said("has no id.", "Give it an `id:` of its own, in lower case with hyphens."),
    "id_taken": Said("uses an id that is taken.", "Give it an id of its own."),
    "no_such": Said("names the {what} `{value}`, which does not exist.", "{hint}"),
    "no_text": Said("has no {what} in `{language}`.", "Write `{language}:` under it."),
    "no_date": Said("has a `{key}` that is no date.", "Write it as 2026-05-31."),
}
_CONTENT: Final = {
    "empty_field": Said("says nothing under `{key}:`.", "Write it there, or remove the line."),
    "missing_field": Said("lacks `{key}:`.", "See how the entries beside it are written."),
    "item_reversed": Said(
        "is valid until {until}, before it begins on {start}.", "Swap `valid_from` and `valid_until`."
    ),
    "bad_priority": Said(
        "has a `priority` that is no whole number from 1 to 9.", "Write 9 for what goes first; 5 is usual."
    ),
    "no_topics": Said(
        "is approved but has no topic.", "List the topics it is about under `topics:`, the main one first."
    ),
    "human_always": Said("says a person answers at {value} at all hours.", "Give its opening hours."),
    "hours_form": Said(
        "gives {value} opening hours that cannot be read.",
        'Write `always`, or for each weekday `mon: ["09:00", "16:00"]`.',
    ),
    "no_capacity": Said(
        "has a `capacity_per_day` of {value} that is no positive number.",
        "Give customers a working day, or leave it out.",
    ),
    "statutory_for_nobody": Said(
        "is statutory but names no benefit.", "List whose customers must get it under `benefits:`."
    ),
    "no_title": Said("has no title or address in `{language}`.", "Add both, or leave the language out."),
    "no_language": Said("is approved but has no language.", "Add a title and address, or make it a draft."),
    "no_years": Said(
        "names under `holidays:` no years from {first} to {last}.",
        "Write the first and the last year: `holidays: {{from: 2020, until: 2050}}`.",
    ),
    "years_end": Said(
        "covers holidays from {first} to {last} alone.",
        "Name a later year under `holidays:`; in a year it does not cover, no answer says whether a channel is open.",
    ),
    "no_clock": Said("has a `{key}` that is no time of day.", 'Write it as "13:00", in quotes.'),
    "exception_hours": Said(
        "gives the exception of {day} hours that cannot be read.", 'Write `closed`, or `["09:00", "13:00"]`.'
    ),
    "expires": Said("expires on {day}.", "Renew or replace it."),
    "entitlement": Said(
        "states entitlement in `{language}`: “{words}”.",
        "Say what the customer can read, check or do next instead.",
    ),
}
_RULES: Final = {
    "no_days": Said(
        "has an `answer_valid_days` that is no whole number from 1 to 366.",
        "Say for how many days an answer holds.",
    ),
    "segment_in_id": Said(
        "has the name of a segment in its id, `{value}`.",
        "Choose another id: ids travel with answers, segments do not.",
    ),
    "hit_policy": Said("does not say `hit_policy: first`.", "It is the only one there is: first rule wins."),
    "no_field": Said("has no {key}.", "Say who answers for it and why it is so: `{key}:`."),
    "no_outcome": Said("says no `{key}:` under `then:`.", "Choose one: every rule says where and what."),
    "wrong_audience": Said(
        "uses `{value}`, which is not for {audience}s.", "Choose a channel meant for them."
    ),
    "no_person": Said("has no person at `{value}`.", "Choose a human channel."),
    "cannot_carry": Said("puts `{value}` in `{channel}`, which cannot carry it.", "{hint}"),
    "valid_reversed": Said("ends on {until} before it begins on {start}.", "Swap the days under `valid:`."),
    "valid_overlap": Said(
        "has the same conditions as `{other}`, and both hold on {day}.",
        "End one on the day before the other begins.",
    ),
    "gap": Said(
        "no {kind} rule applies to some customers{period}.", "Add a last rule without `when:` as the default."
    ),
    "never_covered": Said(
        "can never apply: rules above it ({deciders}) take every such customer.",
        "Move it up, narrow those, or remove it.",
    ),
    "never_nobody": Said("can never apply: no customer is such.", "Correct its conditions or remove it."),
    "changes_nothing": Said(
        "changes nothing: without it, {deciders} would give its customers the same answer.",
        "Remove it, or give it an answer of its own.",
    ),
    "misleading": Said(
        "is misleading: it names {fact} {values}, but never decides for such customers: {deciders}.",
        "Remove the value, or move the rule up if it should decide.",
    ),
    "no_content": Said(
        "offers `{value}`, of which the catalogue has none in {languages} for its topic.",
        "Add one (a general one will do), or choose another kind.",
    ),
    "content_ends": Said(
        "offers `{value}`, of which the catalogue has none in {languages} for its topic {days}.",
        "Renew what ends, or add one that follows.",
    ),
    "too_tangled": Said(
        "cannot be proven: {problem}. Conditions tell {number} values of `{fact}` apart, more than of any other fact.",
        "Name fewer values of `{fact}` by themselves, or make the rules fewer or their conditions simpler.",
    ),
}
_EXPERIMENTS: Final = {
    "no_variants": Said(
        "has an experiment without variants.", "Add one under `variants:`, or remove the experiment."
    ),
    "experiment_id": Said(
        "has an experiment or variant with an id that cannot be used.",
        "Write it in lower case, digits and hyphens, at most {limit} characters.",
    ),
    "experiment_taken": Said(
        "has the experiment `{value}`, an id that `{other}` uses too.",
        "Give each experiment an id of its own.",
    ),
    "variant_taken": Said(
        "uses the variant id `{value}`, which is taken.",
        "Give each variant an id of its own; `control` is the rule's own content.",
    ),
    "no_share": Said(
        "has an experiment that says no share for `{value}`.", "Give a whole number of percent, from 1 to 99."
    ),
    "shares": Said(
        "has an experiment whose shares make {total} percent.",
        "Let `control_share` and the shares of the variants make 100.",
    ),
    "variant_empty": Said(
        "has a variant without content, `{value}`.", "Give it kinds of content, in order: `content:`."
    ),
    "variant_same": Said(
        "offers in its variant `{value}` the same content as in `{other}`.",
        "Change it, or remove the variant: it would compare nothing.",
    ),
    "experiment_for_nobody": Said(
        "has an experiment, but decides only for objectors and minors, who are in none.",
        "Remove the experiment.",
    ),
}
_PROMISES: Final = {
    "no_says": Said("does not say what it promises.", "Write one sentence under `says:`."),
    "no_must": Said(
        "promises nothing under `must:`.",
        "Say which channels or which kinds of content: `must: {{channel: [phone_appointment]}}`.",
    ),
    "breaks": Said(
        "breaks the guarantee `{guarantee}` ({says}){variant}{period}.",
        "Change its channel or content, or add a rule above it for these customers.",
    ),
    "no_promise": Said(
        "lacks the promise `check: {value}`.", "Restore it: this one holds whatever the rules say."
    ),
    "guarantee_removed": Said(
        "no longer stands, though the table in use promises it: {says}.",
        "Restore it, or say in the change note why it goes and who approved that.",
    ),
    "guarantee_weaker": Said(
        "promises less than in the table in use: {what} ({says}).",
        "Restore it, or say in the change note why it is weakened and who approved that.",
    ),
    "promise_broken": Said("breaks the promise `{guarantee}`: {what}.", "{hint}"),
}
_EXAMPLES: Final = {
    "no_kind": Said("does not say `for: person` or `for: employer`.", "Add it."),
    "cannot_have": Said("gives `{fact}` a value it cannot have.", "See the list of facts."),
    "comes_out": Said(
        "expects the {what} `{expected}`, but the table gives `{found}` by rule `{rule}`{period}.",
        "Correct the rule, or the example if the change is meant.",
    ),
    "no_example": Said("has no example.", "Add one to examples.yaml."),
}
_SHEET: Final = {
    "no_file": Said("is not there.", "Check its name and folder."),
    "no_table": Said(
        "is no .xlsx spreadsheet but {what}.",
        "Send a spreadsheet that the console or `arki-rulebook export` made, saved as .xlsx (Excel workbook).",
    ),
    "sheet_unreadable": Said(
        "is damaged or locked with a password.",
        "Save it again without a password, or export it anew and copy your edits into it.",
    ),
    "sheet_parts": Said("has more than {limit} parts.", "Export it again and copy your edits into it."),
    "sheet_unpacks": Said(
        "unpacks to more than {limit} MiB.", "Export it again and copy your edits into it."
    ),
    "sheet_declares": Said(
        "holds declarations that no spreadsheet needs.", "Export it again and copy your edits into it."
    ),
    "sheet_cells": Said(
        "has more than {limit} cells and rows on one sheet, down to {cell}.",
        "Delete the empty rows below the rules, formatting and all, or export the table again and copy your edits into it.",
    ),
    "sheet_merged": Said("has merged cells, {cell}.", "Unmerge them and write the value in each row."),
    "sheet_missing": Said(
        "lacks the sheet `{sheet}`, or there is nothing on it.",
        "A table of rules has the sheets {sheets}, each with the columns that `arki-rulebook export` writes. Export it again and move your edits into it.",
    ),
    "sheet_columns": Said(
        "lacks the column `{value}` on the sheet `{sheet}`.",
        "Export the table again and move your edits into it.",
    ),
    "sheet_twice": Said(
        "has the column `{value}` twice, the second time in {cell}.", "Delete one of the two columns."
    ),
    "sheet_formula": Said("has a formula in {cell}.", "Type the text or number itself."),
    "sheet_error": Said(
        "has the error value {value} in {cell}.", "Type the text or number that should stand there."
    ),
    "sheet_sign": Said(
        "has a character in {cell} that cannot be seen or printed: {value}.",
        "Empty the cell and type its text again.",
    ),
    "sheet_separator": Said(
        "has values in {cell} that are not parted by commas: `{value}`.",
        "Write several values in one cell so: guide, nudge.",
    ),
    "sheet_no_id": Said(
        "has no rule id in {cell}.",
        "Give the rule an id of its own, in lower case with hyphens, or empty the row.",
    ),
    "sheet_id": Said(
        "has a rule id in {cell} that cannot be used.",
        "Write it in lower case (a–z), digits and hyphens, at most {limit} characters.",
    ),
    "sheet_id_taken": Said(
        "has the rule `{value}` twice, in {other} and {cell}.", "Give each rule an id of its own."
    ),
    "sheet_order": Said(
        "has no number in its `order` column, {cell}.", "Give its place: 12.5 comes between 12 and 13."
    ),
    "sheet_same_order": Said(
        "gives two rules one place, {value}: those in {other} and {cell}.",
        "Give each a number of its own: 12.5 comes between 12 and 13.",
    ),
    "sheet_experiment": Said(
        "has an experiment in {cell} that cannot be read.",
        "Write it as: an-id; control 50; a-variant 50: guide, nudge.",
    ),
    "sheet_no_base": Said(
        "does not say which rules it was made from, so it cannot be compared with the rules of today.",
        "It was made by an older version, or saved without its hidden sheet. Export the table again and move your edits into it.",
    ),
    "sheet_stale": Said(
        "was made from rules that have changed since{changes}.",
        "It would undo that. Export the table again and move your edits into it.",
    ),
    "rules_not_whole": Said("has a part that is not whole: {what}.", "Run `arki-rulebook check` first."),
    "not_formatted": Said(
        "holds what the canonical form cannot keep, such as a directive or a key that is no plain value.",
        "Write that part otherwise.",
    ),
    "rules_sign": Said(
        "a text holds a character that no spreadsheet can: `{value}`.", "Remove it from the text."
    ),
}
_VOCABULARY: Final = {
    "bad_code": Said(
        "has the code `{value}`, which is none.",
        "Write it in small letters a to z, digits and _, beginning with a letter.",
    ),
    "lacks_start": Said("names no topic at which a {kind} starts.", "{hint}"),
    "national_incomplete": Said(
        "says that `{value}` is a national language and not complete.",
        "The law wants every text in it: write `complete: true`.",
    ),
    "no_complete_fallback": Said(
        "leaves who asks for `{value}` without a text where none is written in it.",
        "Name a complete language under `fallback:`.",
    ),
    "no_national": Said("names no national language.", "Write `national: true` where the Language Act does."),
    "succeeded_without_end": Said(
        "names `{value}` as its successor and does not say from when.",
        "Write `valid_until:`, or `retired:` of a channel.",
    ),
    "successor_for_others": Said(
        "is succeeded by `{value}`, which is for other customers.", "Name a channel for the same customers."
    ),
    "successor_retired": Said(
        "is succeeded by `{value}`, which is there no longer than it is itself.", "Name a channel that stays."
    ),
    "origin_of_kind": Said(
        "says that a segment of a {kind} is {value}.",
        "A segment of employers is `known`; one of persons is `inferred` or `stated`.",
    ),
    "known_twice": Said("is known of the same customers as `{value}`.", "Let only one segment be known."),
    "none_known": Said("has no segment of employers.", "Write one with `origin: known`."),
    "none_inferred": Said("has no segment that the model infers.", "Write one with `origin: inferred`."),
    "stated_when": Said(
        "has a condition and is not stated, or is stated and has none.",
        "Write `when:` of a stated segment and of no other.",
    ),
    "bad_condition": Said(
        "has a condition that cannot be read.",
        "Name facts with their values; `all:` and `any:` hold lists of conditions, `not:` one.",
    ),
    "group_is_fact": Said("has the name of the fact `{value}`.", "Give the group another code."),
    "group_circle": Said("stands on itself.", "Take `{value}` out of the conditions that it names."),
    "nobody_in": Said("has nobody in it: no customer can meet its condition.", "Correct the condition."),
    "untrained": Said(
        "names the segment `{value}` as inferred, which the model does not know.",
        "Train a model on labels that name it (`make train`), or say how else it is come by.",
    ),
    "not_inferred": Said(
        "does not name `{value}` as inferred, which the model infers.",
        "Restore it, or train a model without it.",
    ),
    "not_in_group": Said(
        "says that its customer is in the group `{value}`, or is not, and its other facts say otherwise.",
        "Correct the facts, or leave the group out: it follows from them.",
    ),
    "retired_channel": Said("offers `{value}`, which is there no more from {day} on.", "{hint}"),
    "campaign_share": Said(
        "has a `control_share` that is no whole number from 0 to {most}.",
        "Write the percent who are left out.",
    ),
    "campaign_kinds": Said(
        "is for groups of persons and of employers.", "Write a campaign for each type of customer."
    ),
    "campaign_item": Said(
        "shows `{value}`, which is a draft or statutory.",
        "Name an approved item that the law does not ask for.",
    ),
    "campaign_days": Said(
        "runs on days on which its item `{value}` does not hold.", "Renew the item, or shorten the campaign."
    ),
    "campaign_nowhere": Said(
        "shows `{value}`, which no channel that a rule offers carries.", "Choose an item of another kind."
    ),
    "code_removed": Said(
        "is there no more, and answers that name the {what} `{value}` may still be shown or reported on.",
        "Restore it. A channel may go once it has been `retired:` for as many days as an answer holds.",
    ),
    "version_behind": Said(
        "does not say that {what}: {values}.", 'Write `version: "{version}"`, so that clients know.'
    ),
    "no_version": Said("has no version.", 'Write it as `version: "1.0"`.'),
}
MESSAGES: Final[dict[str, Said]] = {
    **_READING,
    **_CONTENT,
    **_RULES,
    **_EXPERIMENTS,
    **_PROMISES,
    **_EXAMPLES,
    **_SHEET,
    **_VOCABULARY,
}
"""What is said of each code."""
