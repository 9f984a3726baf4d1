"""The rules go to a spreadsheet and come back: what was not edited keeps every byte, what was edited changes alone."""

import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from conftest import ROOT
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from models import authoring, commands, spreadsheet
from models.facts import FACTS
from models.findings import Authored
from models.rule_text import merge
from models.spreadsheet import SHEETS, SheetError, columns_of
from models.written import loads, plain

SOUND = ROOT / "fixtures" / "rulebooks" / "sound"


@pytest.fixture(params=["shipped", "sound"])
def folder(request, tmp_path):
    """A copy of a rulebook, to export and import."""
    source = authoring.RULEBOOK if request.param == "shipped" else SOUND
    return shutil.copytree(source, tmp_path / "rulebook")


@pytest.fixture
def table(folder, tmp_path):
    """A rulebook's table, as exported."""
    path = tmp_path / "table.xlsx"
    spreadsheet.export(folder, path)
    return path


def rules_of(folder):
    return (folder / "rules.yaml").read_text(encoding="utf-8")


def edit(table, name, **cells):
    """Write cells of the row of one rule; `None` clears one."""
    book = load_workbook(table)
    for sheet in (book[name] for name in SHEETS):
        header = {cell.value: cell.column for cell in sheet[1]}
        for row in sheet.iter_rows(min_row=2):
            if row[1].value == name:
                for column, value in cells.items():
                    row[header[column] - 1].value = value
                book.save(table)
                return
    raise AssertionError(name)


def changed_lines(before, after):
    """Lines of one text that the other lacks, both ways."""
    import difflib

    return [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        if line[0] in "+-" and line[:3] not in {"+++", "---"}
    ]


def test_export_and_import_change_no_byte(folder, table):
    before = (folder / "rules.yaml").read_bytes()
    assert spreadsheet.import_(table, folder) == []
    assert (folder / "rules.yaml").read_bytes() == before


def test_the_table_has_a_frozen_header_a_sheet_for_each_segment_and_drop_downs(folder, table):
    book = load_workbook(table)
    assert book.sheetnames == [*SHEETS, "lists"]
    assert book["lists"].sheet_state == "hidden"
    for name in SHEETS:
        sheet, kind = book[name], "employer" if name == "employer" else "person"
        assert sheet.freeze_panes == "C2"
        assert [cell.value for cell in sheet[1]] == list(columns_of(kind))
        offered = [
            validation for validation in sheet.data_validations.dataValidation if validation.type == "list"
        ]
        assert len(offered) == len(FACTS[kind]) + 3
    for row in book["supported"].iter_rows(min_row=2, values_only=True):
        assert "supported" in row


