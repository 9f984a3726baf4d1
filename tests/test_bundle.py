import json
import random
import shutil
import threading
import time
from dataclasses import replace
from datetime import datetime

import orjson
import pytest

from models.authoring.loader import CAMPAIGNS, CONTENT_FILES, RULEBOOK_FILES, VOCABULARY_FILES
from models.authoring.personas import all_personas
from models.contract import channels
from models.decision import bundle, recommender
from models.decision.bundle import BundleError, BundleStore
from testing.shipped import read_signals


@pytest.fixture
def folder(tmp_path, authored):
    return tmp_path / "bundles"


@pytest.fixture
def two(folder, authored):
    """Two bundles, the first current; they differ in how long an answer holds."""
    parts = authored.parts()
    first = bundle.build(folder, parts)
    second = bundle.build(
        folder, parts | {"rulebook.json": {**parts["rulebook.json"], "answer_valid_days": 7}}
    )
    bundle.activate(folder, first)
    return first, second


def test_the_same_parts_make_the_same_bundle(folder, authored):
    digest = bundle.build(folder, authored.parts())
    assert bundle.build(folder, authored.parts()) == digest
    bundle.activate(folder, digest)
    assert bundle.available(folder) == [digest]


def test_a_bundle_is_named_by_its_parts_and_every_answer_names_it(two, folder, at):
    first, second = two
    assert first != second
    store = BundleStore(folder)
    [found] = store.recommender().recommend([read_signals("person", {})], at=at)
    assert first.startswith(found.versions.bundle)


def test_activation_is_noticed_and_rollback_goes_back_step_by_step(two, folder, authored):
    first, second = two
    parts = authored.parts()
    third = bundle.build(
        folder, parts | {"rulebook.json": {**parts["rulebook.json"], "answer_valid_days": 8}}
    )
    store = BundleStore(folder)
    bundle.activate(folder, second)
    bundle.activate(folder, third)
    time.sleep(bundle.LOOK_EVERY_S + 0.05)
    assert store.bundle().digest == third
    assert [bundle.rollback(folder), bundle.rollback(folder)] == [second, first]
    assert bundle.current(folder) == first
    with pytest.raises(BundleError, match="no earlier bundle"):
        bundle.rollback(folder)
    assert [record["action"] for record in bundle.history(folder)] == ["activate"] * 3 + ["rollback"] * 2


def test_every_flipped_bit_cut_or_swapped_file_is_refused(two, folder):
    first, second = two
    chance = random.Random(1)
    for number in range(60):
        path = folder / first / chance.choice(bundle.PARTS)
        whole = path.read_bytes()
        if number % 3 == 0:
            at = chance.randrange(len(whole))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        elif number % 3 == 1:
            path.write_bytes(whole[: chance.randrange(len(whole))])
        else:
            path.write_bytes((folder / second / "rulebook.json").read_bytes() + b" ")
        with pytest.raises(BundleError):
            bundle.load(folder, first)
        path.write_bytes(whole)
    assert bundle.load(folder, first).digest == first


def test_a_damaged_bundle_is_repaired_by_building_it_again(two, folder, authored):
    first, _ = two
    for damage in (lambda path: path.write_text("{}"), lambda path: path.unlink()):
        damage(folder / first / "catalogue.json")
        with pytest.raises(BundleError):
            bundle.load(folder, first)
        assert bundle.build(folder, authored.parts()) == first
        assert bundle.load(folder, first).digest == first
    assert not list(folder.glob(".building*"))


def test_parts_that_do_not_work_together_leave_no_bundle(folder, authored):
    parts = authored.parts()
    with pytest.raises(BundleError, match="does not work"):
        bundle.build(
            folder, parts | {"rulebook.json": {**parts["rulebook.json"], "answer_valid_days": "thirty"}}
        )
    assert not folder.exists() or bundle.available(folder) == []


