"""What a draft would have come to: right where the truth is known, refused where a log cannot tell."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from models.authoring.diff import Edition
from models.contract.channels import read_channels
from models.decision.campaigns import Campaigns
from models.decision.decision_table import Table, read_rulebook
from models.decision.experiments import Experiment, Variant
from testing.shipped import CONTRACT, FACT_SET, VOCABULARY
from training.cli.train import main
from training.off_policy.estimate import FEWEST, DraftError, estimate_draft, weigh
from training.off_policy.outcome_log import COUNTERS, Counted, OutcomeLogError, read_log

RULE = "job-loss-guidance"
OWN = ("guide", "explainer_video", "contact_card")
VIDEO, SHORT = ("explainer_video", "guide", "contact_card"), ("guide", "contact_card")
LOGS = 400


def tried(**shares):
    """An experiment of the worked example's shape; control takes what the variants leave."""
    contents = {"video": VIDEO, "short": SHORT, "turned": OWN[::-1]}
    variants = tuple(Variant(name, share, contents[name]) for name, share in shares.items())
    return Experiment("first-step", 100 - sum(shares.values()), variants)


@pytest.fixture(scope="module")
def edition(authored):
    """A function that gives the shipped rulebook with changes to its rules, by id."""

    def edition(**changes):
        book = read_rulebook(authored.rulebook, CONTRACT)
        tables = {
            kind: Table(
                kind,
                tuple(replace(rule, **changes.get(rule.id.replace("-", "_"), {})) for rule in table.rules),
                FACT_SET,
            )
            for kind, table in book.tables.items()
        }
        return Edition(
            "edition", replace(book, tables=tables), read_channels(authored.channels, VOCABULARY), {}
        )

    return edition


def counted(variant, propensity, shown, opened, helpful=0, not_helpful=0, rule=RULE):
    return Counted(
        rule, f"first-step/{variant}", propensity, shown, opened, opened // 2, 0, helpful, not_helpful
    )


LOG = [
    counted("control", 0.5, 6000, 1800, 300, 200),
    counted("video", 0.4, 4800, 2400, 400, 100),
    counted("short", 0.1, 800, 160, 40, 40),
]


def simulate(*, alike, seed, answers=1500, items=3):
    """Counts of many logs of an experiment, and what the draft is truly worth.

    Customers differ in how readily they open anything, and in what each variant does to them; nothing of that is logged.
    Halfway the shares were changed. `alike` is how often the items of an answer share their fate.
    """
    rng = np.random.default_rng(seed)
    shares = (np.array([0.5, 0.4, 0.1]), np.array([0.3, 0.6, 0.1]))
    draft = np.array([0.15, 0.8, 0.05])
    effect = np.array(
        [[0.08, 0.30, 0.02], [0.35, 0.45, 0.70]]
    )  # of each kind of customer, under each variant
    kinds = np.array([0.7, 0.3])
    truth = float(draft @ (kinds @ effect))
    trials, successes, weights = [], [], []
    for share in shares:
        kind = rng.choice(2, p=kinds, size=(LOGS, answers))
        arm = rng.choice(3, p=share, size=(LOGS, answers))
        chance = effect[kind, arm]
        together = rng.random((LOGS, answers)) < alike
        first = rng.random((LOGS, answers)) < chance
        apart = rng.binomial(items, chance)
        opened = np.where(together, items * first, apart)
        for at in range(3):
            trials.append(items * (arm == at).sum(axis=1))
            successes.append((opened * (arm == at)).sum(axis=1))
            weights.append(draft[at] / share[at])
    stacked = (np.stack(found, axis=-1).astype(float) for found in (trials, successes))
    return np.array(weights), *stacked, np.full(len(weights), float(items)), truth


def coverage(intervals, truth):
    return float(((intervals[..., 1] <= truth) & (truth <= intervals[..., 2])).mean())


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_intervals_cover_the_truth_of_simulated_logs(alike):
    weights, trials, successes, cluster, truth = simulate(alike=alike, seed=8)
    found = weigh(weights, trials, successes, cluster)
    for estimates in (found.ips, found.self_normalised):
        assert coverage(estimates, truth) >= 0.90
        assert abs(estimates[:, 0].mean() - truth) < 0.002
    as_logged = weigh(np.ones_like(weights), trials, successes, cluster).self_normalised
    assert coverage(as_logged, truth) < 0.10, (
        "the simulation would not notice an estimator that weighs nothing"
    )


def test_where_items_of_an_answer_do_share_their_fate_intervals_are_no_wider_than_needed():
    weights, trials, successes, cluster, truth = simulate(alike=1.0, seed=9)
    found = weigh(weights, trials, successes, cluster)
    assert coverage(found.self_normalised, truth) <= 0.98
    alone = weigh(weights, trials, successes, np.ones_like(cluster))
    assert coverage(alone.self_normalised, truth) < 0.85, "leaving the answers out of account would show"


