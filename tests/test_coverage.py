"""Content is there on every day: statutory content first, whatever begins or ends, and whatever day it is today."""

import copy
import re
import shutil
from datetime import date, timedelta
from itertools import pairwise

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from models.authoring import loader
from models.authoring.content_checks import find_expiring
from models.authoring.coverage import find_dead_references
from models.authoring.promises import check_promises
from models.cli import rulebook as arki_rulebook
from models.contract.channels import read_channels
from models.decision.catalogue import Span, read_catalogue, uncovered
from models.decision.decision_table import read_rulebook
from testing.shipped import CONTRACT, VOCABULARY

YEAR = date(2026, 1, 1)
WHOLE = Span(YEAR, YEAR + timedelta(days=40))
days = st.integers(-10, 50).map(lambda n: YEAR + timedelta(days=n))
spans = st.lists(st.tuples(days, days).map(sorted).map(lambda pair: Span(*pair)), max_size=6)


@given(spans=spans)
def test_the_days_that_nothing_covers_are_exactly_those_that_no_span_holds(spans):
    found = list(uncovered(spans, WHOLE))
    every = [WHOLE.first + timedelta(days=n) for n in range(41)]
    bare = [day for day in every if not any(span.first <= day <= span.last for span in spans)]
    assert [day for day in every if any(gap.first <= day <= gap.last for gap in found)] == bare
    assert all(one.last < other.first - timedelta(days=1) for one, other in pairwise(found))


@pytest.fixture(scope="module")
def whole(content):
    return loader.read_rules(copy.deepcopy(content), loader.RULEBOOK)


def changed(whole, change):
    broken = copy.deepcopy(whole)
    change(broken)
    return broken


def told(whole, change):
    """What the promises find after a change."""
    broken = changed(whole, change)
    check_promises(
        broken, read_rulebook(broken.rulebook, CONTRACT), read_channels(broken.channels, VOCABULARY)
    )
    return [finding.sentence() for finding in broken.findings]


def references(whole, kind, topic=None):
    """What rules for persons lack where all items of a kind end in the middle of 2027."""

    def end(authored):
        for one in authored.catalogue["items"]:
            if one["type"] == kind and topic in {None, *one["topics"]}:
                one["valid_until"] = "2027-06-30"

    broken = changed(whole, end)
    guaranteed = {"easy_read": "easy-language-is-offered"}
    table = read_rulebook(broken.rulebook, CONTRACT).tables["person"]
    find_dead_references(broken, table, read_catalogue(broken.catalogue, VOCABULARY), guaranteed)
    return [finding.sentence() for finding in broken.findings]


def item(authored, name):
    return next(item for item in authored.catalogue["items"] if item["id"] == name)


FLOOR = "employer-claim-deadline: breaks the promise `statutory-content-reaches-everyone`:"
CLAIMS = "`sickness_allowance`, `family_leave`, `occupational_health_care`, `annual_holiday_cost`, `rehabilitation`"
DO = "Renew it, or add an approved statutory item that covers these days."


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        ({"valid_until": "2026-11-26"}, "from 2026-11-27"),
        ({"valid_until": "2031-05-31"}, "from 2031-06-01"),
        ({"valid_from": "2027-06-01"}, "until 2027-05-31"),
    ],
    ids=["ended yesterday", "ends in years", "has not begun"],
)
def test_a_statutory_floor_with_days_that_nothing_covers_is_an_error_with_item_and_period(whole, dates, days):
    [found] = told(whole, lambda a: item(a, "employer-claim-deadline").update(dates))
    expected = f": error: {FLOOR} {days} nothing statutory in fi, sv reaches employers with {CLAIMS}. {DO}"
    assert re.fullmatch(r"pages\.yaml:\d+" + re.escape(expected), found), found


def follow(authored, first):
    ending = item(authored, "employer-claim-deadline")
    authored.catalogue["items"].append(ending | {"id": "deadline-2027", "valid_from": first})
    ending["valid_until"] = "2026-12-31"


def test_a_statutory_item_that_another_follows_the_next_day_leaves_no_gap(whole):
    assert told(whole, lambda a: follow(a, "2027-01-01")) == []


