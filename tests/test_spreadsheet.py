"""The rules go to a spreadsheet and come back: what was not edited keeps every byte, what was edited changes alone."""

import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from click.testing import CliRunner
from conftest import ROOT
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from models.authoring import loader, spreadsheet
from models.authoring.canonical_yaml import formatted
from models.authoring.findings import Authored
from models.authoring.rule_edits import merge
from models.authoring.sheet_rows import tidy
from models.authoring.spreadsheet import SheetError, columns_of, sheets_of
from models.authoring.yaml_source import loads, plain
from models.cli import rulebook as arki_rulebook
from testing.shipped import ALL_FACTS

SOUND = ROOT / "fixtures" / "rulebooks" / "sound"

SHEETS = tuple(sheets_of(ALL_FACTS))


@pytest.fixture(params=["shipped", "sound"])
def folder(request, tmp_path):
    """A copy of a rulebook, to export and import."""
    source = loader.RULEBOOK if request.param == "shipped" else SOUND
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
    assert book.sheetnames == [*SHEETS, "lists", "made_from"]
    assert {book[name].sheet_state for name in ("lists", "made_from")} == {"hidden"}
    for name in SHEETS:
        sheet, kind = book[name], "employer" if name == "employer" else "person"
        assert sheet.freeze_panes == "C2"
        assert [cell.value for cell in sheet[1]] == list(columns_of(kind, ALL_FACTS))
        offered = [
            validation for validation in sheet.data_validations.dataValidation if validation.type == "list"
        ]
        assert len(offered) == len([*ALL_FACTS.of[kind], "channel", "content", "human_channel", "topic"])
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
    assert not loader.read_rules(loader.read_content(loader.CONTENT), folder).errors
    spreadsheet.export(folder, table)
    edit(table, "default", experiment=None)
    edit(table, "firm", experiment=None)
    spreadsheet.import_(table, folder)
    assert "experiment" not in rules_of(folder)


