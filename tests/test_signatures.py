"""Signatures: bound to the data, group, side and size that were measured; nothing shipped signs for anybody else's customers."""

import dataclasses
import json
import tomllib

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from models.decision import bundle
from training.cli.train import main
from training.learning import signatures
from training.learning.dataset import read_dataset
from training.learning.gates import group_gates, read_config
from training.learning.groups import Difference, audit_digest
from training.learning.signatures import SHIPPED, SignatureError, read_signatures, sign, to_sign, unsigned
from training.reporting.artifacts import ARTIFACTS, verified
from training.reporting.model_card import model_card
from training.simulation.population import population

DATA = {"source": "labelled.parquet", "sha256": "a", "test_sha256": "b", "audit_sha256": "c"}
YOUNG = (("age_band", "25-34"),)
YOUNG_FINNISH = (("age_band", "25-34"), ("language", "fi"))
DIFFERENCES = [
    Difference(metric, segment, group, 900, rate, others, 0.01)
    for group in (YOUNG, YOUNG_FINNISH)
    for metric, segment, rate, others in (
        ("recall", "changing", 0.006, 0.172),
        ("precision", "steady", 0.78, 0.91),
        ("precision", "changing", 0.2, 0.7),
        ("abstention", "changing", 0.1, 0.3),
        ("personal_service", "changing", 0.02, 0.2),
    )
]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def manifest_of(differences, **data):
    gates = [gate.document() for gate in group_gates(differences, read_config())]
    return {"version": "0123456789ab", "data": DATA | data, "gates": gates}


def signed_by_somebody(text):
    """What `arki-train sign` printed, with a reason, a name and a date written into each entry."""
    for name, value in (("reason", "Seen, and accepted."), ("signed_by", "N. N."), ("date", "27.11.2026")):
        text = text.replace(f'{name} = ""', f'{name} = "{value}"')
    return text


def signatures_of(tmp_path, manifest):
    path = tmp_path / "signatures.toml"
    path.write_text(signed_by_somebody(to_sign(manifest)), encoding="utf-8")
    return read_signatures(path)