def test_a_bundle_that_could_not_be_read_once_is_tried_again(two, folder):
    first, second = two
    store = BundleStore(folder)
    bundle.activate(folder, second)
    (folder / second).rename(folder / "elsewhere")
    time.sleep(bundle.LOOK_EVERY_S + 0.05)
    assert (store.bundle().digest, bool(store.problem)) == (first, True)
    (folder / "elsewhere").rename(folder / second)
    time.sleep(bundle.LOOK_EVERY_S + 0.05)
    assert (store.bundle().digest, store.problem) == (second, None)


def test_a_torn_line_in_the_record_does_not_stop_a_rollback(two, folder):
    first, second = two
    bundle.activate(folder, second)
    with (folder / "activations.jsonl").open("ab") as record:
        record.write(b'{"at": "2026')
    assert bundle.rollback(folder) == first


def test_a_bad_bundle_never_replaces_a_good_one(two, folder):
    first, second = two
    store = BundleStore(folder)
    (folder / second / "texts.json").write_text("{}")
    with pytest.raises(BundleError, match="not what its name says"):
        bundle.activate(folder, second)
    (folder / "current").unlink()
    (folder / "current").symlink_to(second)
    time.sleep(bundle.LOOK_EVERY_S + 0.05)
    assert store.bundle().digest == first
    assert "not what its name says" in store.problem


def test_a_bundle_whose_check_found_errors_is_neither_made_nor_served(folder, authored, monkeypatch):
    parts = authored.parts()
    wrong = parts | {"check.json": {**parts["check.json"], "errors": 1}}
    with pytest.raises(BundleError, match="no bundle is made"):
        bundle.build(folder, wrong)
    good = bundle.build(folder, parts)
    contents = {name: (folder / good / name).read_bytes() for name in bundle.PARTS}
    contents["check.json"] = orjson.dumps(wrong["check.json"])
    smuggled = folder / bundle._digest(contents)
    smuggled.mkdir()
    for name, content in contents.items():
        (smuggled / name).write_bytes(content)
    with pytest.raises(BundleError, match="has errors; it is not served"):
        bundle.load(folder, smuggled.name)


def test_a_model_that_its_manifest_does_not_name_is_refused(folder, authored, tmp_path):
    artifacts = tmp_path / "artifacts"
    shutil.copytree(bundle.ARTIFACTS, artifacts)
    scorecard = json.loads((artifacts / "scorecard.json").read_text())
    (artifacts / "scorecard.json").write_text(json.dumps(scorecard | {"abstain_below": 0.0}))
    with pytest.raises(BundleError, match="is not the file that manifest"):
        bundle.build(folder, authored.parts(), artifacts=artifacts)


def test_no_bundle_says_what_to_run(tmp_path):
    with pytest.raises(BundleError, match="run `make setup`"):
        BundleStore(tmp_path)


def test_a_start_does_not_depend_on_todays_date(two, folder, monkeypatch):
    class Timeless(datetime):
        @classmethod
        def now(cls, tz=None):
            raise AssertionError("asked what day it is")

    for module in (bundle, channels, recommender):
        monkeypatch.setattr(module, "datetime", Timeless)
    assert BundleStore(folder).bundle().digest == two[0]


def test_answers_during_swaps_come_from_one_bundle_each(two, folder, at):
    first, second = two
    store = BundleStore(folder)
    wrong = []

    def ask(until):
        while time.monotonic() < until:
            [found] = store.recommender().recommend([read_signals("person", {})], at=at)
            days = (found.valid_until - at.date()).days
            if days != {first[:16]: 30, second[:16]: 7}[found.versions.bundle]:
                wrong.append(found.versions)

    askers = [threading.Thread(target=ask, args=(time.monotonic() + 2.5,)) for _ in range(3)]
    for asker in askers:
        asker.start()
    for digest in (second, first, second):
        bundle.activate(folder, digest)
        time.sleep(0.8)
    for asker in askers:
        asker.join()
    time.sleep(bundle.LOOK_EVERY_S)
    assert wrong == []
    assert store.bundle().digest == second