def test_an_experiment_that_was_not_edited_keeps_its_bytes_and_comments(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules = folder / "rules.yaml"
    rules.write_text(rules_of(folder).replace("control_share: 60", "control_share: 60  # until June"))
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
    with pytest.raises(SheetError, match=r"rules\.yaml: has a part that is not whole: experiment"):
        spreadsheet.export(folder, tmp_path / "table.xlsx")


def test_a_file_of_another_form_is_rewritten_once_and_that_is_said(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules, table = folder / "rules.yaml", tmp_path / "table.xlsx"
    canonical = rules_of(folder)
    untidy = canonical.replace("hit_policy: first", "hit_policy:   'first'   # as always")
    rules.write_text(untidy)
    spreadsheet.export(folder, table)
    assert spreadsheet.import_(table, folder) == []
    assert rules_of(folder) == untidy
    edit(table, "firm", owner="another-team")
    assert spreadsheet.import_(table, folder) == [
        "firm: owner changed",
        "rules.yaml: written in the canonical form of `arki-rulebook fmt`, which it did not have",
    ]
    assert changed_lines(canonical, rules_of(folder)) == [
        "-hit_policy: first",
        "+hit_policy: first  # as always",
        "-    owner: employers-team",
        "+    owner: another-team",
    ]
    spreadsheet.export(folder, table)
    edit(table, "firm", owner="third-team")
    assert spreadsheet.import_(table, folder) == ["firm: owner changed"]


def test_a_file_that_the_canonical_form_cannot_hold_is_not_edited(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules, table = folder / "rules.yaml", tmp_path / "table.xlsx"
    rules.write_text("? [a, b]\n: 1\n" + rules_of(folder))
    spreadsheet.export(folder, table)
    edit(table, "firm", owner="another-team")
    before = rules_of(folder)
    with pytest.raises(SheetError, match=r"rules\.yaml:1: holds what the canonical form cannot keep"):
        spreadsheet.import_(table, folder)
    assert rules_of(folder) == before


def test_comments_within_a_value_stay_above_the_one_that_takes_its_place(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules, table = folder / "rules.yaml", tmp_path / "table.xlsx"
    listed = "      content:\n        - form  # on paper\n        # last\n        - contact_card\n"
    rules.write_text(rules_of(folder).replace("      content: [form, contact_card]\n", listed))
    spreadsheet.export(folder, table)
    before = rules_of(folder)
    edit(table, "by-post", content="guide, contact_card")
    assert spreadsheet.import_(table, folder) == ["by-post: content changed"]
    assert rules_of(folder) == before.replace(
        listed, "      # on paper\n      # last\n      content: [guide, contact_card]\n"
    )


def test_headings_stay_where_rules_are_taken_out_moved_and_put_first(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules, table = folder / "rules.yaml", tmp_path / "table.xlsx"
    text = rules_of(folder)
    for name, heading in (("help-by-phone", "# One"), ("by-post", "# Two"), ("default", "# Three")):
        text = text.replace(f"  - id: {name}\n", f"  {heading}\n  - id: {name}\n").replace(
            f"  - id: {name}  #", f"  {heading}\n  - id: {name}  #"
        )
    rules.write_text(text)
    spreadsheet.export(folder, table)
    edit(table, "moving", order=0.5)
    book = load_workbook(table)
    for row in book["supported"].iter_rows(min_row=2):
        if row[1].value == "help-by-phone":
            book["supported"].delete_rows(row[0].row)
    book.save(table)
    assert spreadsheet.import_(table, folder) == ["help-by-phone: removed", "moving: moved"]
    shown = [
        line.strip().split("  #")[0]
        for line in rules_of(folder).splitlines()
        if line.startswith(("  #", "  - id"))
    ]
    assert shown[:8] == [
        "# Neutral answers",
        "- id: moving",
        "- id: neutral",
        "# One",
        "# Two",
        "- id: by-post",
        "# Three",
        "- id: default",
    ]


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
    sheet.append([new.get(column) for column in columns_of("person", ALL_FACTS)])
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
            cell = row[columns_of("employer", ALL_FACTS).index("source")]
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


def write(cell, value, kind):
    cell.value, cell.data_type = value, kind


def broken_table(table, change):
    book = load_workbook(table)
    change(book)
    book.save(table)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: setattr(b["supported"]["F2"], "value", "=1+1"), "has a formula in supported!F2"),
        (lambda b: b.remove(b["steady"]), "lacks the sheet `steady`"),
        (lambda b: b["steady"].delete_cols(4), "lacks the column `segment` on the sheet `steady`"),
        (
            lambda b: setattr(b["supported"]["A2"], "value", "first"),
            "no number in its `order` column, supported!A2",
        ),
        (
            lambda b: setattr(b["supported"]["B2"], "value", b["several"]["B2"].value),
            "twice, in several!B2 and supported!B2",
        ),
        (lambda b: setattr(b["supported"]["B2"], "value", None), "has no rule id in supported!B2"),
        (
            lambda b: setattr(b["supported"]["B2"], "value", "New rule"),
            "has a rule id in supported!B2 that cannot",
        ),
        (
            lambda b: setattr(b["supported"]["B2"], "value", "new\u200brule"),
            "in supported!B2 that cannot be seen .*U.200B",
        ),
        (
            lambda b: setattr(b["supported"]["A2"], "value", b["several"]["A2"].value),
            "one place, 1: those in several!B2 and",
        ),
        (lambda b: write(b["supported"]["F2"], "#REF!", "e"), "the error value #REF! in supported!F2"),
        (lambda b: setattr(b["supported"]["F2"], "value", "#N/A"), "the error value #N/A in supported!F2"),
        (
            lambda b: setattr(b["supported"]["H2"], "value", "offline; assisted"),
            "in supported!H2 that are not parted by commas",
        ),
        (
            lambda b: setattr(b["supported"]["H2"], "value", "offline\nassisted"),
            "in supported!H2 that are not parted by commas",
        ),
        (
            lambda b: setattr(b["supported"]["U2"], "value", "a_x0001_b"),
            "in supported!U2 that cannot be seen .*U.0001",
        ),
        (
            lambda b: setattr(b["supported"]["AZ1"], "value", "channel"),
            "`channel` twice, the second time in supported!AZ1",
        ),
        (lambda b: b["supported"].merge_cells("C2:C3"), "merged cells, supported!C2:C3"),
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
    with pytest.raises(SheetError, match=r"is no \.xlsx spreadsheet but"):
        spreadsheet.import_(tmp_path / "not.xlsx", folder)


def test_the_commands_say_what_they_did(folder, table):
    run = CliRunner().invoke
    shown = run(arki_rulebook.main, ["export", str(table), "--rulebook", str(folder)])
    assert "rules -> " in shown.output
    edit(table, "firm", owner="another-team")
    before = rules_of(folder)
    shown = run(arki_rulebook.main, ["import", str(table), "--rulebook", str(folder), "--dry-run"])
    assert shown.output == "firm: owner changed\n1 changes; nothing was written.\n"
    assert rules_of(folder) == before
    shown = run(arki_rulebook.main, ["import", str(table), "--rulebook", str(folder)])
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
                wanted[at][name] = tidy(name, value.replace(",", "")) or "x"
            else:
                wanted[at][name] = value.strip()
    wanted = [wanted[at] for at in order if at not in gone]
    if not wanted:
        return
    merged, _ = merge(text, "person", given_rows, wanted, ALL_FACTS)
    assert [spreadsheet._row(rule) for rule in loads(merged)["person"]] == wanted
    assert formatted(merged) == merged
    again, told = merge(merged, "person", wanted, wanted, ALL_FACTS)
    assert (again, told) == (merged, [])
    assert loads(merged)["employer"] == loads(text)["employer"]


def test_openpyxl_is_in_the_commands_process_alone():
    code = (
        "import sys, models.cli.rulebook, models.decision.bundle, models.decision.recommender, models.authoring.spreadsheet;"
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
    with pytest.raises(SheetError, match="lacks the sheet `several`"):
        spreadsheet.import_(tmp_path / "empty.xlsx", folder)


def test_every_shipped_rule_has_a_row(tmp_path):
    authored = Authored()
    rules = loads((loader.RULEBOOK / "rules.yaml").read_text(encoding="utf-8"))
    assert spreadsheet.export(loader.RULEBOOK, tmp_path / "t.xlsx") == len(rules["person"]) + len(
        rules["employer"]
    )
    assert authored.findings == []


def test_formatting_far_below_the_last_row_is_no_rule(folder, table):
    broken_table(table, lambda book: setattr(book["steady"].cell(1_048_576, 5), "style", "Bad"))
    assert spreadsheet.import_(table, folder) == []


def test_more_cells_than_a_table_of_rules_has_are_refused_with_the_last(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    cells = "".join(f'<row r="{line}"><c r="A{line}" s="1"/></row>' for line in range(100, 60_000))
    rewritten(
        table, "xl/worksheets/sheet1.xml", lambda text: text.replace("</sheetData>", f"{cells}</sheetData>")
    )
    with pytest.raises(
        SheetError, match="more than 100000 cells and rows on one sheet, down to several!A59999"
    ):
        spreadsheet.import_(table, folder)


def rewritten(table, name, change, encoding="utf-8"):
    """Change the text of one part of a workbook."""
    with zipfile.ZipFile(table) as book:
        parts = {part: book.read(part) for part in book.namelist()}
    parts[name] = change(parts[name].decode()).encode(encoding)
    with zipfile.ZipFile(table, "w", zipfile.ZIP_DEFLATED) as book:
        for part, content in parts.items():
            book.writestr(part, content)


def test_a_merge_of_a_whole_sheet_is_refused_before_it_is_opened(folder, table):
    merged = '</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    rewritten(table, "xl/worksheets/sheet1.xml", lambda text: text.replace("</sheetData>", merged))
    with pytest.raises(SheetError, match="merged cells, several!A1:XFD1048576"):
        spreadsheet.import_(table, folder)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32"])
def test_a_part_that_declares_entities_is_refused_in_any_encoding(folder, table, encoding):
    rewritten(
        table,
        "xl/worksheets/sheet1.xml",
        lambda text: '<!DOCTYPE a [<!ENTITY b "c">]>' + text,
        encoding,
    )
    with pytest.raises(SheetError, match="holds declarations that no spreadsheet needs"):
        spreadsheet.import_(table, folder)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("xl/worksheets/sheet1.xml", lambda text: text[:-20]),
        ("xl/worksheets/sheet1.xml", lambda text: text.replace('r="2"', 'r="99999999999"', 1)),
        ("xl/styles.xml", lambda text: "<styleSheet"),
        ("[Content_Types].xml", lambda text: ""),
    ],
)
def test_a_damaged_part_is_one_sentence(folder, table, name, change):
    rewritten(table, name, change)
    with pytest.raises(SheetError, match="is damaged or locked with a password"):
        spreadsheet.import_(table, folder)


def shared_strings(table):
    """Save a table as Excel, LibreOffice and Google Sheets do: strings in a part of their own, and no dimension."""
    strings = []

    def share(text):
        def number(cell):
            strings.append(f"<si><t>{cell[3]}</t></si>")
            return f'<c r="{cell[1]}"{cell[2]} t="s"><v>{len(strings) - 1}</v></c>'

        text = re.sub(r"<dimension [^>]*>", "", text)
        return re.sub(r'<c r="(\w+)"([^>]*?) t="inlineStr"><is><t[^>]*>([^<]*)</t></is></c>', number, text)

    with zipfile.ZipFile(table) as book:
        sheets = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
    for name in sheets:
        rewritten(table, name, share)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    declared = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    rewritten(table, "[Content_Types].xml", lambda text: text.replace("</Types>", declared))
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(table, "a") as book:
        book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{"".join(strings)}</sst>')
    return strings


def test_a_table_saved_by_another_program_is_read(folder, table):
    assert len(shared_strings(table)) > 100
    assert spreadsheet.import_(table, folder) == []


def test_a_table_without_styles_and_with_prefixed_names_is_read(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)

    def prefixed(text):
        text = re.sub(r"<(/?)(?=\w)", r"<\1x:", text).replace("xmlns=", "xmlns:x=")
        return re.sub(r"<x:legacyDrawing[^>]*>", "", text)

    for number in range(1, len(SHEETS) + 1):
        rewritten(table, f"xl/worksheets/sheet{number}.xml", prefixed)
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rewritten(table, "xl/styles.xml", lambda _: f'<styleSheet xmlns="{space}"/>')
    assert spreadsheet.import_(table, folder) == []
    merged = '</x:sheetData><x:mergeCells count="1"><x:mergeCell ref="A2:A3"/></x:mergeCells>'
    rewritten(table, "xl/worksheets/sheet1.xml", lambda text: text.replace("</x:sheetData>", merged))
    with pytest.raises(SheetError, match="merged cells, several!A2:A3"):
        spreadsheet.import_(table, folder)


def test_numbers_and_days_may_be_typed_as_finns_do_and_spaces_make_no_difference(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    edit(table, "moving", order="4,0", valid_from="1.7.2026", content="guide,\u00a0 web_page ")
    edit(table, "default", owner="service-team\u00a0")
    assert spreadsheet.import_(table, folder) == ["moving: content, valid_from changed"]
    assert "valid: {from: 2026-07-01, until: 2026-12-31}" in rules_of(folder)


def test_a_stale_table_is_refused_with_every_rule_that_changed_since(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    newer = tmp_path / "newer.xlsx"
    spreadsheet.export(folder, newer)
    edit(newer, "moving", because_en="You are moving house.")
    edit(newer, "default", id="the-rest")
    edit(newer, "by-post", order=0.5)
    spreadsheet.import_(newer, folder)
    before = rules_of(folder)
    with pytest.raises(SheetError) as error:
        spreadsheet.import_(table, folder)
    assert str(error.value) == (
        "The table was made from rules that have changed since; edited: moving; added: the-rest; removed: default; "
        "moved: by-post. It would undo that. Export the table again and move your edits into it."
    )
    assert rules_of(folder) == before
    assert spreadsheet.import_(newer, folder) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda book: book.remove(book["made_from"]),
        lambda book: setattr(book["made_from"]["B3"], "value", "x"),
    ],
    ids=["an old table", "a damaged record"],
)
def test_a_table_that_does_not_say_what_it_was_made_from_is_refused(folder, table, change):
    broken_table(table, change)
    with pytest.raises(
        SheetError, match=r"does not say which rules it was made from.*Export the table again"
    ):
        spreadsheet.import_(table, folder)


def test_a_comment_in_the_rules_makes_no_table_stale(folder, table):
    rules = folder / "rules.yaml"
    rules.write_text("# a comment\n" + rules_of(folder), encoding="utf-8")
    edit(
        table,
        "firm" if (folder / "rules.yaml").stat().st_size < 9000 else "job-loss-guidance",
        owner="new-team",
    )
    assert len(spreadsheet.import_(table, folder)) == 1


def test_windows_line_ends_stay(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules = folder / "rules.yaml"
    rules.write_bytes(rules.read_bytes().replace(b"\n", b"\r\n"))
    table = tmp_path / "table.xlsx"
    spreadsheet.export(folder, table)
    edit(table, "default", topic=None, valid_from="2027-01-01")
    spreadsheet.import_(table, folder)
    content = rules.read_bytes()
    assert b"valid: {from: 2027-01-01}" in content
    assert content.count(b"\n") == content.count(b"\r\n")


OTHER_FILES = {
    "rules.ods": "an OpenDocument file (.ods)",
    "rules.xls": "an old Excel file (.xls) or one locked with a password",
    "letter.docx": "another kind of file (a zip)",
    "rules.csv": "a CSV file",
    "rules.yaml": "a YAML file",
    "smallest.dmn": "a DMN model, which Arki neither reads nor writes",
    "page.html": "an XML or HTML file",
    "empty.xlsx": "an empty file",
    "text.xlsx": "a text or another kind of file",
    "folder": "a folder",
}


def other_file(path):
    """A small file of another kind, by its name."""
    if path.suffix in {".ods", ".docx"}:
        with zipfile.ZipFile(path, "w") as made:
            names = (
                ("mimetype", "content.xml")
                if path.suffix == ".ods"
                else ("[Content_Types].xml", "word/document.xml")
            )
            for name in names:
                made.writestr(name, "x")
    elif path.name == "folder":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "rules.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
                "rules.csv": b"order;id\n1;nudge\n",
                "rules.yaml": b"person: []\n",
                "smallest.dmn": b'<?xml version="1.0"?>\n<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"/>',
                "page.html": b"<!doctype html><p>x",
                "empty.xlsx": b"",
                "text.xlsx": b"text",
            }[path.name]
        )


@pytest.mark.parametrize("name", OTHER_FILES)
def test_importing_a_file_of_another_kind_is_one_sentence(tmp_path, name):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    other_file(tmp_path / name)
    shown = CliRunner().invoke(
        arki_rulebook.main, ["import", str(tmp_path / name), "--rulebook", str(folder)]
    )
    assert shown.exit_code == 2
    assert shown.output == (
        f"{tmp_path / name}: The table is no .xlsx spreadsheet but {OTHER_FILES[name]}. Send a spreadsheet that the "
        "console or `arki-rulebook export` made, saved as .xlsx (Excel workbook).\n"
    )


def test_the_help_of_import_says_what_a_table_holds():
    shown = " ".join(CliRunner().invoke(arki_rulebook.main, ["import", "--help"]).output.split())
    for name in (*SHEETS, *columns_of("person", ALL_FACTS)[:1], *columns_of("employer", ALL_FACTS)[-12:]):
        assert name in shown
    assert "no DMN" in shown
    missing = CliRunner().invoke(arki_rulebook.main, ["import", "none.xlsx", "--language", "fi"])
    assert (missing.exit_code, missing.output) == (
        2,
        "none.xlsx: Tiedostoa ei ole. Tarkista nimi ja kansio.\n",
    )


def test_what_no_cell_can_hold_is_not_exported(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    rules = folder / "rules.yaml"
    rules.write_text(rules_of(folder).replace("owner: service-team", 'owner: "a\\x01b"', 1))
    with pytest.raises(SheetError, match=r"a text holds a character that no spreadsheet can: `aU\+0001b`"):
        spreadsheet.export(folder, tmp_path / "t.xlsx")
