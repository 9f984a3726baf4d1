"""The JSON between the console's processes: what one side writes the other reads, and nothing else passes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from service.api.problems import NotFoundError
from service.console.draft_jobs import KEPT_S, Jobs
from service.console.job_files import JOB, RESULT, JobFileError, read_job_file, write_job_file

ORDER = {"kind": "check", "key": None, "at": 1.5, "asked": {"names": {"0": "rules.yaml"}}}
FINDING = {"code": "gap", "names": {"cell": "x", "what": {"phrase": "p", "names": {}}}}
EDIT = {
    "file": "rules.yaml",
    "section": "person",
    "id": "nudge",
    "edit": "changed",
    "fields": [{"field": "topic", "old": "", "new": "housing"}],
    "weaker": False,
}
RESULTS = {
    "failure": {"failure": "unreadable", "said": "", "finding": FINDING},
    "spreadsheet": {"rules": 64, "files": ["rules.xlsx"], "base": "0" * 16, "base_in_use": True},
    "unweighed": {"findings": [FINDING], "edits": [EDIT], "unweighed": "stopped"},
}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_what_the_child_writes_the_worker_reads(tmp_path, result):
    write_job_file(tmp_path / "result.json", RESULT, result)
    assert read_job_file(tmp_path / "result.json", RESULT) == result


def test_what_the_worker_asks_the_child_reads(tmp_path):
    write_job_file(tmp_path / "job.json", JOB, ORDER)
    assert read_job_file(tmp_path / "job.json", JOB) == ORDER
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


WRONG = {
    "a-renamed-field": (RESULT, {"faults": []}, "faults"),
    "another-type": (RESULT, {"cells": "3"}, "cells"),
    "a-part-without-a-field": (RESULT, {"edits": [{"file": "rules.yaml"}]}, "edits"),
    "a-job-without-a-kind": (JOB, {name: ORDER[name] for name in ("key", "at", "asked")}, "kind"),
}


@pytest.mark.parametrize(("schema", "content", "named"), WRONG.values(), ids=WRONG)
def test_neither_side_passes_what_the_schema_does_not_hold(tmp_path, schema, content, named):
    path = tmp_path / "result.json"
    with pytest.raises(JobFileError, match=f"result.json: {named} not as agreed"):
        write_job_file(path, schema, content)
    assert not path.exists()
    path.write_text(json.dumps(content))
    with pytest.raises(JobFileError, match=f"result.json: {named} not as agreed"):
        read_job_file(path, schema)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_what_is_no_object_is_refused(tmp_path, text):
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(JobFileError):
        read_job_file(tmp_path / "job.json", JOB)


def test_a_job_of_another_version_is_not_found_and_goes_when_it_is_old(tmp_path):
    jobs = Jobs(tmp_path, Path("bundles"))
    folder = tmp_path / ("a" * 22)
    folder.mkdir()
    write_job_file(folder / "job.json", JOB, ORDER | {"at": time.time()})
    (folder / "result.json").write_text('{"verdict": "sound"}')
    with pytest.raises(NotFoundError):
        jobs.find(folder.name, None)
    (folder / "job.json").write_text("{}")
    assert jobs.of_key(None) == []
    assert folder.exists()
    long_ago = time.time() - KEPT_S - 60
    os.utime(folder, (long_ago, long_ago))
    assert jobs.of_key(None) == []
    assert not folder.exists()