def test_one_day_between_two_statutory_items_is_found(whole):
    [found] = told(whole, lambda a: follow(a, "2027-01-02"))
    assert f"{FLOOR} from 2027-01-01 to 2027-01-01 nothing statutory in fi, sv" in found


def test_statutory_content_in_finnish_alone_does_not_keep_the_promise(whole):
    found = told(whole, lambda a: item(a, "employer-claim-deadline")["languages"].pop("sv"))
    assert len(found) == 5
    assert all("nothing statutory can reach employers with" in sentence for sentence in found)


@pytest.fixture
def folders(tmp_path):
    shutil.copytree(loader.RULEBOOK, tmp_path / "rulebook")
    shutil.copytree(loader.CONTENT, tmp_path / "content")
    shutil.copytree(loader.VOCABULARY, tmp_path / "vocabulary")
    return tmp_path


def checked(folders):
    names = ("--rulebook", str(folders / "rulebook"), "--content", str(folders / "content"))
    return CliRunner().invoke(arki_rulebook.main, ["check", *names])


def statutory_items(content=loader.CONTENT):
    """Each statutory item of a folder's files: (file, line of its id, id)."""
    for file in ("catalogue.yaml", "pages.yaml"):
        lines = (content / file).read_text(encoding="utf-8").splitlines()
        for at, line in enumerate(lines):
            if line == "    class: statutory":
                named = next(n for n in range(at, 0, -1) if lines[n].startswith("  - id: "))
                yield file, named + 1, lines[named].removeprefix("  - id: ")


STATUTORY = tuple(statutory_items())


def end(folders, *names, day):
    """Give statutory items a last day as `sed -i` does."""
    for file in ("catalogue.yaml", "pages.yaml"):
        path = folders / "content" / file
        text = path.read_text(encoding="utf-8")
        for name in names:
            entry = re.compile(rf"(?m)(^  - id: {name}\n(?:    .*\n)*?    class: statutory\n)")
            text = entry.sub(rf"\g<1>    valid_until: {day}\n", text)
        path.write_text(text, encoding="utf-8")


def told_of(output, file, line, name):
    """The error of an item that ended yesterday, with file, line and period."""
    at = rf"(?m)^{re.escape(file)}:{line}: error: {name}: breaks the promise .*: from 2026-11-27 "
    return re.search(at + "(?:nothing statutory in|no statutory item in) ", output)


def test_the_shipped_catalogue_has_statutory_items_of_both_kinds():
    names = {name for _, _, name in STATUTORY}
    assert {"report-changes", "employer-claim-deadline", "conscripts-allowance-report-changes"} <= names
    assert len(names) == len(STATUTORY) >= 7


def test_yesterdays_end_on_every_statutory_item_makes_check_fail_with_file_line_and_period(folders):
    end(folders, *(name for _, _, name in STATUTORY), day="2026-11-26")
    shown = checked(folders)
    assert shown.exit_code == 1
    ended = list(statutory_items(folders / "content"))  # each end is a line more
    assert len(ended) == len(STATUTORY)
    assert all(told_of(shown.output, *place) for place in ended), shown.output


@pytest.mark.slow
@pytest.mark.parametrize(("file", "line", "name"), STATUTORY, ids=[name for _, _, name in STATUTORY])
def test_yesterdays_end_on_one_statutory_item_makes_check_fail_with_file_line_and_period(
    folders, file, line, name
):
    end(folders, name, day="2026-11-26")
    shown = checked(folders)
    assert shown.exit_code == 1
    assert told_of(shown.output, file, line, name), shown.output


@pytest.mark.parametrize(("file", "line", "name"), STATUTORY, ids=[name for _, _, name in STATUTORY])
def test_a_statutory_item_that_ended_yesterday_is_one_error_whatever_else_covers_its_benefits(
    whole, file, line, name
):
    [found] = told(whole, lambda a: item(a, name).update(valid_until="2026-11-26"))
    assert told_of(found, file, line, name), found


