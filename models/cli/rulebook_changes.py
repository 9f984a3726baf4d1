"""Commands of `arki-rulebook` for changing a rulebook: compare, weigh, move to a spreadsheet and back, propose examples.

Only click is imported before a command runs. openpyxl and pyarrow are imported in these commands' processes alone.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from models.cli.options import as_of_option, content_option, folders, report, rulebook_option, today
from models.columns.local_paths import LocalPath
from models.contract.environment import bundles_folder
from models.decision.experiments import Experiment

if TYPE_CHECKING:
    from models.authoring.impact_report import Impact
    from models.authoring.messages import TeamLanguage
    from models.decision.catalogue import Catalogue

_FILE: Final = LocalPath(dir_okay=False)
_EXISTING: Final = LocalPath(exists=True, dir_okay=False)
_SHOWN: Final = 20
_CHANGES: Final = {
    "rules": "another channel or kind of content",
    "content": "other content",
    "channels": "another name, or other hours, of a channel",
    "texts": "another sentence",
}


@click.command()
@as_of_option("The day to count on")
@rulebook_option
@content_option
@click.option(
    "--answers",
    type=_EXISTING,
    help="A CSV of arki-score; counts how many of its items lead to Arki's own example pages, instead of the table.",
)
def coverage(
    as_of: date | None, rulebook_folder: Path | None, content_folder: Path | None, answers: Path | None
) -> None:
    """Count the content that can be offered, by topic and language, as a Markdown table. A hole shows as 0.

    The last row counts Arki's own example pages, which stand in where no page of Kela's is known.
    """
    from models.authoring import loader  # noqa: PLC0415
    from models.decision.catalogue import read_catalogue  # noqa: PLC0415

    _rules, content, vocabulary = folders(rulebook_folder, content_folder)
    authored = loader.read_content(content, vocabulary)
    catalogue, languages = read_catalogue(authored.catalogue, authored.terms), authored.codes("languages")
    if answers is not None:
        click.echo(_own_pages_in(answers, catalogue))
        return
    day = as_of or today()
    offered = [item for item in catalogue.items.values() if item.approved and item.holds_on(day)]
    click.echo(f"| topic | {' | '.join(languages)} |\n|---|{'---:|' * len(languages)}")
    for topic in authored.codes("topics"):
        counts = [
            sum(topic in item.topics and language in item.languages for item in offered)
            for language in languages
        ]
        click.echo(f"| {topic} | " + " | ".join(map(str, counts)) + " |")
    totals = [sum(language in item.languages for item in offered) for language in languages]
    click.echo("| **all items** | " + " | ".join(f"**{total}**" for total in totals) + " |")
    own = [
        sum(language in item.languages and item.languages[language].is_own for item in offered)
        for language in languages
    ]
    click.echo("| of these, Arki's own example pages | " + " | ".join(map(str, own)) + " |")


def _own_pages_in(answers: Path, catalogue: Catalogue) -> str:
    """How many items of scored customers lead to Arki's own pages, as a sentence."""
    is_own: dict[tuple[str, str], bool] = {
        (item.id, language): text.is_own
        for item in catalogue.items.values()
        for language, text in item.languages.items()
    }
    per_answer = []
    with answers.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            offered = [
                (row[name], row[name.replace("_content_id", "_content_language")])
                for name in row
                if name.endswith("_content_id") and row[name]
            ]
            unknown = next(
                (content for content, language in offered if (content, language) not in is_own), None
            )
            if unknown is not None:
                _stop(
                    f"{answers} names {unknown}, which the catalogue does not have. Score the customers again."
                )
            per_answer.append([is_own[one] for one in offered])
    items = [own for answer in per_answer for own in answer]
    if not items:
        _stop(f"{answers} has no items. Name a CSV that arki-score wrote.")
    return (
        f"{len(items):,} items in {len(per_answer):,} answers: {sum(items):,} ({sum(items) / len(items):.0%}) lead to Arki's "
        f"own example pages; {sum(map(all, per_answer)):,} answers have no other."
    )


