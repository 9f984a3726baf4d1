"""`make audit` finds what it says it looks for, accepts only with a reason, and never says ok of what it did not check."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime

import pytest
from conftest import ROOT

from service.security.access import make_key

sys.path.insert(0, str(ROOT / "deploy"))  # scripts that import each other, and no package
import advisories
import audit
import secret_scan

HASH = "--hash=sha256:" + "a" * 64
OTHER = "--hash=sha256:" + "b" * 64
LOCK = f"flask==3.1.3 \\\n    {HASH} \\\n    {OTHER}\nnumpy==2.4.6 ; python_full_version < '3.12' \\\n    {HASH}\nnumpy==2.5.5 ; python_full_version >= '3.12' \\\n    {HASH}\n"


def test_the_locks_that_ship_are_hashed_line_by_line_and_agree():
    texts = {name: (ROOT / "requirements" / f"{name}.lock").read_text() for name in audit.LOCKS}
    row = audit.locks_row(texts)
    assert row.findings == []
    assert sum(len(found) for text in texts.values() for found in audit.versions(text).values()) > 200
    assert {file.stem for file in (ROOT / "requirements").glob("*.lock")} == set(audit.LOCKS)


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        pytest.param("jinja2==3.1.6", "jinja2 has no hash", id="no hash"),
        pytest.param(f"flask==3.1.3 \\\n    {HASH}", "flask 3.1.3 has other hashes than in one.lock", id="other hashes"),
        pytest.param(f"jinja2>=3 \\\n    {HASH}", "is not a version with SHA-256 hashes", id="no version"),
        pytest.param("-e ./here", "is not a version with SHA-256 hashes", id="a folder"),
        pytest.param(f"jinja2 @ https://example.org/j.whl {HASH}", "is not a version with SHA-256 hashes", id="an address"),
        pytest.param("jinja2==3.1.6 --hash=md5:0123", "is not a version with SHA-256 hashes", id="a weak hash"),
        pytest.param("--extra-index-url https://example.org", "is not a version with SHA-256 hashes", id="another index"),
    ],
)  # fmt: skip
def test_a_line_of_a_lock_without_a_matching_hash_is_found(line, finding):
    (found,) = audit.locks_row({"one": LOCK, "two": line + "\n"}).findings
    assert finding in found


def test_what_is_installed_and_not_locked_at_that_version_is_found():
    assert audit.installed_row(LOCK, {"flask": "3.1.3", "numpy": "2.4.6", "arki": "0"}).findings == []
    found = audit.installed_row(LOCK, {"flask": "3.1.2", "evil": "1"}).findings
    assert found == [
        "evil 1 is installed; the lock says none",
        "flask 3.1.2 is installed; the lock says 3.1.3",
    ]


def test_a_bill_of_materials_of_another_lock_is_found():
    shipped = json.loads((ROOT / "deploy/sbom.cdx.json").read_text())
    lock = (ROOT / "requirements/serve.lock").read_text()
    assert audit.sbom_row(lock, shipped).findings == []
    assert audit.sbom_row(lock.replace("sha256:", "sha256:0", 1), shipped).findings


@pytest.mark.parametrize(
    ("licence", "accepted"),
    [("MIT", True), ("MPL-2.0 AND (Apache-2.0 OR MIT)", True), ("AGPL-3.0-only", False), ("MIT AND GPL-2.0-only", False), ("", False), (None, False)],
)  # fmt: skip
def test_a_licence_that_is_unknown_or_not_accepted_is_found(licence, accepted):
    allowed = {"licences": {"MIT": "", "MPL-2.0": "", "Apache-2.0": ""}}
    said = {"numpy": "MIT"} | ({} if licence is None else {"flask": licence})
    assert (audit.licences_row(LOCK, said, allowed).findings == []) == accepted
    read = allowed | {"licences_by_package": {"flask": {"reason": "read"}, "gone": {"reason": "read"}}}
    assert audit.licences_row(LOCK, said, read).findings == ["audit.toml: gone is not locked any more"]


RESULT = {"test_id": "B704", "filename": "./service/a.py", "line_number": 3, "issue_text": "Markup", "code": "3 return Markup(x)"}  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "findings"),
    [
        pytest.param({"rules": ["B704"], "files": ["service/a.py"], "reason": "numbers"}, 0, id="accepted"),
        pytest.param({"rules": ["B704"], "files": ["service/"], "code": "Markup(x", "reason": "n"}, 0, id="this line"),
        pytest.param({"rules": ["B704"], "files": ["service/"], "code": "Markup(y", "reason": "n"}, 2, id="another line"),
        pytest.param({"rules": ["B704"], "files": ["service/b.py"], "reason": "numbers"}, 2, id="another file"),
        pytest.param({"rules": ["B101"], "files": ["service/a.py"], "reason": "numbers"}, 2, id="another rule"),
        pytest.param({"rules": ["B704"], "files": ["service/a.py"], "reason": ""}, 1, id="no reason"),
    ],
)  # fmt: skip
def test_a_match_of_bandit_is_accepted_by_rule_place_and_reason_and_never_in_vain(entry, findings):
    assert len(audit.bandit_row([RESULT], [entry]).findings) == findings
    assert audit.bandit_row([RESULT], []).findings == ["service/a.py:3: B704 Markup"]


def made_secrets():
    """One of each kind, put together here so that this file holds none."""
    key, _ = make_key(["recommend"], expires=datetime.now(UTC))
    part = "Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7" * 3
    return {
        "Arki key": key,
        "Arki secret": "ARKI_SECRET=" + part[:40],
        "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
        "password in an address": "postgresql+psycopg://arki:" + part[:12] + "@db/arki",
        "AWS key": "AKIA" + "ABCDEFGH234567QR",
        "Azure key": "AccountKey=" + (part * 2)[:86] + "==",
        "GitHub token": "ghp_" + part[:36],
        "GitLab token": "glpat-" + part[:20],
        "Google key": "AIza" + part[:35],
        "JSON web token": f"eyJ{part[:12]}.eyJ{part[:20]}.{part[:20]}",
        "npm token": "npm_" + part[:36],
        "PyPI token": "pypi-AgE" + part[:60],
        "Slack token": "xoxb-" + part[:12],
        "vendor's secret key": "sk-ant-" + part[:40],
    }


def test_a_secret_of_each_kind_is_found_and_told_without_its_text():
    made = made_secrets()
    assert set(made) == set(secret_scan.PATTERNS)
    for kind, secret in made.items():
        (found,) = secret_scan.secrets_in(f'x = "{secret}"', "a.py:1")
        assert found.kind == kind
        assert secret not in repr(found)


def test_made_up_keys_and_placeholders_are_no_secrets():
    for line in (
        "arki_a8d21015d5eb_" + "0" * 72,
        "postgresql+psycopg://arki:replace-me@postgres/arki",
        "rediss://:password@host:6379/0 https://kela.fi:443/a@b",
        "ARKI_SECRET: " + "s" * 40,
        f"--hash=sha256:{'0a1b' * 16}",
        "user:${PASSWORD}@host postgresql://arki@db/arki",
    ):
        assert list(secret_scan.secrets_in(line, "a:1")) == []


def test_a_secret_that_was_taken_out_again_is_found_in_history(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], check=True, capture_output=True)  # fmt: skip

    git("init", "-q")
    for text in (made_secrets()["GitHub token"], "nothing"):
        (tmp_path / "a.txt").write_text(text + "\n")
        git("add", "a.txt")
        git("commit", "-qm", "change")
    assert secret_scan.is_whole(tmp_path)
    assert list(secret_scan.secrets_of_tree(tmp_path)) == []
    (found,) = secret_scan.secrets_of_history(tmp_path)
    assert (found.kind, found.where.split()[0]) == ("GitHub token", "a.txt")
    assert not secret_scan.is_whole(tmp_path / "elsewhere")


def test_nothing_tracked_holds_a_secret():
    if not secret_scan.is_whole(ROOT):
        pytest.skip("not a repository with its history")
    assert list(secret_scan.secrets_of_tree(ROOT)) == []


def record(*events, name="Flask", **more):
    affected = {
        "package": {"ecosystem": "PyPI", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
    }
    return {"id": "PYSEC-2030-1", "aliases": ["CVE-2030-1"], "summary": "bad", "modified": "2030-01-02T00:00:00Z", "affected": [affected]} | more  # fmt: skip


@pytest.mark.parametrize(
    ("given", "affects"),
    [
        pytest.param(record({"introduced": "0"}), True, id="all"),
        pytest.param(record({"introduced": "0"}, {"fixed": "3.1.4"}), True, id="fixed later"),
        pytest.param(record({"introduced": "0"}, {"fixed": "3.1.3"}), False, id="fixed here"),
        pytest.param(record({"introduced": "3.1.3"}, {"last_affected": "3.1.3"}), True, id="the last"),
        pytest.param(record({"introduced": "0"}, {"last_affected": "3.1.2"}), False, id="before"),
        pytest.param(record({"introduced": "4"}), False, id="later"),
        pytest.param(record({"introduced": "0"}, {"fixed": "1"}, {"introduced": "3"}), True, id="again"),
        pytest.param(record({"introduced": "0"}, name="Django"), False, id="another package"),
        pytest.param(record({"introduced": "0"}, withdrawn="2030-01-03T00:00:00Z"), False, id="withdrawn"),
        pytest.param(
            {"id": "X", "affected": [{"package": {"ecosystem": "PyPI", "name": "flask"}, "versions": ["3.1.3"]}]}, True, id="listed"
        ),
        pytest.param({"id": "X", "affected": [{"package": {"ecosystem": "npm", "name": "flask"}, "versions": ["3.1.3"]}]}, False, id="npm"),
    ],
)  # fmt: skip
def test_an_advisory_is_told_of_where_it_affects_a_locked_version(given, affects):
    found = list(advisories.advisories_about([given], audit.versions(LOCK)))
    assert [(each.package, each.version) for each in found] == [("flask", "3.1.3")] * affects


@pytest.mark.parametrize("form", ["one", "list", "vulns", "lines", "zip"])
def test_records_are_read_in_each_form_and_anything_else_is_refused(tmp_path, form):
    file, given = tmp_path / "advisories", record({"introduced": "0"})
    if form == "zip":
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("PYSEC-2030-1.json", json.dumps(given))
    else:
        shapes = {"one": given, "list": [given], "vulns": {"vulns": [given]}}
        file.write_text(json.dumps(shapes[form]) if form in shapes else f"{json.dumps(given)}\n" * 2)
    assert {each["id"] for each in advisories.read_records(file)} == {"PYSEC-2030-1"}
    for text in ("", "[]", "{", '{"results": []}', '"text"'):
        file.write_text(text)
        with pytest.raises(advisories.AdvisoriesError):
            advisories.read_records(file)


@pytest.mark.slow
def test_the_whole_audit_finds_nothing_and_says_what_it_did_not_check():
    done = subprocess.run([sys.executable, ROOT / "deploy/audit.py"], capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "advisories  not checked" in done.stdout


@pytest.mark.slow
def test_an_advisory_makes_the_whole_audit_fail(tmp_path):
    (tmp_path / "advisories.json").write_text(json.dumps(record({"introduced": "0"})))
    command = [sys.executable, ROOT / "deploy/audit.py", tmp_path / "advisories.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "serve.lock: flask" in done.stdout