PARTICULAR = "conscripts-allowance-report-changes"
UNSUCCEEDED = (
    f"{PARTICULAR}: breaks the promise `statutory-content-reaches-everyone`: from 2027-01-01{{}} no statutory item in sv "
    "takes its place for persons with `conscripts_allowance`. Renew it, let an approved statutory item begin on the next "
    "day, or make it a draft if the law asks for it no more."
)


def succeed(authored, **changes):
    """The particular item ends with the year, and another is there with changes."""
    ending = item(authored, PARTICULAR)
    authored.catalogue["items"].append(ending | {"id": "successor"} | changes)
    ending["valid_until"] = "2026-12-31"


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        pytest.param({"valid_from": "2027-01-01"}, None, id="begins on the next day"),
        pytest.param({"valid_from": "2026-12-01"}, None, id="overlaps"),
        pytest.param({}, None, id="as particular, there all along"),
        pytest.param(
            {"benefits": ["conscripts_allowance", "student_aid"], "valid_from": "2027-01-01"},
            None,
            id="more general, begins on the next day",
        ),
        pytest.param(
            {"benefits": ["conscripts_allowance", "student_aid"]}, "", id="more general, there all along"
        ),
        pytest.param({"valid_from": "2027-01-03"}, " to 2027-01-02", id="two days late"),
        pytest.param({"benefits": ["student_aid"]}, "", id="for another benefit"),
        pytest.param({"audience": "employer"}, "", id="for other customers"),
        pytest.param({"languages": {"fi": {"title": "a", "url": "b"}}}, "", id="in another language"),
        pytest.param({"class": "guidance"}, "", id="not statutory"),
        pytest.param({"status": "draft"}, "", id="a draft"),
    ],
)
def test_what_takes_the_place_of_a_statutory_item_is_as_particular_or_begins_when_it_ends(
    whole, changes, days
):
    found = told(whole, lambda a: succeed(a, **changes))
    of_it = [sentence for sentence in found if PARTICULAR in sentence]
    expected = [] if days is None else [UNSUCCEEDED.format(days)]
    assert [sentence.partition(": error: ")[2] for sentence in of_it] == expected


def test_a_statutory_item_made_a_draft_is_not_missed_where_its_benefit_keeps_a_floor(whole):
    def retire(authored):
        item(authored, PARTICULAR).update(valid_until="2026-12-31", status="draft")

    assert told(whole, retire) == []


def test_an_error_about_a_statutory_item_is_said_once_however_many_benefits_it_names(whole):
    found = told(
        whole, lambda a: item(a, "child-care-allowances-report-changes").update(valid_until="2026-12-31")
    )
    benefits = "`child_home_care_allowance`, `private_day_care_allowance`, `flexible_care_allowance`"
    assert len(found) == 1
    assert f"from 2027-01-01 no statutory item in en takes its place for persons with {benefits}." in found[0]


def test_content_of_a_rule_that_ends_without_a_successor_is_a_warning_with_its_days(whole):
    found = references(whole, "form", "general")
    assert found
    assert all(
        ": warning: " in sentence
        and "offers `form`" in sentence
        and "for its topic from 2027-07-01. Renew what ends, or add one that follows." in sentence
        for sentence in found
    )


def test_content_that_a_guarantee_asks_for_may_not_end(whole):
    found = references(whole, "easy_read")
    assert found
    assert all(": error: " in sentence and "from 2027-07-01" in sentence for sentence in found)


def test_content_that_ends_within_sixty_days_is_a_warning_where_it_is_asked(whole):
    ending = copy.deepcopy(whole)
    item(ending, "employer-claim-deadline")["valid_until"] = "2026-12-31"
    find_expiring(ending, date(2026, 11, 27))
    mine = [finding for finding in ending.findings if finding.subject == "employer-claim-deadline"]
    assert [(finding.severity, finding.message) for finding in mine] == [
        ("warning", "expires on 2026-12-31.")
    ]