@click.command()
@click.argument("old")
@click.argument("new")
@as_of_option("The day to compare on")
def diff(old: str, new: str, as_of: date | None) -> None:
    """Show for which cells of facts the rules come out otherwise in NEW than in OLD, exactly.

    Only rules are compared. What an edit of content, channels or texts changes is counted by `arki-rulebook impact`.
    OLD and NEW are each a folder (of rules.yaml, or with rulebook/ and content/ in it) or a bundle's digest.
    """
    from models.authoring.analysis import read_model  # noqa: PLC0415
    from models.authoring.diff import EditionError, difference, read_edition  # noqa: PLC0415
    from models.authoring.example_customers import Inventor, telling  # noqa: PLC0415

    try:
        one, other = (read_edition(name, bundles_folder()) for name in (old, new))
        comparison = difference(
            one, other, day=as_of or today(), inventor=Inventor(read_model(), other.rulebook.facts)
        )
    except (EditionError, ValueError) as error:
        _stop(str(error))
    for change in comparison.changes:
        was, now = (rule.id if rule else "(no rule)" for rule in (change.old, change.new))
        click.echo(f"{change.cells:>11,} cells  {change.customer_type}: {was} -> {now}")
        for name in ("channel", "content", "topic", "human_channel", "experiment"):
            before, after = (getattr(rule, name, None) for rule in (change.old, change.new))
            if before != after:
                click.echo(f"{'':19}{name}: {_as_text(before)} -> {_as_text(after)}")
        facts = ", ".join(f"{name}={value}" for name, value in telling(change.example).items())
        click.echo(f"{'':19}for example {facts or 'nothing known'}")
        customer = (
            json.dumps(change.customer, ensure_ascii=False)
            if change.customer
            else "nobody, by the current model"
        )
        click.echo(f"{'':19}customer: {customer}")
    click.echo(
        f"The rules come out otherwise for {comparison.changed:,} of {comparison.cells:,} cells. `arki-rulebook impact` counts the"
        " customers whose answer differs, by whatever was edited."
    )


