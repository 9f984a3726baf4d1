"""Experiments inside the rules: who is drawn into what, what it changes, and what it may never touch."""

import base64
import json
import logging
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date, datetime

import pyarrow as pa
import pytest
from conftest import KEY, NOW, ROOT
from customers_in_every_way import turned_everywhere
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from strategies import customers

from models.authoring import analysis, loader
from models.authoring.promises import outcome_of
from models.decision import bundle
from models.decision.experiments import BUCKETS, CONTROL, Assigner, Assignment, Variant, arm_of, bucket_of
from models.decision.facts import may_personalise
from service.api.replay import replay
from service.api.schemas import RecommendationSchema
from service.app import create_app
from service.outcomes.experiments import Lift, VariantCount, lifts
from service.security.references import References
from testing.shipped import FACT_SET, read_signals
from training.scoring.request import ScoringRequest
from training.scoring.scorer import Scorer

pytestmark = pytest.mark.xdist_group("experiments")  # the bundle with an experiment is made once
EXAMPLE = YAML(typ="safe", pure=True).load(
    (ROOT / "fixtures" / "rulebooks" / "job-loss-experiment.yaml").read_text(encoding="utf-8")
)
JOB_LOST = {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1}
ASK = {"customer_type": "person", "language": "en", "signals": JOB_LOST}
VIDEO_FIRST = ["explainer_video", "guide", "contact_card"]
PATH = "/v1/recommendations"
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are shared


def spliced(rules, rule, experiment):
    """The text of rules.yaml with an experiment at the end of a rule."""
    before, id_line, after = rules.partition(f"  - id: {rule}\n")
    own, gap, rest = after.partition("\n\n")
    return f"{before}{id_line}{own}\n    experiment: {json.dumps(experiment)}{gap}{rest}"


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """What the content team wrote, with the worked example's experiment, read and analysed."""
    folder = shutil.copytree(loader.RULEBOOK, tmp_path_factory.mktemp("trial") / "rulebook")
    rules = folder / "rules.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(spliced(text, EXAMPLE["rule"], EXAMPLE["experiment"]), encoding="utf-8")
    authored = loader.read_authored(folder)
    analysis.analyse(authored)
    return authored


@pytest.fixture(scope="module")
def trials(trial, tmp_path_factory):
    """A folder of bundles whose current one runs the experiment."""
    folder = tmp_path_factory.mktemp("trials")
    bundle.activate(folder, bundle.build(folder, trial.parts()))
    return folder


@pytest.fixture(scope="module")
def trying(trials):
    """The recommender of that bundle."""
    return bundle.BundleStore(trials).recommender()


@pytest.fixture(scope="module")
def channel(trials, settings):
    """A client of a service that serves that bundle."""
    app = create_app(settings, store=bundle.BundleStore(trials), clock=lambda: NOW)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    return client


def answer(recommender, at, signals=JOB_LOST, kind="person", **asked):
    [found] = recommender.recommend([read_signals(kind, signals)], at=at, **asked)
    return found


def kinds(found):
    return [item.content_type for item in found.items]


def key_for(variant, secret="s" * 40):
    """An assignment key that is drawn into a variant of the worked example."""
    variants = [Variant(v["id"], v["share"], ()) for v in EXAMPLE["experiment"]["variants"]]
    arms = (Variant(CONTROL, EXAMPLE["experiment"]["control_share"], ()), *variants)
    assigner = Assigner(secret)
    return next(
        key
        for key in (f"key-{n}" for n in range(1000))
        if arm_of(arms, assigner.draw(key)(EXAMPLE["experiment"]["id"])).id == variant
    )


@pytest.fixture(scope="module")
def everywhere(recommender):
    """The shipped recommender where every rule tries its kinds of content the other way round."""
    return turned_everywhere(recommender, 1)


def last_bucket(_experiment):
    return 9999