CONTENT_FAULTS = [
    pytest.param(
        "pages.yaml",
        "    review_by: 2027-11-30\n",
        "    review_by: 2027-11-30\n    valid_untill: 2026-12-31\n",
        "pages.yaml: error: contact-phone-appointment: names the field `valid_untill`, which does not exist. "
        "Did you mean `valid_until`?",
        id="a misspelt field of an item",
    ),
    pytest.param(
        "pages.yaml",
        "    review_by: 2027-11-30\n",
        "    review_by: 2027-11-30\n    valid_from: 2027-06-01\n    valid_until: 2027-01-01\n",
        "pages.yaml: error: contact-phone-appointment: is valid until 2027-01-01, before it begins on 2027-06-01. "
        "Swap `valid_from` and `valid_until`.",
        id="reversed dates",
    ),
    pytest.param(
        "pages.yaml",
        "    review_by: 2027-11-30\n",
        "    review_by: 30.11.2027\n",
        "pages.yaml: error: contact-phone-appointment: has a `review_by` that is no date. Write it as 2026-05-31.",
        id="a Finnish date",
    ),
    pytest.param(
        "pages.yaml",
        "        title: Varaa puhelinaika\n",
        "        title: Varaa puhelinaika\n        boddy: Varaa aika.\n",
        "pages.yaml: error: contact-phone-appointment: names the field `boddy`, which does not exist. "
        "Did you mean `body`?",
        id="a misspelt field of a text",
    ),
    pytest.param(
        "channels.yaml",
        "    capacity_per_day: 850 ",
        "    capacity_a_day: 850 ",
        "channels.yaml: error: channel phone_appointment: names the field `capacity_a_day`, which does not exist. "
        "Did you mean `capacity_per_day`?",
        id="a misspelt field of a channel",
    ),
    pytest.param(
        "topics.yaml",
        "  applying: {parent: general,",
        "  applying: {parrent: general,",
        "topics.yaml: error: topic applying: names the field `parrent`, which does not exist. Did you mean `parent`?",
        id="a misspelt field of a topic",
    ),
    pytest.param(
        "texts.yaml",
        "\nnotice:\n",
        "\nnotise:\n",
        "texts.yaml: error: texts.yaml: names the field `notise`, which does not exist. Did you mean `notice`?",
        id="a misspelt text",
    ),
]


PRIORITY = (
    "pages.yaml: error: contact-phone-appointment: has a `priority` that is no whole number from 1 to 9. "
    "Write 9 for what goes first; 5 is usual."
)
CONTENT_FAULTS += [
    pytest.param(
        "pages.yaml",
        "    review_by: 2027-11-30\n",
        f"    review_by: 2027-11-30\n    priority: {value}\n",
        PRIORITY,
        id=f"the priority {value}",
    )
    for value in ("0", "10", "4.5", "high", '"6"', "true", "[6]")
]
CONTENT_FAULTS.append(
    pytest.param(
        "pages.yaml",
        "    review_by: 2027-11-30\n",
        "    review_by: 2027-11-30\n    priorty: 6\n",
        "pages.yaml: error: contact-phone-appointment: names the field `priorty`, which does not exist. "
        "Did you mean `priority`?",
        id="a misspelt priority",
    )
)


@pytest.mark.parametrize("value", [1, 5, 9])
def test_a_priority_from_1_to_9_is_taken(folders, value):
    path = folders / "content" / "pages.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    owner:", f"    priority: {value}\n    owner:", 1), encoding="utf-8")
    read = loader.read_content(folders / "content")
    assert read.findings == []
    assert item(read, "contact-phone-appointment")["priority"] == value


@pytest.mark.parametrize(("file", "replace", "by", "words"), CONTENT_FAULTS)
def test_a_field_that_does_not_exist_or_holds_no_date_is_told_with_its_place(
    folders, file, replace, by, words
):
    [path] = folders.rglob(file)
    text = path.read_text(encoding="utf-8")
    assert replace in text
    path.write_text(text.replace(replace, by, 1), encoding="utf-8")
    found = loader.read_content(folders / "content").findings
    [finding] = [one for one in found if one.sentence().replace(f":{one.line}:", ":", 1) == words]
    assert finding.subject.split()[-1] in text.splitlines()[finding.line - 1] or finding.line == 1