def test_an_edited_cell_changes_its_own_line_alone(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    before = rules_of(folder)
    edit(
        table,
        "by-post",
        content="guide, contact_card",
        digital="offline, assisted",
        source='kela.fi: "paperi"',
    )
    assert spreadsheet.import_(table, folder) == ["by-post: content, digital, source changed"]
    assert changed_lines(before, rules_of(folder)) == [
        "-    when: {digital: offline}",
        "+    when: {digital: [offline, assisted]}",
        "-      content: [form, contact_card]",
        "+      content: [guide, contact_card]",
        "-    source: kela.fi",
        '+    source: "kela.fi: \\"paperi\\""',
    ]
    assert "# who is not online" in rules_of(folder)


def test_fields_are_added_and_taken_away(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    before = rules_of(folder)
    edit(table, "default", valid_from="2026-01-01", topic=None, life_event="none")
    edit(table, "moving", valid_from=None, valid_until=None)
    edit(table, "help-by-phone", human_channel="phone_appointment", because_sv="Du kan boka, om du vill.")
    spreadsheet.import_(table, folder)
    assert changed_lines(before, rules_of(folder)) == [
        "-    because: {fi: Voit varata ajan., sv: Du kan boka en tid., en: You can book a time.}",
        "+      human_channel: phone_appointment",
        '+    because: {fi: Voit varata ajan., sv: "Du kan boka, om du vill.", en: You can book a time.}',
        "-    valid: {from: 2026-06-01, until: 2026-12-31}",
        "+    when: {life_event: none}",
        "-      topic: general",
        "+    valid: {from: 2026-01-01}",
    ]


def test_an_experiment_is_a_cell_that_can_be_edited_removed_and_given_to_another_rule(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    book = load_workbook(table)
    header = {cell.value: cell.column for cell in book["employer"][1]}
    assert [
        row[header["experiment"] - 1] for row in book["employer"].iter_rows(min_row=2, values_only=True)
    ] == [
        None,
        "firm-contact-first; control 60; contact-first 30: contact_card, guide; guide-alone 10: guide",
    ]
    edit(table, "firm", experiment="firm-contact-first; control 50; contact-first 50: contact_card, guide")
    edit(table, "default", experiment="default-order; control 90; page-first 10: web_page, guide")
    assert spreadsheet.import_(table, folder) == [
        "default: experiment changed",
        "firm: experiment changed",
    ]
    rules = {rule["id"]: rule for kind in ("person", "employer") for rule in loads(rules_of(folder))[kind]}
    assert plain(rules["default"]["experiment"]) == {
        "id": "default-order",
        "control_share": 90,
        "variants": [{"id": "page-first", "share": 10, "content": ["web_page", "guide"]}],
    }
    assert plain(rules["firm"]["experiment"])["variants"] == [
        {"id": "contact-first", "share": 50, "content": ["contact_card", "guide"]}
    ]
    assert not authoring.read_rules(authoring.read_content(authoring.CONTENT), folder).errors
    edit(table, "default", experiment=None)
    edit(table, "firm", experiment=None)
    spreadsheet.import_(table, folder)
    assert "experiment" not in rules_of(folder)


def test_an_experiment_that_was_not_edited_keeps_its_bytes_and_comments(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules = folder / "rules.yaml"
    rules.write_text(rules_of(folder).replace("control_share: 60", "control_share: 60   # until June"))
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    edit(table, "firm", source="kela.fi/tyonantajat")
    before = rules_of(folder)
    assert spreadsheet.import_(table, folder) == ["firm: source changed"]
    assert changed_lines(before, rules_of(folder)) == [
        "-    source: kela.fi",
        "+    source: kela.fi/tyonantajat",
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "firm",
        "firm; a 50: guide",
        "firm; control half; a 50: guide",
        "firm; control 50; a 50",
        "a; control 100",
    ],
)
def test_an_experiment_that_cannot_be_read_is_refused_where_it_stands(tmp_path, cell):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    edit(table, "firm", experiment=cell)
    before = rules_of(folder)
    with pytest.raises(
        SheetError, match=r"The table has an experiment in employer!\w+ that cannot be read\. Write it as: "
    ):
        spreadsheet.import_(table, folder)
    assert rules_of(folder) == before


@pytest.mark.parametrize(
    ("replace", "by"),
    [
        ("control_share: 60", "control: 60"),
        ("id: guide-alone, ", ""),
        ("share: 10, content: [guide]", "share: 10, note: x, content: [guide]"),
        ("id: guide-alone", "id: guide; alone"),
    ],
)
def test_an_experiment_that_would_not_come_back_whole_is_not_exported(tmp_path, replace, by):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules = folder / "rules.yaml"
    rules.write_text(rules_of(folder).replace(replace, by))
    with pytest.raises(SheetError, match=r"rules\.yaml has an experiment that is not whole"):
        spreadsheet.export(folder, tmp_path / "table.xlsx")


def test_rows_are_added_moved_and_removed_and_comments_stay(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    edit(table, "by-post", order=1.5)
    book = load_workbook(table)
    sheet = book["changing"]
    new = {
        "order": 4.5,
        "id": "studies",
        "segment": "changing",
        "life_event": "KE3",
        "channel": "web_page",
        "content": "guide",
        "because_fi": "Lue opinnoista.",
        "because_sv": "Läs om studier.",
        "because_en": "Read about studies.",
        "owner": "service-team",
        "source": "kela.fi",
    }
    sheet.append([new.get(column) for column in columns_of("person")])
    book.save(table)
    book = load_workbook(table)
    for row in book["several"].iter_rows(min_row=2):
        if row[1].value == "neutral":
            book["several"].delete_rows(row[0].row)
    book.save(table)
    assert spreadsheet.import_(table, folder) == ["by-post: moved", "neutral: removed", "studies: added"]
    rules = loads(rules_of(folder))
    assert [rule["id"] for rule in rules["person"]] == [
        "by-post",
        "help-by-phone",
        "moving",
        "studies",
        "default",
    ]
    assert "# Neutral answers" in rules_of(folder)
    assert "# who is not online" in rules_of(folder)
    assert plain(rules["person"][3]) == {
        "id": "studies",
        "when": {"segment": "changing", "life_event": "KE3"},
        "then": {"channel": "web_page", "content": ["guide"]},
        "because": {"fi": "Lue opinnoista.", "sv": "Läs om studier.", "en": "Read about studies."},
        "owner": "service-team",
        "source": "kela.fi",
    }


NASTY = [
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "a: b",
    "# no comment",
    "yes",
    "null",
    "2026-01-01",
    "ä, ö",
    '"',
    "'",
]


@pytest.mark.parametrize("text", NASTY)
def test_text_that_looks_like_something_else_stays_text(tmp_path, text):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    edit(table, "firm", source="x")
    book = load_workbook(table)
    for row in book["employer"].iter_rows(min_row=2):
        if row[1].value == "firm":
            cell = row[columns_of("employer").index("source")]
            cell.value, cell.data_type = text, "s"
    book.save(table)
    spreadsheet.import_(table, folder)
    assert str(plain(loads(rules_of(folder))["employer"][1]["source"])) == text
    spreadsheet.export(folder, table)
    cells = [
        cell for row in load_workbook(table)["employer"].iter_rows() for cell in row if cell.value == text
    ]
    assert cells
    assert all(cell.data_type == "s" for cell in cells)
    assert all(cell.quotePrefix for cell in cells if text[0] in "=+-@")
    assert spreadsheet.import_(table, folder) == []


def broken_table(table, change):
    book = load_workbook(table)
    change(book)
    book.save(table)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: setattr(b["supported"]["F2"], "value", "=1+1"), "has a formula in supported!F2"),
        (lambda b: b.remove(b["steady"]), "The sheet `steady` is missing"),
        (lambda b: b["steady"].delete_cols(4), "lacks the column `segment` on the sheet `steady`"),
        (
            lambda b: setattr(b["supported"]["A2"], "value", "first"),
            "no number in its `order` column, supported!A2",
        ),
        (lambda b: setattr(b["supported"]["B2"], "value", "neutral"), "neutral: uses an id that is taken"),
        (lambda b: setattr(b["supported"]["B2"], "value", None), "supported!B2 has no id"),
    ],
)
def test_a_table_that_cannot_be_read_changes_nothing(folder, table, change, words):
    before = rules_of(folder)
    broken_table(table, change)
    with pytest.raises(SheetError, match=words.replace("(", r"\(")):
        spreadsheet.import_(table, folder)
    assert rules_of(folder) == before


def test_a_file_that_is_no_table_is_told_so(folder, tmp_path):
    (tmp_path / "not.xlsx").write_text("text")
    with pytest.raises(SheetError, match="is not a table that can be read"):
        spreadsheet.import_(tmp_path / "not.xlsx", folder)


def test_the_commands_say_what_they_did(folder, table):
    run = CliRunner().invoke
    shown = run(commands.rulebook, ["export", str(table), "--rulebook", str(folder)])
    assert "rules -> " in shown.output
    edit(table, "firm", owner="another-team")
    before = rules_of(folder)
    shown = run(commands.rulebook, ["import", str(table), "--rulebook", str(folder), "--dry-run"])
    assert shown.output == "firm: owner changed\n1 changes; nothing was written.\n"
    assert rules_of(folder) == before
    shown = run(commands.rulebook, ["import", str(table), "--rulebook", str(folder)])
    assert "Now run `arki-rulebook check`" in shown.output
    assert "owner: another-team" in rules_of(folder)


cells = st.dictionaries(
    st.sampled_from(
        ["life_event", "digital", "source", "because_fi", "topic", "valid_from", "human_channel"]
    ),
    st.one_of(st.none(), st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=20)),
)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    edits=st.dictionaries(st.integers(0, 4), cells, max_size=3),
    order=st.permutations(range(5)),
    gone=st.sets(st.integers(0, 4), max_size=3),
)
def test_whatever_is_edited_comes_back_as_it_was_typed(edits, order, gone):
    text = (SOUND / "rules.yaml").read_text(encoding="utf-8")
    given_rows = [spreadsheet._row(rule) for rule in loads(text)["person"]]
    wanted = [dict(row) for row in given_rows]
    for at, changes in edits.items():
        for name, value in changes.items():
            if value is None or not value.strip() or value.strip(", ") == "":
                wanted[at].pop(name, None)
            elif name in {"life_event", "digital", "topic", "human_channel"}:
                wanted[at][name] = value.replace(",", "").strip() or "x"
            else:
                wanted[at][name] = value.strip()
    wanted = [wanted[at] for at in order if at not in gone]
    if not wanted:
        return
    merged, _ = merge(text, "person", given_rows, wanted)
    assert [spreadsheet._row(rule) for rule in loads(merged)["person"]] == wanted
    again, told = merge(merged, "person", wanted, wanted)
    assert (again, told) == (merged, [])
    assert loads(merged)["employer"] == loads(text)["employer"]