def test_the_worked_example_has_no_fault_and_nothing_is_shipped_running(trial, authored):
    assert [str(finding) for finding in trial.findings] == []
    assert not [
        r["id"] for kind in ("person", "employer") for r in authored.rulebook[kind] if "experiment" in r
    ]


def test_an_experiment_may_not_have_the_id_of_a_campaign(tmp_path):
    folder = shutil.copytree(loader.RULEBOOK, tmp_path / "rulebook")
    rules = folder / "rules.yaml"
    taken = spliced(
        rules.read_text("utf-8"), EXAMPLE["rule"], EXAMPLE["experiment"] | {"id": "phone-photo-2017"}
    )
    rules.write_text(taken, encoding="utf-8")
    assert [(found.subject, found.code) for found in loader.read_authored(folder).findings] == [
        (EXAMPLE["rule"], "experiment_taken")
    ]


def test_the_guide_for_the_content_team_shows_the_worked_example():
    guide = (loader.RULEBOOK / "README.md").read_text(encoding="utf-8")
    shown = guide.partition("```yaml\n")[2].partition("```")[0]
    assert YAML(typ="safe", pure=True).load(shown) == {"experiment": EXAMPLE["experiment"]}


def test_shares_are_met_and_each_key_stays_where_it_was_drawn():
    arms = (Variant(CONTROL, 45, ()), Variant("a", 45, ()), Variant("b", 10, ()))
    draws = [Assigner("secret").draw(f"customer-{n}")("trial") for n in range(40_000)]
    counts = Counter(arm_of(arms, bucket).id for bucket in draws)
    for arm in arms:
        assert abs(counts[arm.id] / len(draws) - arm.share / 100) < 0.01
    assert draws == [Assigner("secret").draw(f"customer-{n}")("trial") for n in range(40_000)]


def test_the_buckets_of_each_arm_are_its_share_to_the_bucket():
    arms = (Variant(CONTROL, 45, ()), Variant("a", 54, ()), Variant("b", 1, ()))
    counts = Counter(arm_of(arms, bucket).id for bucket in range(BUCKETS))
    assert counts == {CONTROL: 4_500, "a": 5_400, "b": 100}
    edges = (0, 4_499, 4_500, 9_899, 9_900, 9_999)
    assert [arm_of(arms, bucket).id for bucket in edges] == [CONTROL, CONTROL, "a", "a", "b", "b"]
    assert [bucket_of(arms, arm.id) for arm in arms] == [0, 4_500, 9_900]


def test_experiments_and_services_draw_independently():
    assigner, other = Assigner("secret"), Assigner("another secret")
    keys = [f"customer-{n}" for n in range(20_000)]
    lower = [assigner.draw(key)("one") < 5000 for key in keys]
    for bucket in (lambda key: assigner.draw(key)("two"), lambda key: other.draw(key)("one")):
        agree = sum(low == (bucket(key) < 5000) for low, key in zip(lower, keys, strict=True))
        assert abs(agree / len(keys) - 0.5) < 0.02


def test_a_new_secret_in_front_of_the_old_one_moves_nobody():
    keys = [f"customer-{n}" for n in range(200)]
    old, both = Assigner("the old secret"), Assigner("the new secret, the old secret")
    assert [old.draw(key)("one") for key in keys] == [both.draw(key)("one") for key in keys]


def test_growing_a_variant_at_the_expense_of_control_moves_nobody_out_of_it():
    before = (Variant(CONTROL, 60, ()), Variant("a", 40, ()))
    after = (Variant(CONTROL, 40, ()), Variant("a", 60, ()))
    for bucket in range(10_000):
        if arm_of(before, bucket).id == "a":
            assert arm_of(after, bucket).id == "a"