def test_a_bundle_keeps_what_the_team_wrote_and_says_when_it_was_altered(tmp_path, authored):
    digest = bundle.build(tmp_path, authored.parts())
    assert bundle.sources(tmp_path, digest) == authored.sources
    assert set(authored.sources) == {*RULEBOOK_FILES, CAMPAIGNS, *CONTENT_FILES, *VOCABULARY_FILES}
    for name in authored.sources:
        path = tmp_path / digest / "sources" / name
        before = path.read_bytes()
        path.write_bytes(before + b" ")
        with pytest.raises(bundle.BundleError, match=rf"sources/{name} of bundle \w+ was altered"):
            bundle.sources(tmp_path, digest)
        path.write_bytes(before)


def test_another_comment_is_another_bundle_of_the_same_rulebook(tmp_path, authored):
    one = authored.parts()
    named = one["check.json"] | {"sources": one["check.json"]["sources"] | {"rules.yaml": "0" * 64}}
    digests = [bundle.build(tmp_path, parts) for parts in (one, one | {"check.json": named})]
    made = [bundle.load(tmp_path, digest) for digest in digests]
    assert digests[0] != digests[1]
    assert len({one.recommender.versions.rulebook for one in made}) == 1


def test_a_bundle_made_before_the_texts_were_kept_is_served(tmp_path, authored):
    parts = authored.parts()
    del parts["sources"]
    del parts["check.json"]["sources"]
    digest = bundle.build(tmp_path, parts)
    assert bundle.load(tmp_path, digest).digest == digest
    assert bundle.sources(tmp_path, digest) == {}


def as_before_vocabularies(parts):
    """The parts as they were while the codes stood in code: topics in the catalogue, segments in the texts."""
    words = parts["vocabulary.json"]
    topics = {code: {**term["name"], "parent": term.get("parent")} for code, term in words["topics"].items()}
    leading = (
        ("event_topics", "life_events"),
        ("benefit_topics", "benefits"),
        ("claim_topics", "claim_kinds"),
    )
    tree = {"topics": {code: {k: v for k, v in labels.items() if v} for code, labels in topics.items()}}
    tree |= {name: {code: term["topic"] for code, term in words[part].items()} for name, part in leading}
    segments = {
        code: {"name": term["name"], "description": term["description"]}
        for code, term in words["segments"].items()
    }
    older = {name: part for name, part in parts.items() if name != "vocabulary.json"}
    older["catalogue.json"] = parts["catalogue.json"] | {"topics": tree}
    older["texts.json"] = parts["texts.json"] | {"segments": segments}
    older["rulebook.json"] = {
        name: part for name, part in parts["rulebook.json"].items() if name != "campaigns"
    }
    return older


def test_a_bundle_made_before_vocabularies_were_data_answers_as_it_did(tmp_path, authored, at):
    digests = [
        bundle.build(tmp_path, parts)
        for parts in (authored.parts(), as_before_vocabularies(authored.parts()))
    ]
    assert not (tmp_path / digests[1] / bundle.VOCABULARY).exists()
    now, before = (bundle.load(tmp_path, digest).recommender for digest in digests)
    assert tuple(before.vocabulary.languages) == ("fi", "sv", "en")
    for persona in all_personas():
        for language in before.vocabulary.languages:
            answers = [
                one.recommend(
                    [one.contract.read(persona["customer_type"], persona["signals"])],
                    at=at,
                    language=language,
                )[0]
                for one in (now, before)
            ]
            one, other = (replace(answer, versions=None, valid_until=None) for answer in answers)
            assert one == other, persona["id"]


def test_serving_reads_no_text_of_the_team(tmp_path, authored):
    digest = bundle.build(tmp_path, authored.parts())
    shutil.rmtree(tmp_path / digest / "sources")
    assert bundle.load(tmp_path, digest).digest == digest
    assert bundle.build(tmp_path, authored.parts()) == digest
    assert bundle.sources(tmp_path, digest) == authored.sources
