"""The pages that do something: try a customer, check a draft, fetch the table as a spreadsheet.

Signals are typed and answered within one request and kept nowhere. A draft is checked by a child process (`jobs`); its
page looks again every two seconds by itself, without a script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, render_template, request
from flask_babel import gettext as _
from orjson import JSONDecodeError

from models.decision.bundle import Bundle, BundleError
from service.api.operations import bundle_of_request, service
from service.api.problems import NotFoundError
from service.console import customer_form
from service.console.auth import session
from service.console.base import go, names, shared, show
from service.console.customer_form import CustomerForm
from service.console.draft_jobs import DraftJob
from service.console.findings import finding_sentence, sheet_sentence
from service.console.labels import FAILURES, FAULTS, UNWEIGHED

MOST_FILES: Final = 4
LOOK_AGAIN_S: Final = 2
_DOWNLOADS: Final = {
    ".yaml": "application/yaml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def customer() -> Response:
    """A form of what may be known of a customer."""
    return _form(customer_form.blank(customer_form.customer_type_of(request.args.get("type"))))


def try_customer() -> Response:
    """What a customer would be offered, and why."""
    asked = customer_form.from_form(request.form)
    if "persona" in request.form:
        persona = customer_form.from_persona(
            request.form["persona"], day=asked.day, draft=request.form.get("draft", "")
        )
        if persona is None:
            raise NotFoundError
        asked = persona
    elif "job" in request.form:
        asked = _example(request.form["job"], request.form.get("example", ""))
    answered_by, problem = _bundle_for(asked)
    if answered_by is None:
        return _form(asked, problem=problem, status=409)
    try:
        tried, faults = customer_form.try_customer(answered_by.recommender, asked, now=service().clock())
    except LookupError:
        problem = _("No rule of the draft applies to this customer.")
        return _form(asked, problem=problem, answered_by=answered_by, status=409)
    if tried is None:
        said = {fault.pointer: FAULTS.get(fault.code, FAULTS["unknown_value"]) for fault in faults}
        return _form(asked, faults=said, answered_by=answered_by, status=422)
    return _form(asked, tried=tried, answered_by=answered_by)


def drafts() -> Response:
    """Send a draft to be checked, and find those checked within the hour."""
    return show("drafts", names=names(), jobs=shared().jobs.of_key(session().key_id), problem=None)


def check_draft() -> Response:
    """Begin to check a draft."""
    sent = [file for file in request.files.getlist("file") if file.filename]
    if not sent or len(sent) > MOST_FILES:
        problem = _("Choose one to four files.")
        return show(
            "drafts", 422, names=names(), jobs=shared().jobs.of_key(session().key_id), problem=problem
        )
    files = {str(at): file.read() for at, file in enumerate(sent)}
    asked = {"names": {str(at): (file.filename or "")[:100] for at, file in enumerate(sent)}}
    return go("draft", job=shared().jobs.start("check", session().key_id, files, asked))


def spreadsheet() -> Response:
    """Begin to write the rules as a spreadsheet."""
    return go("draft", job=shared().jobs.start("export", session().key_id, {}, {}))


def draft(job: str) -> Response:
    """How far the work came, or what came of it."""
    draft_job = shared().jobs.find(job, session().key_id)
    if draft_job.state in {"waiting", "running"}:
        response = show("progress", job=draft_job, names=names())
        response.headers["Refresh"] = str(LOOK_AGAIN_S)
        return response
    if draft_job.state == "failed":
        result = draft_job.result or {"failure": "stopped"}
        said = FAILURES.get(result["failure"], FAILURES["unexpected"])
        return show("failed_work", 422, job=draft_job, said=said, more=_more(result), names=names())
    return show(
        "draft" if draft_job.kind == "check" else "spreadsheet",
        job=draft_job,
        result=draft_job.result,
        names=names(),
        finding_sentence=finding_sentence,
        unweighed=UNWEIGHED,
    )


def draft_file(job: str, name: str) -> Response:
    """A file to download: the reviewed rules, a spreadsheet, the change note."""
    draft_job = shared().jobs.find(job, session().key_id)
    if draft_job.state != "done" or draft_job.result is None:
        raise NotFoundError
    if name == "change-note.md" and "edits" in draft_job.result:
        text = render_template("console/change_note.md", **_note(draft_job))
        return _attached(text.encode(), name, "text/markdown; charset=utf-8")
    if name not in draft_job.result.get("files", ()):
        raise NotFoundError
    kind = _DOWNLOADS.get(name[name.rfind(".") :], "application/octet-stream")
    return _attached((draft_job.folder / name).read_bytes(), name, kind)


def _more(result: Mapping[str, Any]) -> str:
    """What more is known of a failure: in the reader's language where it is about a spreadsheet."""
    finding = result.get("finding")
    return sheet_sentence(finding) if finding else str(result.get("said", ""))


def _form(
    asked: CustomerForm,
    *,
    faults: dict[str, Any] | None = None,
    problem: str | None = None,
    tried: customer_form.Tried | None = None,
    answered_by: Bundle | None = None,
    status: int = 200,
) -> Response:
    """The form with what was typed, with the codes of the bundle that answers, and the answer where there is one."""
    recommender = (answered_by or bundle_of_request()).recommender
    return show(
        "customer",
        status,
        names=names(answered_by),
        asked=asked,
        contract=recommender.contract.signals[asked.customer_type],
        languages_of_answers=recommender.vocabulary.languages,
        faults=faults or {},
        problem=problem,
        tried=tried,
        catalogue=recommender.catalogue,
        personas=customer_form.personas(),
        chosen_persona=request.form.get("persona", ""),
        drafts=[job for job in shared().jobs.of_key(session().key_id) if (job.result or {}).get("tryable")],
        rules_of=customer_form.rules_of(recommender),
    )


def _bundle_for(asked: CustomerForm) -> tuple[Bundle | None, str]:
    """The bundle in use, or a draft; none, with the reason, where the draft is gone."""
    if not asked.draft:
        return bundle_of_request(), ""
    try:
        return shared().drafts.bundle(shared().jobs.find(asked.draft, session().key_id)), ""
    except (NotFoundError, OSError, JSONDecodeError, BundleError):
        return None, _("The draft is no longer here. Check it again, or try the table in use.")


def _example(token: str, which: str) -> CustomerForm:
    """An example customer of a checked draft as a form, to be tried on it where it is sound."""
    draft_job = shared().jobs.find(token, session().key_id)
    kind, _colon, at = which.partition(":")
    result = draft_job.result or {}
    lists = {
        "finding": result.get("findings", ()),
        "change": result.get("changes", ()),
        "impact": result.get("impact", {}).get("examples", ()),
    }
    listed = lists.get(kind, ())
    if not at.isdecimal() or not len(at) < 6 or not int(at) < len(listed) or not listed[int(at)]["customer"]:  # noqa: PLR2004
        raise NotFoundError
    asked = customer_form.from_customer(listed[int(at)]["customer"])
    return asked._replace(draft=token if result.get("tryable") else "")


def _note(job: DraftJob) -> dict[str, Any]:
    from service.console.base import FORMATS  # noqa: PLC0415

    return {"job": job, "result": job.result, "names": names(), **FORMATS}


def _attached(content: bytes, name: str, kind: str) -> Response:
    response = Response(content, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