def test_a_customer_is_offered_the_content_of_the_variant_drawn(trying, at):
    assigner = Assigner("s" * 40)
    by_arm = {
        arm: answer(trying, at, draw=assigner.draw(key_for(arm)))
        for arm in ("control", "video-first", "guide-and-contact")
    }
    assert kinds(by_arm["control"]) == ["guide", "explainer_video", "contact_card"]
    assert kinds(by_arm["video-first"]) == VIDEO_FIRST
    assert kinds(by_arm["guide-and-contact"]) == ["guide", "contact_card"]
    assert by_arm["video-first"].experiment == Assignment(
        "job-loss-guidance", "job-loss-first-step", "video-first", 0.45
    )
    assert by_arm["control"].experiment == Assignment(
        "job-loss-guidance", "job-loss-first-step", "control", 0.45
    )
    assert {item.channel for found in by_arm.values() for item in found.items} == {"web_page"}


@patient
@given(customer=customers())
def test_without_a_key_an_experiment_changes_nothing(trying, recommender, noon, customer):
    kind, signals = customer
    found = answer(trying, noon, signals, kind)
    assert found.experiment is None
    assert replace(found, versions=recommender.versions) == answer(recommender, noon, signals, kind)


@patient
@given(customer=customers(), bucket=st.integers(0, 9999))
def test_no_experiment_touches_channel_person_statutory_content_or_segment(
    everywhere, recommender, noon, customer, bucket
):
    kind, signals = customer
    found = answer(everywhere, noon, signals, kind, limit=10, draw=lambda _: bucket)
    own = answer(recommender, noon, signals, kind, limit=10)
    for part in ("statutory", "human_channel", "segment", "notice", "personalised"):
        assert getattr(found, part) == getattr(own, part)
    assert {(i.channel, i.reason) for i in found.items} <= {(i.channel, i.reason) for i in own.items}


@patient
@given(customer=customers(), mark=st.sampled_from(["personalisation", "minor"]))
def test_who_objected_and_a_minor_are_in_no_experiment(everywhere, recommender, noon, customer, mark):
    kind, signals = customer
    if kind == "employer" or mark == "personalisation":
        signals = {**signals, "personalisation": "objected"}
    else:
        signals = {**signals, "minor": True}
    assert not may_personalise(read_signals(kind, signals))
    found = answer(everywhere, noon, signals, kind, draw=last_bucket)
    assert found.experiment is None
    assert found == answer(recommender, noon, signals, kind)


def test_an_answer_takes_part_in_one_experiment_at_most_the_first_that_it_meets(everywhere, recommender, at):
    events = [{"event": "KE8", "months_ago": 1}, {"event": "KE4", "months_ago": 3}]
    signals = {**JOB_LOST, "life_events": events}
    own = answer(recommender, at, signals, limit=10)
    first, second = list(dict.fromkeys(item.reason.rule for item in own.items))[:2]
    found = answer(everywhere, at, signals, limit=10, draw=last_bucket)
    assert found.experiment == Assignment(first, f"of-{first}", "turned", 0.99)

    def of(rule, answered):
        return [item.content_type for item in answered.items if item.reason.rule == rule]

    assert of(first, found) == of(first, own)[::-1]
    assert of(second, found) == of(second, own)


def test_who_is_answered_in_a_channel_of_their_choice_is_in_no_experiment(trying, at):
    signals = {**JOB_LOST, "preferred_channel": "callback"}
    found = answer(trying, at, signals, draw=last_bucket)
    assert found.items[0].channel == "callback"
    assert found.experiment is None


def test_where_nothing_is_tried_nothing_is_drawn(recommender, at):
    def never(experiment):
        raise AssertionError(experiment)

    assert answer(recommender, at, draw=never) == answer(recommender, at)


def test_an_answer_that_shows_nothing_of_the_rule_is_in_no_experiment(trying, at):
    signals = {
        **JOB_LOST,
        "life_events": [{"event": "KE4", "months_ago": 0}, {"event": "KE8", "months_ago": 1}],
    }
    assert answer(trying, at, signals, limit=1, draw=last_bucket).experiment is None
    assert answer(trying, at, signals, limit=10, draw=last_bucket).experiment is not None