@pytest.fixture
def trained_on_other_data(tmp_path):
    """A model of labelled customers with ten differences between groups: the shipped one's files, its manifest changed."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in ARTIFACTS.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["labels"] = "as given in labelled.parquet"
    manifest["data"] |= DATA
    manifest["gates"] = manifest_of(DIFFERENCES)["gates"]
    sign(manifest, read_signatures(SHIPPED))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_what_is_printed_to_be_signed_covers_each_failure_once_it_is_written(tmp_path):
    manifest = manifest_of(DIFFERENCES)
    assert len(unsigned(manifest)) == 10
    assert sign(manifest, signatures_of(tmp_path, manifest)) == []
    assert unsigned(manifest) == []
    assert tomllib.loads(to_sign(manifest)) == {}


@pytest.mark.parametrize(
    ("changed", "data", "why"),
    [
        pytest.param({}, {"sha256": "z"}, "it was signed for other data", id="other customers to fit on"),
        pytest.param({}, {"test_sha256": "z"}, "it was signed for other data", id="other test customers"),
        pytest.param({}, {"audit_sha256": "z"}, "it was signed for other data", id="other audit attributes"),
        pytest.param({"metric": "precision"}, {}, "no such gate failed", id="another metric"),
        pytest.param({"segment": "supported"}, {}, "no such gate failed", id="another segment"),
        pytest.param({"members": (("age_band", "35-44"),)}, {}, "no such gate failed", id="another value"),
        pytest.param({"members": (("sex", "25-34"),)}, {}, "no such gate failed", id="another attribute"),
        pytest.param({"members": YOUNG_FINNISH}, {}, "no such gate failed", id="a part of the group"),
        pytest.param(
            {"rate": 0.3, "others": 0.2},
            {},
            "the lower rate is that of the others, and it was signed for the group",
            id="the other side",
        ),
        pytest.param(
            {"rate": 0.0999},
            {},
            "the failure measures 0.1001, and at most 0.1 was signed for",
            id="a larger difference",
        ),
    ],
)
def test_a_signature_is_void_for_all_but_what_was_signed(tmp_path, changed, data, why):
    row = Difference("recall", "changing", YOUNG, 900, 0.1, 0.2, 0.01)
    signed = signatures_of(tmp_path, manifest_of([row]))
    other = manifest_of([dataclasses.replace(row, **changed)], **data)
    assert sign(other, signed) == [
        f"[[signed]] number 1 (recall of changing, age_band: 25-34) is void: {why}"
    ]
    assert len(unsigned(other)) == 1


def test_a_signature_covers_a_smaller_difference_of_the_same_group_and_side(tmp_path):
    row = Difference("recall", "changing", YOUNG, 900, 0.1, 0.2, 0.01)
    signed = signatures_of(tmp_path, manifest_of([row]))
    smaller = manifest_of([dataclasses.replace(row, rate=0.12)])
    assert sign(smaller, signed) == []
    assert unsigned(smaller) == []


def test_a_gate_that_is_about_no_group_is_signed_for_up_to_its_distance_from_the_limit(tmp_path):
    gate = {
        "name": "calibration error", "figure": 0.05, "limit": 0.02, "passed": False, "on_failure": "sign",
        "detail": "only 900 test customers",
    }  # fmt: skip
    manifest = {"version": "0123456789ab", "data": DATA, "gates": [gate]}
    signed = signatures_of(tmp_path, manifest)
    sign(manifest, signed)
    assert unsigned(manifest) == []
    worse = manifest | {"gates": [gate | {"figure": 0.051}]}
    assert unsigned(worse) == worse["gates"]


def test_a_signature_copied_into_a_manifest_of_other_data_does_not_count(tmp_path):
    manifest = manifest_of(DIFFERENCES)
    sign(manifest, signatures_of(tmp_path, manifest))
    manifest["data"] = DATA | {"sha256": "z"}
    assert len(unsigned(manifest)) == 10


def test_a_reason_without_what_it_is_bound_to_does_not_count():
    manifest = manifest_of(DIFFERENCES)
    for gate in manifest["gates"]:
        gate |= {"reason": "From 65 on changes are rare.", "signed_by": "Arki engineering, 2026-11-21"}
        gate["signed"] = {"reason": "From 65 on changes are rare.", "signed_by": "Arki engineering"}
    assert len(unsigned(manifest)) == 10


@given(
    group=st.lists(
        st.tuples(st.text(min_size=1).filter(str.strip), st.text(min_size=1)), min_size=1, max_size=2,
        unique_by=lambda member: member[0],
    ),
    rate=st.floats(0, 0.3),
)  # fmt: skip
def test_any_group_is_printed_so_that_its_entry_is_read_back_as_the_same_failure(
    tmp_path_factory, group, rate
):
    row = Difference("recall", "changing", tuple(group), 900, rate, 0.5, 0.001)
    manifest = manifest_of([row])
    [signed] = signatures_of(tmp_path_factory.mktemp("signed"), manifest)
    assert [signed.failure] == [failure for _, failure in signatures.failures(manifest)]


WHOLE = """\
[[signed]]
data = "a"
metric = "recall"
segment = "changing"
group = { sex = "woman" }
lower = "group"
at_most = 0.1
reason = "Why."
signed_by = "N. N."
date = "27.11.2026"
"""
COPY = " A signature counts only when it is whole: written, signed and bound to what `arki-train sign FOLDER` prints."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('reason = "Why."', 'reason = " "', "[[signed]] number 1 lacks reason." + COPY),
        ('signed_by = "N. N."\ndate = "27.11.2026"', "", "[[signed]] number 1 lacks signed_by, date." + COPY),
        ('data = "a"', "", "[[signed]] number 1 lacks data." + COPY),
        ("at_most = 0.1", "", "[[signed]] number 1 lacks at_most." + COPY),
        ('lower = "group"', "", "[[signed]] number 1 lacks lower." + COPY),
        (
            "at_most = 0.1",
            "atmost = 0.1\nat_most = 0.1",
            "[[signed]] number 1 holds atmost that is not as `arki-train sign FOLDER` prints it. Copy these lines anew.",
        ),
        (
            'group = { sex = "woman" }',
            'group = "*age_band*"',
            (
                "[[signed]] number 1 holds an at_most, group or lower that is not as `arki-train sign FOLDER` prints it. Copy these"
                " lines anew."
            ),
        ),
        (
            "[[signed]]",
            "[signed]",
            "holds more than [[signed]] entries. Copy them from what `arki-train sign FOLDER` prints.",
        ),
        (
            "at_most",
            "at_most = = 1",
            "cannot be read (Invalid value (at line 7, column 11)). Correct the file.",
        ),
    ],
)
def test_a_signature_that_is_not_whole_is_refused_with_a_remedy(tmp_path, old, new, message):
    path = tmp_path / "signatures.toml"
    path.write_text(WHOLE.replace(old, new))
    with pytest.raises(SignatureError) as refused:
        read_signatures(path)
    assert str(refused.value) == f"{path}: {message}"


def test_nothing_shipped_signs_for_other_data(trained_on_other_data, monkeypatch, tmp_path):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path / "bundles"))
    version = json.loads((trained_on_other_data / "manifest.json").read_text())["version"]
    result = run("promote", version, "--artifacts", trained_on_other_data)
    assert result.exit_code == 1
    assert result.output == (
        f"Error: model {version} is not promoted: 10 failed gates are not signed for (recall of changing, age_band: 25-34; precision"
        " of steady, age_band: 25-34; precision of changing, age_band: 25-34; abstention of changing, age_band: 25-34;"
        f" personal_service of changing, age_band: 25-34; and 5 more). `arki-train sign {trained_on_other_data} > signatures.toml`"
        " writes them out: write a reason, a name and a date into each, then `arki-train sign"
        f" {trained_on_other_data} signatures.toml`; or correct the model.\n"
    )
    assert not (tmp_path / "bundles").exists()


def test_differences_signed_one_by_one_let_a_model_be_promoted(trained_on_other_data, monkeypatch, tmp_path):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path / "bundles"))
    printed = run("sign", trained_on_other_data)
    assert printed.exit_code == 0
    assert printed.stderr == "model ffdffdfe1e54: 10 to be signed for, 10 of them not signed\n"
    path = tmp_path / "signatures.toml"
    path.write_text(printed.stdout)
    empty = run("sign", trained_on_other_data, path)
    assert empty.exit_code == 1
    assert empty.output == f"Error: {path}: [[signed]] number 1 lacks reason, signed_by, date.{COPY}\n"
    path.write_text(signed_by_somebody(printed.stdout))
    before = (trained_on_other_data / "scorecard.json").read_bytes()
    signed = run("sign", trained_on_other_data, path)
    assert signed.output == "model ffdffdfe1e54: 10 to be signed for, 0 of them not signed\n"
    verified(trained_on_other_data)
    assert (trained_on_other_data / "scorecard.json").read_bytes() == before
    card = (trained_on_other_data / "MODEL_CARD.md").read_text()
    assert "- 10 failures (" in card
    assert "Seen, and accepted. Signed: N. N., 27.11.2026." in card
    promoted = run("promote", "ffdf", "--artifacts", trained_on_other_data)
    assert promoted.exit_code == 0, promoted.output
    digest = bundle.current(tmp_path / "bundles")
    served = bundle.load(tmp_path / "bundles", digest).parts["manifest.json"]
    assert unsigned(served) == []


def test_signatures_of_another_model_sign_nothing_and_say_so(trained_on_other_data):
    result = run("sign", trained_on_other_data, SHIPPED)
    assert result.exit_code == 0
    assert (
        f"{SHIPPED}: [[signed]] number 1 (precision of steady, age_band: 25-34) is void: it was signed for other data\n"
        in result.output
    )
    assert result.output.endswith("model ffdffdfe1e54: 10 to be signed for, 10 of them not signed\n")


def test_a_model_of_an_earlier_version_is_trained_again_before_it_is_signed_for(trained_on_other_data):
    manifest = json.loads((trained_on_other_data / "manifest.json").read_text())
    del manifest["group_limits"]
    (trained_on_other_data / "manifest.json").write_text(json.dumps(manifest))
    result = run("sign", trained_on_other_data)
    assert result.exit_code == 1
    assert result.output == (
        f"Error: {trained_on_other_data}: holds a model of an earlier Arki, whose gates do not say what a signature is bound to."
        " Train it again.\n"
    )


def test_the_shipped_model_is_signed_for_failure_by_failure():
    manifest = json.loads((ARTIFACTS / "manifest.json").read_text())
    shipped = read_signatures(SHIPPED)
    assert unsigned(manifest) == []
    assert len(shipped) == len(signatures.failures(manifest)) == 51
    for gate in manifest["gates"]:
        gate.pop("signed", None)
    assert sign(manifest, shipped) == []
    assert manifest == json.loads((ARTIFACTS / "manifest.json").read_text())


@pytest.mark.parametrize("metric", ["recall", "precision", "personal_service"])
def test_no_shipped_reason_speaks_of_people_over_65_beside_a_younger_group(metric):
    told = [each for each in read_signatures(SHIPPED) if each.failure.metric == metric]
    assert told
    for each in told:
        age = dict(each.failure.group).get("age_band", "")
        assert ("65" in each.reason) <= (age in {"65-74", "75-84", "85+"}), each
        assert ("25 and 34" in each.reason) <= (age == "25-34"), each
        assert ("interpreter" in each.reason) <= ("language" in dict(each.failure.group)), each


def test_the_shipped_card_is_the_one_of_its_manifest():
    manifest, scorecard, evaluation = (
        json.loads((ARTIFACTS / name).read_text())
        for name in ("manifest.json", "scorecard.json", "evaluation.json")
    )
    assert model_card(manifest, scorecard, evaluation) == (ARTIFACTS / "MODEL_CARD.md").read_text()


def test_the_digest_that_is_signed_for_changes_with_a_customers_group():
    table = population(2_000, seed=4, with_employers=False)
    at = table.column_names.index("audit_sex")
    other = ["man" if value == "woman" else "woman" for value in table["audit_sex"].to_pylist()]
    swapped = table.set_column(at, "audit_sex", [other])
    one, two = (read_dataset(each, "file") for each in (table, swapped))
    assert one.digest == two.digest
    assert audit_digest(one) != audit_digest(two)