@click.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--population", required=True, type=_FILE, help="Customers, .parquet or .csv, as arki-score reads."
)
@as_of_option("One day to compare on")
@click.option(
    "--limit",
    type=click.IntRange(1, 10),
    default=3,
    show_default=True,
    help="How many items an answer has at most.",
)
@click.option(
    "--uptake",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share of offers of personal service that are taken up; an assumption.",
)
@click.option("--json", "as_json", is_flag=True, help="All figures as JSON.")
def impact(
    old: str, new: str, population: Path, as_of: date | None, limit: int, uptake: float, *, as_json: bool
) -> None:
    """Count the customers of a population who would get another answer in NEW than in OLD, and which.

    A customer counts whose items, statutory content, human channel or notice differ in Finnish, Swedish or English, by
    whatever was edited: rules, content, channels or texts. Without --as-of every period to come is counted, and the
    figures below are of the first in which anybody changes.

    Columns audit_… of the population show differences between groups.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from models.authoring.diff import EditionError, read_edition  # noqa: PLC0415
    from models.authoring.example_customers import Inventor  # noqa: PLC0415
    from models.authoring.impact import impact as counted  # noqa: PLC0415
    from models.authoring.periods import Days, periods_to_come  # noqa: PLC0415
    from models.authoring.population_files import read_population  # noqa: PLC0415
    from models.columns.files import CustomerFileError  # noqa: PLC0415

    try:
        editions = [read_edition(name, bundles_folder()) for name in (old, new)]
        one, other = (edition.recommender() for edition in editions)
        figures = counted(
            one,
            other,
            read_population(population, other.scorecard, other.facts, one.facts),
            periods=[Days(as_of, as_of)] if as_of else periods_to_come(one, other, day=today()),
            inventor=Inventor(other.scorecard, other.facts),
            limit=limit,
            capacities=editions[1].capacities,
        )
    except (EditionError, CustomerFileError, ValueError) as error:
        _stop(str(error))
    if as_json:
        click.echo(json.dumps(asdict(figures), ensure_ascii=False, indent=2, default=str))
        return
    if one.versions.model != other.versions.model:
        click.echo(
            f"OLD has the model {one.versions.model}, NEW {other.versions.model}. Both are weighed with NEW's, so what"
            " the models themselves change is not counted."
        )
    _tell(figures, uptake)


@click.command()
@click.argument("table", type=_FILE)
@rulebook_option
def export(table: Path, rulebook_folder: Path | None) -> None:
    """Write the rules to TABLE, an .xlsx with a sheet for each segment and one for employers."""
    from models.authoring import loader, spreadsheet  # noqa: PLC0415

    try:
        rules = spreadsheet.export(loader.find_folders(rulebook_folder)[0], table)
    except spreadsheet.SheetError as error:
        _stop(str(error))
    click.echo(f"{rules} rules -> {table}")


@click.command("import")
@click.argument("table", type=click.Path(path_type=Path))
@rulebook_option
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@click.option(
    "--language",
    type=click.Choice(["en", "fi", "sv"]),
    default="en",
    show_default=True,
    help="Language of what is wrong in the table.",
)
def import_(table: Path, rulebook_folder: Path | None, *, dry_run: bool, language: TeamLanguage) -> None:
    """Bring the edits of TABLE back into rules.yaml. What was not edited keeps its comments, order and bytes.

    rules.yaml is written in the canonical form of `arki-rulebook fmt`; one that had another is rewritten, which is said.

    TABLE is an .xlsx that `arki-rulebook export` or the console made, saved by whatever program. It has the sheets
    several, steady, changing, supported, unknown and employer. The first row of each names the columns: order, id, the
    facts, channel, content, topic, human_channel, because_fi, because_sv, because_en, owner, source, valid_from,
    valid_until, experiment. Each further row is a rule; several values in one cell are parted by commas.

    A hidden sheet says which rules the table was made from. Where rules.yaml has changed since, nothing is brought in.

    Nothing else is read: no .xls, .ods, .csv or YAML, and no DMN.
    """
    from models.authoring import loader, spreadsheet  # noqa: PLC0415

    try:
        changed = spreadsheet.import_(table, loader.find_folders(rulebook_folder)[0], write=not dry_run)
    except spreadsheet.SheetError as error:
        _stop(f"{table}: {error.told(language)}")
    for line in changed:
        click.echo(line)
    click.echo(f"{len(changed)} changes{'; nothing was written' if dry_run else ''}.")
    if changed and not dry_run:
        click.echo("Now run `arki-rulebook check`. For further edits, export the table again.")


@click.command("fmt")
@click.argument("files", nargs=-1, type=_EXISTING)
@rulebook_option
@content_option
@click.option("--check", "only_check", is_flag=True, help="Name the files that differ; write nothing.")
def format_(
    files: tuple[Path, ...], rulebook_folder: Path | None, content_folder: Path | None, *, only_check: bool
) -> None:
    """Write FILES of YAML (default: the team's) in the one canonical form: same values, comments and order.

    Two spaces of indentation, lines of at most 120 characters, quotes only where they are needed, long texts folded.
    Mappings and lists keep their style, block or in braces; one in braces that is too long becomes a block. Exit 1 with
    --check where a file differs, 2 where one cannot be read.
    """
    from models.authoring import canonical_yaml, loader, yaml_source  # noqa: PLC0415
    from models.authoring.findings import Authored  # noqa: PLC0415

    rulebook, content, vocabulary = loader.find_folders(rulebook_folder, content_folder)
    team_files = [rulebook / name for name in loader.RULEBOOK_FILES]
    if rulebook_folder is None or content != loader.CONTENT:
        team_files += [content / name for name in loader.CONTENT_FILES]
    if rulebook_folder is None or vocabulary != loader.VOCABULARY:
        team_files += [vocabulary / name for name in loader.VOCABULARY_FILES]
    errors = differing = 0
    for path in files or team_files:
        authored = Authored()
        yaml_source.load(path, authored)
        text = canonical = authored.sources.get(path.name, "")
        try:
            canonical = canonical_yaml.formatted(text) if text else text
        except yaml_source.RefusedError as error:
            authored.find(path.name, error.code, at=(path.name, error.line))
        if canonical != text:
            differing += 1
            try:
                if not only_check:
                    canonical_yaml.replace(path, canonical)
            except OSError as error:
                authored.find(path.name, "not_opened", at=(path.name, 1), problem=error.strerror)
            else:
                click.echo(f"{path}: {'not in the canonical form' if only_check else 'rewritten'}")
        errors += report(authored)
    if differing and only_check:
        click.echo("Run `arki-rulebook fmt` to rewrite.")
    sys.exit(2 if errors else 1 if differing and only_check else 0)


@click.command("suggest-examples")
@rulebook_option
@content_option
@click.option("--missing", is_flag=True, help="Only what examples.yaml does not cover yet.")
def suggest_examples(rulebook_folder: Path | None, content_folder: Path | None, *, missing: bool) -> None:
    """Propose few worked examples that cover every rule and each condition's edge, as YAML for examples.yaml."""
    from models.authoring import loader  # noqa: PLC0415
    from models.authoring.suggestions import as_yaml, suggest  # noqa: PLC0415

    authored = loader.read_authored(*folders(rulebook_folder, content_folder))
    if authored.errors:
        _stop(f"The rulebook has errors; `arki-rulebook check` tells them. First: {authored.errors[0]}")
    suggestion = suggest(authored, missing=missing)
    click.echo(as_yaml(suggestion), nl=False)
    fewer = "no fewer would do" if suggestion.is_smallest else f"at least {suggestion.at_least} are needed"
    proof = f" Of the cells looked at, {fewer}."
    click.echo(
        f"# {len(suggestion.examples)} examples cover {suggestion.rules} rules and {suggestion.edges} edges of conditions.{proof}"
    )


def _tell(figures: Impact, uptake: float) -> None:
    from models.authoring.example_customers import telling  # noqa: PLC0415
    from models.authoring.impact_report import WORKING_DAYS_A_MONTH  # noqa: PLC0415

    _tell_periods(figures)
    _tell_changes(figures)
    for title, moves in (("first channel", figures.channels), ("first content", figures.contents)):
        _table(title, ((f"{m.old} -> {m.new}", m.customers) for m in moves[:_SHOWN]))
    _table("segment", ((move.old, move.customers) for move in figures.segments))
    click.echo(f"\npersonal service, customers a working day (if {uptake:.0%} take the offer up; assumption)")
    for load in figures.loads:
        old, new = (round(n * uptake / WORKING_DAYS_A_MONTH) for n in (load.old, load.new))
        stated = f", capacity {load.capacity_per_day:,.0f} (assumption)" if load.capacity_per_day else ""
        over = "  OVER CAPACITY" if load.capacity_per_day and new > load.capacity_per_day else ""
        click.echo(f"  {load.channel}: {old:,} -> {new:,} ({new - old:+,}){stated}{over}")
    if figures.cost_old is not None and figures.cost_new is not None:
        change = figures.cost_new - figures.cost_old
        known = _share(figures.costed_new, figures.customers)
        click.echo(
            f"\ncost per contact: {figures.cost_old:.2f} -> {figures.cost_new:.2f} EUR ({change:+.2f}), over the {known} of "
            "customers whose first channel has a public cost (2017)"
        )
    _tell_groups(figures)
    click.echo("\nexample customers, invented")
    for cell in figures.examples:
        facts = ", ".join(f"{name}={value}" for name, value in telling(cell.facts).items())
        click.echo(
            f"  {cell.customers:,} such: {facts or 'nothing known'}: {cell.old_rule} -> {cell.new_rule}"
        )
        if cell.customer:
            click.echo(f"    {json.dumps(cell.customer, ensure_ascii=False)}")


def _tell_groups(figures: Impact) -> None:
    """How audit groups differ."""
    for column in dict.fromkeys(group.column for group in figures.groups):
        click.echo(f"\n{column}: changed; offered a person first, before -> after")
        for group in figures.groups:
            if group.column == column:
                shares = [
                    _share(n, group.customers) for n in (group.changed, group.human_old, group.human_new)
                ]
                click.echo(f"  {group.group} ({group.customers:,}): {shares[0]}; {shares[1]} -> {shares[2]}")


def _tell_periods(figures: Impact) -> None:
    """How many customers change in each period."""
    scaled = (
        f" (scaled up from a sample of {figures.sampled:,} simulated customers)" if figures.sampled else ""
    )
    one_day = len(figures.periods) == 1 and figures.periods[0].start == figures.periods[0].end
    when = f"on {figures.day}" if one_day else f"from {figures.day} to {figures.until}"
    click.echo(
        f"{figures.changed:,} of {figures.customers:,} customers get another answer ({_share(figures.changed, figures.customers)})"
        f" {when}, of at most {figures.limit} items{scaled}."
    )
    if not one_day:
        click.echo("\nby period, customers who get another answer")
        for period in figures.periods:
            click.echo(f"  {period.start} to {period.end}: {period.changed:,}")
        click.echo(f"  Days after {figures.periods[-1].end} were not looked at; --as-of weighs one of them.")


def _tell_changes(figures: Impact) -> None:
    """What changes, in which language, and what customers see of it."""
    from models.authoring.impact_report import CHANGES  # noqa: PLC0415

    click.echo("\nwhat changes, customers (one may count in several)")
    for name, n in zip(CHANGES, figures.by_change, strict=True):
        click.echo(f"  {_CHANGES[name]}: {n:,}")
    _table("language", ((move.old, move.customers) for move in figures.languages))
    if figures.seen:
        click.echo("\nwhat they see first that differs")
    for change in figures.seen:
        click.echo(f"  {change.customers:,}: {change.old or '–'} -> {change.new or '–'}")


def _table(title: str, rows: Iterable[tuple[str, int]]) -> None:
    click.echo(f"\n{title}")
    for name, customers in rows:
        click.echo(f"  {name}: {customers:,}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _as_text(value: object) -> str:
    if isinstance(value, Experiment):
        arms = [f"{arm.id} {arm.share} % ({', '.join(arm.content)})" for arm in value.variants]
        return f"{value.id}: control {value.control_share} %, {', '.join(arms)}"
    return ", ".join(value) if isinstance(value, tuple) else str("–" if value is None else value)


def _stop(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)