def test_the_degraded_answer_is_in_no_experiment(trying, at):
    assert trying.degraded(read_signals("person", JOB_LOST), at=at).experiment is None


def test_an_explanation_is_of_the_answer_that_was_given(trying, at):
    draw = Assigner("s" * 40).draw(key_for("guide-and-contact"))
    found = trying.explain(read_signals("person", JOB_LOST), at=at, draw=draw)
    assert found.recommendation == answer(trying, at, draw=draw)
    videos = {w.gate for w in found.why_not if trying.catalogue.items[w.content].type == "explainer_video"}
    assert videos <= {"kind", "draft", "audience"}


def test_batch_scoring_offers_each_rules_own_content(trying, at):
    batch = pa.RecordBatch.from_pylist([{"customer_type": "person", **JOB_LOST}])
    [row] = Scorer(trying, ScoringRequest(at)).score(batch).to_pylist()
    assert [row[f"item_{n}_content_type"] for n in (1, 2, 3)] == ["guide", "explainer_video", "contact_card"]


def test_the_api_draws_by_the_key_says_the_variant_and_signs_the_propensity(channel, settings):
    key = key_for("video-first")
    answered = [channel.post(PATH, json={**ASK, "assignment_key": key}).json for _ in range(2)]
    assert not RecommendationSchema().validate(answered[0])
    assert answered[0]["experiment"] == {"id": "job-loss-first-step", "variant": "video-first"}
    assert [item["content_type"] for item in answered[0]["items"]] == VIDEO_FIRST
    assert answered[0] | {"recommendation_id": ""} == answered[1] | {"recommendation_id": ""}
    reference = References(settings.secret).read(answered[0]["recommendation_id"], now=NOW)
    assert {item[1:] for item in reference.items} == {
        ("job-loss-guidance", "web_page", "job-loss-first-step/video-first", 450_000)
    }
    explained = channel.post("/v1/explanations", json={**ASK, "assignment_key": key}).json
    assert explained["recommendation"]["items"] == answered[0]["items"]
    batch = channel.post(f"{PATH}/batch", json={"customers": [{**ASK, "assignment_key": key}, ASK]}).json
    assert [r["recommendation"]["experiment"] for r in batch["results"]] == [
        answered[0]["experiment"],
        None,
    ]


def test_without_a_key_the_answer_and_its_reference_know_no_experiment(channel, client, settings):
    answered = channel.post(PATH, json=ASK).json
    assert answered["experiment"] is None
    reference = References(settings.secret).read(answered["recommendation_id"], now=NOW)
    assert {item.variant for item in reference.items} == {""}
    assert answered["items"] == client.post(PATH, json=ASK).json["items"]


def test_the_assignment_key_is_written_down_nowhere(channel, caplog, capfd):
    key = f"{key_for('video-first')}"
    with caplog.at_level(logging.DEBUG):
        answered = channel.post(PATH, json={**ASK, "assignment_key": key})
    token = answered.json["recommendation_id"].split(".")[1]
    packed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    metrics = channel.get("/metrics").text
    written = [
        answered.text,
        str(answered.headers),
        packed.decode(),
        metrics,
        caplog.text,
        "".join(capfd.readouterr()),
    ]
    assert "video-first" in packed.decode()
    assert not [text for text in written if key in text]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        pytest.param("", "out_of_range", id="empty"),
        pytest.param("k" * 65, "out_of_range", id="too long"),
        pytest.param("anna.example@example.fi", "out_of_range", id="an address"),
        pytest.param("+358 40 123", "out_of_range", id="a phone number"),
        pytest.param("plain\n", "out_of_range", id="a line break"),
        pytest.param(7, "wrong_type", id="a number"),
        pytest.param(None, "wrong_type", id="null"),
        pytest.param("131052-308T", "identity_code", id="an identity code"),
    ],
)
def test_a_key_that_may_say_who_somebody_is_is_refused_and_not_repeated(channel, key, code):
    refused = channel.post(PATH, json={**ASK, "assignment_key": key})
    assert refused.status_code == 422
    assert ("/assignment_key", code) in {(e["pointer"], e["code"]) for e in refused.json["errors"]}
    assert not key or str(key).strip() not in refused.text.replace("422", "")