def test_openpyxl_is_in_the_commands_process_alone():
    code = (
        "import sys, models.commands, models.bundle, models.recommender, models.spreadsheet;"
        "print(sorted({'numpy', 'openpyxl', 'pyarrow', 'ruamel.yaml'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip() == "[]"


def test_a_rulebook_that_is_not_whole_is_not_exported(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    (folder / "rules.yaml").write_text("person: [", encoding="utf-8")
    with pytest.raises(SheetError, match="a bracket was left open"):
        spreadsheet.export(folder, tmp_path / "t.xlsx")
    (folder / "rules.yaml").write_text("person:\n  - {id: a, colour: red}\n", encoding="utf-8")
    with pytest.raises(SheetError, match="not whole"):
        spreadsheet.export(folder, tmp_path / "t.xlsx")


def test_an_empty_workbook_lacks_every_sheet(folder, tmp_path):
    Workbook().save(tmp_path / "empty.xlsx")
    with pytest.raises(SheetError, match="The sheet `several` is missing"):
        spreadsheet.import_(tmp_path / "empty.xlsx", folder)


def test_every_shipped_rule_has_a_row(tmp_path):
    authored = Authored()
    rules = loads((authoring.RULEBOOK / "rules.yaml").read_text(encoding="utf-8"))
    assert spreadsheet.export(authoring.RULEBOOK, tmp_path / "t.xlsx") == len(rules["person"]) + len(
        rules["employer"]
    )
    assert authored.findings == []