def test_the_self_normalised_estimate_is_a_mean_of_variants_by_the_drafts_shares(edition):
    old = edition(job_loss_guidance={"experiment": tried(video=40, short=10)})
    new = edition(job_loss_guidance={"experiment": tried(video=80, short=5)})
    [found] = estimate_draft(old, new, LOG)
    assert found.shares == {"control": (50, 15), "video": (40, 80), "short": (10, 5)}
    opened = found.outcomes[0]
    shown = np.array([6000 * 15 / 50, 4800 * 80 / 40, 800 * 5 / 10])
    rates = np.array([0.3, 0.5, 0.2])
    assert opened.outcome == "opened"
    assert opened.self_normalised.estimate == pytest.approx(float(shown @ rates / shown.sum()))
    assert opened.logged.estimate == pytest.approx((1800 + 2400 + 160) / 11_600)
    assert opened.self_normalised.low < opened.self_normalised.estimate < opened.self_normalised.high
    assert 0 < found.effective < 11_600 / 3


def test_the_same_shares_are_worth_what_was_logged(edition):
    old = edition(job_loss_guidance={"experiment": tried(video=40, short=10)})
    renamed = replace(tried(video=40, short=10), id="another-name")
    [found] = estimate_draft(old, edition(job_loss_guidance={"experiment": renamed}), LOG)
    for share in found.outcomes:
        assert share.self_normalised == pytest.approx(share.logged)


def test_ending_an_experiment_is_a_change_of_shares(edition):
    old = edition(job_loss_guidance={"experiment": tried(video=40, short=10)})
    [found] = estimate_draft(old, edition(), LOG)
    assert found.shares == {"control": (50, 100), "video": (40, 0), "short": (10, 0)}
    assert found.outcomes[0].self_normalised.estimate == pytest.approx(0.3)


def test_helpful_is_a_share_of_those_who_said_so_and_has_no_plain_estimate(edition):
    old = edition(job_loss_guidance={"experiment": tried(video=40, short=10)})
    [found] = estimate_draft(old, edition(), LOG)
    helpful = next(share for share in found.outcomes if share.outcome == "helpful")
    assert helpful.ips is None
    assert helpful.self_normalised.estimate == pytest.approx(0.6)


def test_plain_weighing_is_left_out_where_variants_were_not_shown_as_their_shares_say(edition):
    old = edition(job_loss_guidance={"experiment": tried(video=50)})
    new = edition(job_loss_guidance={"experiment": tried(video=90)})
    even = [counted("control", 0.5, 5000, 1000), counted("video", 0.5, 5040, 2000)]
    uneven = [counted("control", 0.5, 5000, 1000), counted("video", 0.5, 2000, 800)]
    assert estimate_draft(old, new, even)[0].outcomes[0].ips is not None
    assert estimate_draft(old, new, uneven)[0].outcomes[0].ips is None