def test_the_key_is_no_signal(channel):
    refused = channel.post(PATH, json={**ASK, "signals": {**JOB_LOST, "assignment_key": "k"}})
    assert refused.status_code == 422


def test_the_served_rulebook_shows_what_is_tried(channel, client):
    rules = channel.get("/v1/rulebook").json["person"]
    assert [rule["experiment"] for rule in rules if rule["experiment"]] == [EXAMPLE["experiment"]]
    assert not [rule for rule in client.get("/v1/rulebook").json["person"] if rule["experiment"]]


def test_a_variant_breaks_no_guarantee_about_customers_who_are_in_no_experiment(content, tmp_path):
    import copy

    folder = shutil.copytree(ROOT / "fixtures" / "rulebooks" / "sound", tmp_path / "rulebook")
    guarantees = folder / "guarantees.yaml"
    text = guarantees.read_text(encoding="utf-8")
    promised = (
        "  - {id: told, for: employer, every: {personalisation: objected}, must: {content: [guide]},"
        " says: an objector is given a guide first}\n\npromises:\n"
    )
    guarantees.write_text(text.replace("promises:\n", promised), encoding="utf-8")
    authored = copy.deepcopy(content)
    loader.read_rules(authored, folder)
    analysis.analyse(authored)
    assert [str(finding) for finding in authored.findings] == []


def test_a_change_of_variants_is_a_change_for_those_who_can_be_drawn_and_no_other(trials, bundles):
    from models.authoring.diff import difference, read_edition

    old, new = (read_edition(str(folder / "current"), folder) for folder in (bundles, trials))
    [change] = difference(old, new, day=date(2026, 11, 21)).changes
    assert (change.old.id, change.new.id) == ("job-loss-guidance", "job-loss-guidance")
    assert outcome_of(change.old) != outcome_of(change.new)
    assert change.example["personalisation"] == "allowed"
    assert not difference(new, new, day=date(2026, 11, 21)).changes


def test_diff_counts_no_objector_where_only_the_experiment_of_a_general_rule_changes(tmp_path):
    from models.authoring.diff import difference, read_edition

    sound = ROOT / "fixtures" / "rulebooks" / "sound"
    folder = shutil.copytree(sound, tmp_path / "rulebook")
    rules = folder / "rules.yaml"
    rules.write_text(rules.read_text().replace("share: 60", "share: 50").replace("share: 30", "share: 40"))
    [change] = difference(
        read_edition(str(sound), tmp_path), read_edition(str(folder), tmp_path), day=date(2026, 11, 21)
    ).changes
    # every employer but the objector (one cell) and those offline, whom another rule decides
    assert change.cells == 5 * 3 * len(claim_kinds()) * 3 * 4


def claim_kinds():
    return FACT_SET.fact("employer", "open_matter").values


def test_impact_counts_the_customers_who_can_be_drawn(trials, bundles, tmp_path):
    from models.authoring.diff import read_edition
    from models.authoring.example_customers import Inventor
    from models.authoring.impact import impact
    from models.authoring.periods import Days
    from models.authoring.population_files import read_population

    card = analysis.read_model()
    population = tmp_path / "customers.csv"
    population.write_text(
        "customer_type,life_events,benefits_started_6m,personalisation,preferred_channel\n"
        "person,KE8:1,1,,\nperson,KE8:1,1,objected,\nperson,KE8:1,1,,callback\nperson,,,,\n"
    )
    old, new = (read_edition(str(folder / "current"), folder) for folder in (bundles, trials))
    day = date(2026, 11, 21)
    found = impact(
        old.recommender(),
        new.recommender(),
        read_population(population, card, new.recommender().facts),
        periods=[Days(day, day)],
        inventor=Inventor(card, FACT_SET),
    )
    assert (found.customers, found.changed) == (4, 1)


