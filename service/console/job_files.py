"""The JSON that passes between a worker of the service and the child that checks a draft: two files, one schema for each.

The worker writes `job.json` and reads `result.json` and `checked.json`; the child does the opposite. Both check what they
write and what they read, so that a field that one side renames fails there and not in a template. Dates are texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields


class JobFileError(ValueError):
    """A file of a job that is not as its schema says; one side is of another version, or it was altered."""


class _Strict(Schema):
    """A part of a file: what is unknown is refused."""

    class Meta:
        """marshmallow's own settings."""

        unknown = RAISE


class _JobSchema(_Strict):
    """What a child is asked: `asked` names the files sent, by their number."""

    kind = fields.String(required=True)
    key = fields.String(required=True, allow_none=True)
    at = fields.Float(required=True)
    asked = fields.Dict(keys=fields.String(), required=True)


class _FindingSchema(_Strict):
    """A finding by its code and names, to be told in the reader's language; of an unreadable file no more than those."""

    code = fields.String(required=True)
    names = fields.Dict(keys=fields.String(), required=True)
    cell = fields.String()
    severity = fields.String()
    file = fields.String()
    line = fields.Integer(strict=True, allow_none=True)
    subject = fields.String()
    example = fields.Dict(keys=fields.String(), values=fields.String())
    customer = fields.Dict(allow_none=True)


class _FieldSchema(_Strict):
    """One value of an edited entry, before and after."""

    field = fields.String(required=True)
    old = fields.String(required=True)
    new = fields.String(required=True)


class _EditSchema(_Strict):
    """One entry that a draft changes."""

    file = fields.String(required=True)
    section = fields.String(required=True)
    id = fields.String(required=True)
    edit = fields.String(required=True)
    weaker = fields.Boolean(required=True)
    changed = fields.Nested(
        _FieldSchema, many=True, required=True, data_key="fields", attribute="fields"
    )  # a schema's own `fields` is taken


class _RuleSchema(_Strict):
    """A rule as the page of a draft shows it."""

    id = fields.String(required=True)
    channel = fields.String(required=True)
    content = fields.List(fields.String(), required=True)
    topic = fields.String(required=True, allow_none=True)
    human_channel = fields.String(required=True)


class _ChangeSchema(_Strict):
    """Cells that another rule takes, with an example of them."""

    customer_type = fields.String(required=True)
    old = fields.Nested(_RuleSchema, required=True, allow_none=True)
    new = fields.Nested(_RuleSchema, required=True, allow_none=True)
    cells = fields.Integer(strict=True, required=True)
    example = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    customer = fields.Dict(required=True, allow_none=True)


class _PersonaSchema(_Strict):
    """A persona whose answer differs: the items before and after."""

    id = fields.String(required=True)
    old = fields.List(fields.Dict(keys=fields.String(), values=fields.String()), required=True)
    new = fields.List(fields.Dict(keys=fields.String(), values=fields.String()), required=True)


class _RuledSchema(_Strict):
    """What a worked example comes to."""

    rule = fields.String(required=True)
    channel = fields.String(required=True)
    content = fields.List(fields.String(), required=True)


class _ExampleSchema(_Strict):
    """A worked example that comes out otherwise."""

    id = fields.String(required=True)
    old = fields.Nested(_RuledSchema, required=True)
    new = fields.Nested(_RuledSchema, required=True)


class _ResultSchema(_Strict):
    """What a child leaves: `failure` alone with its reason, the spreadsheet, or as much of a check as there was time for."""

    failure = fields.String()
    said = fields.String()
    finding = fields.Nested(_FindingSchema, allow_none=True)
    base = fields.String()
    base_in_use = fields.Boolean()
    files = fields.List(fields.String())
    rules = fields.Raw()  # of a spreadsheet their number, of a check the number by customer type
    placed = fields.List(fields.String())
    guarantees = fields.Integer(strict=True)
    items = fields.Integer(strict=True)
    cells = fields.Integer(strict=True)
    errors = fields.Integer(strict=True)
    warnings = fields.Integer(strict=True)
    findings = fields.Nested(_FindingSchema, many=True)
    unweighed = fields.String()
    edits = fields.Nested(_EditSchema, many=True)
    same_bytes = fields.Boolean()
    draft = fields.String()
    changed_cells = fields.Integer(strict=True)
    all_cells = fields.Integer(strict=True)
    changes = fields.Nested(_ChangeSchema, many=True)
    impact = fields.Dict(
        keys=fields.String()
    )  # `models.authoring.impact_report.Impact`, whose fields are its schema
    personas = fields.Nested(_PersonaSchema, many=True)
    examples = fields.Nested(_ExampleSchema, many=True)
    tryable = fields.Boolean()


JOB: Final = _JobSchema()
RESULT: Final = _ResultSchema()


def write_job_file(path: Path, schema: Schema, content: Mapping[str, object]) -> None:
    """Write a file in one rename, so that nobody reads half of it. Raises `JobFileError`."""
    text = json.dumps(content, ensure_ascii=False, default=str)
    _check(schema, json.loads(text), path.name)
    aside = path.with_name(f".{path.name}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def read_job_file(path: Path, schema: Schema | None) -> dict[str, Any]:
    """What a file holds, checked where a schema is given. Raises `JobFileError`, `OSError`."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        raise JobFileError(f"{path.name} is no JSON") from error
    return content if schema is None else _check(schema, content, path.name)


def _check(schema: Schema, content: object, name: str) -> dict[str, Any]:
    try:
        checked: dict[str, Any] = schema.load(content)  # type: ignore[arg-type]  # whatever JSON holds; load refuses the rest
    except ValidationError as error:
        raise JobFileError(
            f"{name}: {', '.join(sorted(map(str, error.messages_dict)))} not as agreed"
        ) from None
    return checked