OVERLAP = "a deterministic table leaves no overlap"
REFUSED = {
    "another channel": (
        {"job_loss_guidance": {"channel": "callback"}},
        "job-loss-guidance differs in channel",
    ),
    "another sentence": ({"first_claim": {"because": {}}}, "first-claim differs in because"),
    "other conditions": ({"job_loss_guidance": {"when": {}}}, "job-loss-guidance differs in when"),
    "its own content": ({"job_loss_guidance": {"content": VIDEO}}, "job-loss-guidance differs in content"),
    "another id": (
        {"job_loss_guidance": {"id": "job-lost"}},
        "job-loss-guidance stands where the draft has job-lost",
    ),
    "a new experiment": (
        {"first_claim": {"experiment": tried(video=50)}},
        "first-claim had no experiment",
    ),
    "a new variant": (
        {"job_loss_guidance": {"experiment": tried(video=40, turned=10)}},
        "job-loss-guidance offers in its variant `turned` what was never logged (contact_card, explainer_video, guide)",
    ),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_a_draft_that_the_log_cannot_tell_of_is_refused_with_the_rule_and_the_reason(edition, changes, words):
    running = {"job_loss_guidance": {"experiment": tried(video=40, short=10)}}
    merged = copy.copy(running)
    for rule, change in changes.items():
        merged[rule] = {**merged.get(rule, {}), **change}
    with pytest.raises(DraftError) as refused:
        estimate_draft(edition(**running), edition(**merged), LOG)
    assert str(refused.value).startswith(words)
    assert OVERLAP in str(refused.value)


def test_a_rule_added_at_the_end_and_other_guarantees_are_refused(edition):
    old = edition(job_loss_guidance={"experiment": tried(video=50)})
    table = old.rulebook.tables["person"]
    shorter = replace(
        old,
        rulebook=replace(
            old.rulebook,
            tables={**old.rulebook.tables, "person": Table("person", table.rules[:-1], FACT_SET)},
        ),
    )
    with pytest.raises(DraftError, match=f"{table.rules[-1].id} is only in one of the two"):
        estimate_draft(shorter, old, LOG)
    without = replace(old, rulebook=replace(old.rulebook, campaigns=Campaigns((), FACT_SET)))
    with pytest.raises(DraftError, match="The draft changes the campaigns"):
        estimate_draft(old, without, LOG)
    promised = replace(old, rulebook=replace(old.rulebook, guarantees=()))
    with pytest.raises(DraftError, match="The draft changes the guarantees"):
        estimate_draft(old, promised, LOG)


def test_a_draft_that_changes_nothing_has_nothing_to_estimate(edition):
    old = edition(job_loss_guidance={"experiment": tried(video=50)})
    with pytest.raises(DraftError, match="The draft changes no experiment"):
        estimate_draft(old, old, LOG)


def test_a_variant_that_was_never_or_hardly_shown_is_refused(edition):
    old = edition(job_loss_guidance={"experiment": tried(video=40, short=10)})
    new = edition(job_loss_guidance={"experiment": tried(video=40, short=20)})
    with pytest.raises(
        DraftError, match=r"the variant `short` of the experiment `first-step` was never logged"
    ):
        estimate_draft(old, new, LOG[:2])
    few = counted("short", 0.1, FEWEST - 1, 5)
    with pytest.raises(DraftError, match=rf"was shown {FEWEST - 1} times; at least {FEWEST} are needed"):
        estimate_draft(old, new, [*LOG[:2], few])
    of_another_rule = counted("short", 0.1, 900, 5, rule="first-claim")
    with pytest.raises(DraftError, match="was never logged"):
        estimate_draft(old, new, [*LOG[:2], of_another_rule])


def lines(rows):
    """Rows as `arki-outcomes export` writes them, each split in two items."""
    for row in rows:
        for part in (0, 1):
            counts = {name: getattr(row, name) // 2 + part * (getattr(row, name) % 2) for name in COUNTERS}
            yield json.dumps(
                {
                    "week": "2026-11-16",
                    "content": f"item-{part}",
                    "channel": "web_page",
                    "language": "fi",
                    "rule": row.rule,
                    "variant": row.variant,
                    "propensity": row.propensity,
                    **counts,
                    "grades": 0,
                    "grade_sum": 0,
                }
            )


def test_an_export_is_read_by_rule_and_variant_without_the_totals_of_objectors(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    objectors = replace(LOG[0], rule="", variant="", propensity=1.0)
    path.write_text("\n".join([*lines([*LOG, objectors]), ""]))
    assert read_log(path) == sorted(LOG, key=lambda row: row.variant)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rule,variant", r"log\.jsonl:2 is no line of an export of outcomes"),
        ("{}", r"log\.jsonl:2 is no line of an export of outcomes"),
        ('"rule"', r"log\.jsonl:2 is no line of an export of outcomes"),
        (
            next(lines(LOG)).replace("0.5", "0"),
            "log.jsonl:2 has a rule, variant or propensity that cannot be",
        ),
        (
            next(lines(LOG)).replace("0.5", "1.5"),
            "log.jsonl:2 has a rule, variant or propensity that cannot be",
        ),
        (next(lines(LOG)).replace("3000", "-1"), "log.jsonl:2 has a count that is no whole number"),
    ],
)
def test_a_file_that_is_no_export_is_told_so_by_line(tmp_path, line, words):
    path = tmp_path / "log.jsonl"
    path.write_text(next(lines(LOG)) + "\n" + line + "\n")
    with pytest.raises(OutcomeLogError, match=words):
        read_log(path)


@pytest.fixture
def folders(authored, tmp_path):
    """A function that writes a compiled rulebook under an experiment to a folder, and gives its name."""

    def folder(name, control_share, **shares):
        rulebook = copy.deepcopy(authored.rulebook)
        rule = next(rule for rule in rulebook["person"] if rule["id"] == RULE)
        variants = [
            {"id": arm, "share": share, "content": list({"video": VIDEO, "short": SHORT}[arm])}
            for arm, share in shares.items()
        ]
        rule["experiment"] = {"id": "first-step", "control_share": control_share, "variants": variants}
        made = tmp_path / name
        made.mkdir()
        (made / "rulebook.json").write_text(json.dumps(rulebook))
        (made / "channels.json").write_text(json.dumps(authored.channels))
        (made / "vocabulary.json").write_text(json.dumps(authored.vocabulary))
        return str(made)

    return folder


def test_the_command_tells_the_estimate_and_refuses_in_one_sentence(folders, tmp_path):
    path = tmp_path / "outcomes.jsonl"
    path.write_text("\n".join(lines(LOG)))
    old, new = folders("old", 50, video=40, short=10), folders("new", 15, video=80, short=5)
    told = CliRunner().invoke(main, ["estimate-draft", old, new, "--outcomes", str(path)])
    assert told.exit_code == 0, told.output
    assert told.output.splitlines()[:2] == [
        "job-loss-guidance, experiment first-step: control 50 -> 15 %, video 40 -> 80 %, short 10 -> 5 %",
        "11,600 items shown; worth 2,335 answers of the draft itself",
    ]
    assert "opened      0.376 (" in told.output
    refused = CliRunner().invoke(main, ["estimate-draft", old, old, "--outcomes", str(path)])
    assert (refused.exit_code, refused.output) == (
        1,
        "Error: The draft changes no experiment. There is nothing to estimate.\n",
    )