# Newcombe (1998), Interval estimation for the difference between independent proportions, table II, method 10
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_a_lift_has_the_interval_that_was_published_for_its_counts(one, other, low, high):
    rows = [VariantCount("trial", "a", one[1], one[0]), VariantCount("trial", CONTROL, other[1], other[0])]
    [found] = lifts(rows)
    assert (round(found.difference.low, 4), round(found.difference.high, 4)) == (low, high)
    assert found.difference.estimate == pytest.approx(one[0] / one[1] - other[0] / other[1])


def test_what_was_never_shown_has_no_lift():
    rows = [
        VariantCount("trial", CONTROL, 40, 10),
        VariantCount("trial", "a", 40, 10),
        VariantCount("trial", "b", 0, 0),
        VariantCount("no-control", "a", 50, 10),
    ]
    [found] = lifts(rows)
    assert isinstance(found, Lift)
    assert (found.experiment, found.variant, found.one.share) == ("trial", "a", 0.25)
    assert found.difference.low < 0 < found.difference.high


def test_a_lift_of_counts_that_wait_holds_that_of_any_that_come():
    one, control = (500, 200), (400, 100)
    rows = [
        VariantCount("trial", "a", *one, waiting=20),
        VariantCount("trial", CONTROL, *control, waiting=20),
    ]
    [found] = lifts(rows)
    assert found.difference.estimate == pytest.approx(0.15)
    for shown, more in ((0, 0), (20, 0), (20, 20), (0, 20)):
        later = [
            VariantCount("trial", "a", one[0] + shown, one[1] + more),
            VariantCount("trial", CONTROL, control[0] + shown, control[1] + 20 - more),
        ]
        [alone] = lifts(later)
        assert found.difference.low <= alone.difference.low
        assert alone.difference.high <= found.difference.high


@pytest.mark.parametrize("waiting", [60, None], ids=["too much waits", "not known"])
def test_no_lift_is_told_where_too_much_waits(waiting):
    rows = [VariantCount("trial", "a", 500, 200, waiting=waiting), VariantCount("trial", CONTROL, 500, 200)]
    assert lifts(rows)[0].difference is None


@pytest.fixture(scope="module")
def noon():

    from models.contract.channels import HELSINKI

    return datetime(2026, 11, 18, 12, tzinfo=HELSINKI)


def test_the_same_customer_and_key_get_the_same_answer_again(trying, at):
    draw = Assigner("s" * 40).draw("somebody")
    assert answer(trying, at, draw=draw) == answer(trying, at, draw=draw)


@pytest.mark.parametrize("variant", [CONTROL, *(v["id"] for v in EXAMPLE["experiment"]["variants"])])
def test_an_answer_of_a_variant_is_made_again_without_the_key_that_drew_it(channel, trials, variant):
    answer = channel.post(PATH, json=ASK | {"assignment_key": key_for(variant)})
    assert answer.json["experiment"]["variant"] == variant
    token = answer.json["recommendation_id"]
    reference = References("s" * 40).verified(token)
    again = replay(reference, token, json.dumps(ASK).encode(), folder=trials, shows_segment=True)
    assert again.body == answer.data


def test_a_draw_of_which_no_item_came_is_accounted_for_too(trying, trials):
    shown = sorted(
        item.id
        for item in trying.catalogue.items.values()
        if item.type in {"explainer_video", "guide", "contact_card"}
    )
    signals = read_signals("person", JOB_LOST)
    made = trying.recommend([signals], at=NOW, shown=shown[:50], draw=last_bucket)[0]
    assert made.drawn is not None
    token = References("s" * 40).issue(made, at=NOW)
    assert References("s" * 40).verified(token).drawn == made.drawn.arm
