"""Bad input: what is refused, with which status, pointer and sentence; and that nothing sent is echoed."""

from __future__ import annotations

import io
import itertools
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.worst import WORST_REFUSED, everything_known
from service.api.schemas import MOST_CUSTOMERS
from service.http.body import DRAINED, LARGEST_BATCH_BODY, LARGEST_BODY, MOST_PARTS

PATH = "/v1/recommendations"
BATCH = "/v1/recommendations/batch"
IDENTITY_CODE = "131052-308T"  # the Digital and Population Data Services Agency's own example


def person(**signals):
    return {"customer_type": "person", "signals": signals}


def problem(response, status):
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    found = response.json
    assert {"type", "title", "status", "detail"} <= set(found)
    assert found["status"] == status
    return found


def faults(response):
    return [(fault["pointer"], fault["code"]) for fault in problem(response, 422)["errors"]]


BAD_BODIES = {
    "no-customer-type": ({"signals": {}}, "/customer_type", "missing", "is required."),
    "no-signals": ({"customer_type": "person"}, "/signals", "missing", "is required."),
    "unknown-customer-type": (
        {"customer_type": "firm", "signals": {}},
        "/customer_type",
        "unknown_value",
        "must be one of person, employer.",
    ),
    "customer-type-no-string": (
        {"customer_type": ["person"], "signals": {}},
        "/customer_type",
        "wrong_type",
        "must be one of person, employer.",
    ),
    "null-customer-type": (
        {"customer_type": None, "signals": {}},
        "/customer_type",
        "wrong_type",
        "must be one of person, employer.",
    ),
    "null-signals": (
        {"customer_type": "person", "signals": None},
        "/signals",
        "wrong_type",
        "must be an object of signals.",
    ),
    "signals-a-list": (
        {"customer_type": "person", "signals": []},
        "/signals",
        "wrong_type",
        "must be an object of signals.",
    ),
    "unknown-field": (
        person() | {"limits": 3},
        "/limits",
        "unknown_field",
        "is not a field here. Allowed: customer_type, signals, language, limit, shown, channels, content_types, as_of, assignment_key.",
    ),
    "barred-field": (
        person() | {"age": 40},
        "/age",
        "barred_attribute",
        "is never used by Arki to choose a segment or content. Remove it.",
    ),
    "odd-field": (
        person() | {"a/b ~ ä": 1},
        "",
        "unknown_field",
        "has a field that is not known here. Allowed: customer_type, signals, language, limit, shown, channels, content_types, as_of, assignment_key.",
    ),
    "language": (
        person() | {"language": "de"},
        "/language",
        "unknown_value",
        "must be one of fi, sv, en, se. Did you mean en?",
    ),
    "language-in-capitals": (
        person() | {"language": "FI"},
        "/language",
        "unknown_value",
        "must be one of fi, sv, en, se. Did you mean fi?",
    ),
    "no-language": (
        person() | {"language": None},
        "/language",
        "wrong_type",
        "must be one of fi, sv, en, se.",
    ),
    "limit-zero": (person() | {"limit": 0}, "/limit", "out_of_range", "must be a whole number from 1 to 10."),
    "limit-eleven": (
        person() | {"limit": 11},
        "/limit",
        "out_of_range",
        "must be a whole number from 1 to 10.",
    ),
    "limit-true": (
        person() | {"limit": True},
        "/limit",
        "wrong_type",
        "must be a whole number from 1 to 10.",
    ),
    "limit-text": (person() | {"limit": "3"}, "/limit", "wrong_type", "must be a whole number from 1 to 10."),
    "limit-fraction": (
        person() | {"limit": 3.5},
        "/limit",
        "out_of_range",
        "must be a whole number from 1 to 10.",
    ),
    "limit-null": (
        person() | {"limit": None},
        "/limit",
        "wrong_type",
        "must be a whole number from 1 to 10.",
    ),
    "shown-text": (
        person() | {"shown": "a"},
        "/shown",
        "wrong_type",
        "must be a list of at most 50 content ids.",
    ),
    "shown-too-many": (
        person() | {"shown": ["a"] * 51},
        "/shown",
        "out_of_range",
        "must be a list of at most 50 content ids.",
    ),
    "shown-number": (
        person() | {"shown": ["a", 1]},
        "/shown/1",
        "wrong_type",
        "must be a list of at most 50 content ids.",
    ),
    "signal-text": (
        person(phone_contacts_90d="12"),
        "/signals/phone_contacts_90d",
        "wrong_type",
        "must be a whole number of contacts from 0 to 1000, or left out if unknown.",
    ),
    "signal-fraction": (
        person(phone_contacts_90d=12.7),
        "/signals/phone_contacts_90d",
        "out_of_range",
        "must be a whole number of contacts from 0 to 1000, or left out if unknown.",
    ),
    "signal-misspelt": (
        person(phone_contact_90d=1),
        "/signals/phone_contact_90d",
        "unknown_field",
        "is not a signal of a person. Did you mean phone_contacts_90d?",
    ),
    "signal-barred": (
        person(kotikunta="Helsinki"),
        "/signals/kotikunta",
        "barred_attribute",
        "is never used by Arki to choose a segment or content. Remove it.",
    ),
    "signals-contradict": (
        person(applications_12m=1, applications_online_12m=2),
        "/signals/applications_online_12m",
        "contradiction",
        "cannot be more than applications_12m.",
    ),
}


@pytest.mark.parametrize(("body", "pointer", "code", "message"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_breaks_the_contract_is_told_where_and_what_is_allowed(
    client, body, pointer, code, message
):
    errors = problem(client.post(PATH, json=body), 422)["errors"]
    assert errors == [{"pointer": pointer, "code": code, "message": message}]
    assert faults(client.post("/v1/explanations", json=body)) == [(pointer, code)]
    batched = client.post(BATCH, json={"customers": [person(), body]}).json["results"]
    assert [result["status"] for result in batched] == [200, 422]
    assert [(f["pointer"], f["code"]) for f in batched[1]["problem"]["errors"]] == [
        (f"/customers/1{pointer}", code)
    ]


MOMENTS = {
    "day": ("2026-06-01", True),
    "offset": ("2026-06-01T12:00:00+03:00", True),
    "utc": ("2026-06-01T12:00Z", True),
    "leap-day": ("2028-02-29", True),
    "first": ("2000-01-01", True),
    "last": ("2100-12-31T23:59:59-12:00", True),
    "no-offset": ("2026-06-01T12:00:00", False),
    "no-such-day": ("2026-02-29", False),
    "week-date": ("2026-W23-1", False),
    "compact": ("20260601", False),
    "other-digits": ("２０２６-06-01", False),
    "too-early": ("1999-12-31", False),
    "too-late": ("2101-01-01", False),
    "year-one": ("0001-01-01T00:00:00+14:00", False),
    "end-of-time": ("9999-12-31T23:59:59-23:59", False),
    "big-offset": ("2026-06-01T12:00:00+99:99", False),
    "space": ("2026-06-01 12:00:00+03:00", False),
    "number": (20260601, False),
    "empty": ("", False),
    "null": (None, False),
}


@pytest.mark.parametrize(("as_of", "allowed"), MOMENTS.values(), ids=MOMENTS)
def test_as_of_is_a_day_or_a_moment_with_its_offset(client, as_of, allowed):
    response = client.post(PATH, json=person() | {"as_of": as_of})
    if allowed:
        assert response.status_code == 200
    else:
        error = problem(response, 422)["errors"][0]
        assert error["pointer"] == "/as_of"
        assert error["message"] == (
            "must be a date such as 2026-06-01, or a date-time with an offset such as 2026-06-01T12:00:00+03:00, "
            "in the years 2000 to 2100."
        )


def test_a_bare_day_is_midnight_in_helsinki(client):
    day = client.post(PATH, json=person() | {"as_of": "2026-06-01"}).json
    midnight = client.post(PATH, json=person() | {"as_of": "2026-05-31T21:00:00Z"}).json
    assert day["human_channel"] == midnight["human_channel"]
    assert day["valid_until"] == midnight["valid_until"] == "2026-07-01"


def test_three_point_zero_is_a_whole_number(client):
    assert client.post(PATH, json=person(phone_contacts_90d=3.0) | {"limit": 3.0}).status_code == 200


def test_every_fault_is_found_not_only_the_first(client):
    body = {"customer_type": "person", "signals": {"minor": 1, "nope": 1}, "limit": 0, "language": 1}
    assert sorted(faults(client.post(PATH, json=body))) == [
        ("/language", "wrong_type"),
        ("/limit", "out_of_range"),
        ("/signals/minor", "wrong_type"),
        ("/signals/nope", "unknown_field"),
    ]


MALFORMED = {
    "empty": b"",
    "not-json": b"signals",
    "cut-off": b'{"customer_type": "person"',
    "trailing": b'{"customer_type": "person", "signals": {}} x',
    "nan": b'{"customer_type": "person", "signals": {"phone_contacts_90d": NaN}}',
    "infinity": b'{"customer_type": "person", "signals": {"phone_contacts_90d": -Infinity}}',
    "overflow": b'{"customer_type": "person", "signals": {"phone_contacts_90d": 1e999}}',
    "huge-integer": b'{"customer_type": "person", "signals": {"phone_contacts_90d": 9223372036854775808}}',
    "long-integer": b'{"customer_type": "person", "signals": {"phone_contacts_90d": ' + b"9" * 5000 + b"}}",
    "duplicate": b'{"customer_type": "person", "signals": {}, "signals": {"minor": true}}',
    "duplicate-inside": b'{"customer_type": "person", "signals": {"minor": true, "m\\u0069nor": false}}',
    "duplicate-beside-colons": b'{"customer_type": "person", "shown": [":"], "signals": {}, "signals": {}}',
    "deep": b"[" * 40 + b"]" * 40,
    "very-deep": b'{"a":' * 10_000,
    "surrogate": b'{"customer_type": "person", "signals": {}, "shown": ["\\ud800"]}',
    "nul": b'{"customer_type": "person", "signals": {}, "shown": ["\\u0000"]}',
    "bom": b'\xef\xbb\xbf{"customer_type": "person", "signals": {}}',
    "latin-1": '{"customer_type": "person", "signals": {"ä": 1}}'.encode("latin-1"),
    "utf-16": '{"customer_type": "person", "signals": {}}'.encode("utf-16"),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("path", [PATH, BATCH, "/v1/explanations"])
def test_what_parsers_would_disagree_about_is_no_json(client, path, body):
    problem(client.post(path, data=body, content_type="application/json"), 400)


def test_malformed_json_is_told_where_without_a_quote(client):
    response = client.post(PATH, data='{"customer_type": secret}', content_type="application/json")
    assert problem(response, 400)["detail"] == (
        "The body is not JSON in UTF-8: it cannot be read from line 1, column 19."
    )


WHY_MALFORMED = {
    "nan": "The body has NaN or Infinity, which are not JSON.",
    "infinity": "The body has NaN or Infinity, which are not JSON.",
    "overflow": "The body has a number beyond the range of a double.",
    "huge-integer": "The body has a whole number beyond 64 bits.",
    "long-integer": "The body has a whole number beyond 64 bits.",
    "duplicate": "The body names a key twice in one object.",
    "deep": "The body is nested deeper than 32 levels.",
    "very-deep": "The body is nested deeper than 32 levels.",
    "surrogate": "The body has half of a surrogate pair.",
    "nul": "The body has a NUL character.",
    "latin-1": "The body is not JSON in UTF-8: it cannot be read from line 1, column 42.",
    "bom": "The body is not JSON in UTF-8: it cannot be read from line 1, column 1.",
}


@pytest.mark.parametrize(("name", "detail"), WHY_MALFORMED.items(), ids=WHY_MALFORMED)
def test_malformed_json_is_told_why(client, name, detail):
    response = client.post(PATH, data=MALFORMED[name], content_type="application/json")
    assert problem(response, 400)["detail"] == detail


@pytest.mark.parametrize("body", [b"null", b"[]", b'"person"', b"3", b"true"])
@pytest.mark.parametrize("path", [PATH, BATCH])
def test_a_body_must_be_an_object(client, path, body):
    assert faults(client.post(path, data=body, content_type="application/json")) == [("", "wrong_type")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=["plain", "form", "none", "latin-1", "gzip"],
)
def test_another_media_type_is_415(client, headers):
    problem(client.post(PATH, data=json.dumps(person()), headers=headers), 415)


def test_json_with_its_charset_is_fine(client):
    response = client.post(PATH, data=json.dumps(person()), content_type="application/json; charset=UTF-8")
    assert response.status_code == 200


@pytest.mark.parametrize(("path", "largest"), [(PATH, LARGEST_BODY), (BATCH, LARGEST_BATCH_BODY)])
def test_a_body_may_be_as_large_as_said_and_no_larger(client, path, largest):
    def post(size):
        return client.post(path, data=b"{}".ljust(size), content_type="application/json")

    problem(post(largest), 422)
    assert problem(post(largest + 1), 413)["detail"] == f"The body may have at most {largest} bytes."


@pytest.mark.parametrize("declared", [True, False], ids=["content-length", "chunked"])
def test_a_refused_body_is_drained_so_that_the_answer_arrives(client, declared):
    stream = io.BytesIO(b" " * (DRAINED - 1))
    framing = (
        {"CONTENT_LENGTH": str(DRAINED - 1)}
        if declared
        else {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    )
    response = client.post(
        PATH, input_stream=stream, content_type="application/json", environ_overrides=framing
    )
    problem(response, 413)
    assert stream.tell() == DRAINED - 1


def test_a_body_without_a_key_is_drained_too(stranger):
    stream = io.BytesIO(b" " * 1_000_000)
    stranger.post(PATH, input_stream=stream, environ_overrides={"CONTENT_LENGTH": "1000000"})
    assert stream.tell() == 1_000_000


class BrokenStream(io.RawIOBase):
    def readinto(self, _):
        raise ConnectionError("chunk broken off: " + IDENTITY_CODE)

    def readable(self):
        return True

    def tell(self):
        return 0

    def seek(self, *_):
        return 0


def test_a_body_that_breaks_off_is_400(client):
    response = client.post(
        PATH,
        input_stream=BrokenStream(),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert problem(response, 400)["detail"] == "The body broke off or is not framed as HTTP asks."


IDENTITY_CODES = {
    "signal": (person(open_matter=IDENTITY_CODE), "/signals/open_matter"),
    "signal-name": (person(**{IDENTITY_CODE: 1}), "/signals"),
    "barred-signal": (person(hetu=IDENTITY_CODE), "/signals/hetu"),
    "life-event": (
        person(life_events=[{"event": IDENTITY_CODE, "months_ago": 1}]),
        "/signals/life_events/0/event",
    ),
    "shown": (person() | {"shown": ["a", f"x {IDENTITY_CODE.lower()} y"]}, "/shown/1"),
    "language": (person() | {"language": IDENTITY_CODE.replace("-", "Y")}, "/language"),
    "field": (person() | {IDENTITY_CODE: 1}, ""),
    "deep": (person() | {"extra": {"a": [{"b": IDENTITY_CODE}]}}, "/extra/a/0/b"),
}


@pytest.mark.parametrize("escaped", [False, True], ids=["plain", "escaped"])
@pytest.mark.parametrize(("body", "pointer"), IDENTITY_CODES.values(), ids=IDENTITY_CODES)
def test_an_identity_code_in_any_string_is_refused_and_pointed_at(client, body, pointer, escaped):
    text = json.dumps(body)
    if escaped:
        text = text.replace("1", "\\u0031").replace(": \\u0031", ": 1")
    response = client.post(PATH, data=text, content_type="application/json")
    assert (pointer, "identity_code") in faults(response)
    assert IDENTITY_CODE[:6] not in response.text
    batch = client.post(
        BATCH, data=f'{{"customers": [{text}, {json.dumps(person())}]}}', content_type="application/json"
    )
    assert [result["status"] for result in batch.json["results"]] == [422, 200]
    errors = batch.json["results"][0]["problem"]["errors"]
    assert {"pointer": f"/customers/0{pointer}", "code": "identity_code"}.items() <= errors[0].items()
    assert IDENTITY_CODE[:6] not in batch.text


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "escaped"])
@pytest.mark.parametrize(
    "code",
    [
        "131052\u2013308T",
        "131052308T",
        "131052.308t",
        "131052%2D308T",
        "131052 - 308T",
        "１３１０５２－３０８Ｔ",
    ],
)
def test_an_identity_code_written_otherwise_is_refused_as_well(client, plain, code):
    text = json.dumps(person() | {"shown": [code]}, ensure_ascii=not plain)
    response = client.post(PATH, data=text.encode(), content_type="application/json")
    assert faults(response) == [("/shown/0", "identity_code")]


def test_an_identity_code_beside_the_customers_refuses_the_batch(client):
    response = client.post(BATCH, json={"customers": [person()], "note": IDENTITY_CODE})
    assert ("/note", "identity_code") in faults(response)
    response = client.post(BATCH, json={"customers": IDENTITY_CODE})
    assert ("/customers", "identity_code") in faults(response)


def test_a_number_that_only_looks_like_an_identity_code_is_none(client):
    assert client.post(PATH, json=person() | {"shown": ["131052-308A"]}).status_code == 200


def test_a_wrong_value_is_never_echoed(client):
    body = person(open_matter="SECRET", phone_contacts_90d=424242) | {"language": "SECRET", "SECRET value": 1}
    response = client.post(PATH, json=body)
    problem(response, 422)
    assert "SECRET" not in response.text
    assert "424242" not in response.text


@pytest.mark.parametrize(
    ("customers", "code"),
    [([], "out_of_range"), ([{}] * 501, "out_of_range"), ({}, "wrong_type"), (None, "wrong_type")],
    ids=["none", "too-many", "object", "null"],
)
def test_a_batch_holds_one_to_five_hundred_customers(client, customers, code):
    response = client.post(BATCH, json={"customers": customers})
    assert faults(response) == [("/customers", code)]
    assert problem(response, 422)["errors"][0]["message"] == "must be a list of 1 to 500 customers."


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=0", [("limit", "out_of_range")]),
        ("limit=abc", [("limit", "out_of_range")]),
        ("limit=1&limit=2", [("limit", "repeated")]),
        ("status=gone", [("status", "unknown_value")]),
        ("nope=1", [("nope", "unknown_field")]),
        ("offset=-1&language=de", [("offset", "out_of_range"), ("language", "unknown_value")]),
        ("%00=1", [("", "unknown_field")]),
    ],
)
def test_a_wrong_query_is_told_which_parameter(client, query, errors):
    found = problem(client.get(f"/v1/content?{query}"), 422)["errors"]
    assert sorted((fault["parameter"], fault["code"]) for fault in found) == sorted(errors)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/segments/", 404),
        ("GET", "/v1/segments/rich", 404),
        ("GET", "/content/nowhere", 404),
        ("GET", "/static/nowhere", 404),
        ("GET", "/static/../settings.py", 404),
        ("GET", PATH, 405),
        ("POST", "/healthz", 405),
        ("OPTIONS", PATH, 405),
        ("DELETE", "/v1/content", 405),
    ],
)
def test_every_refusal_is_a_problem(client, method, path, status):
    response = client.open(path, method=method)
    found = problem(response, status)
    assert found["type"].startswith("urn:problem-type:arki:")
    if status == 405:
        assert response.headers["Allow"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "text/csv"])
def test_an_answer_nobody_accepts_is_406(client, accept):
    response = client.post(PATH, json=person(), headers={"Accept": accept})
    assert problem(response, 406)["detail"] == "This operation answers as application/json."


def unknown(number):
    """So many names that are near to a signal's and all different."""
    return {f"phone_contacts_{at:x}": 1 for at in range(number)}


@pytest.mark.parametrize(
    "body",
    [person(**unknown(25)), person() | unknown(25), person(**unknown(12)) | unknown(13)],
    ids=["signals", "fields", "both"],
)
def test_twenty_faults_of_a_customer_are_listed_and_the_others_are_one_entry(client, body):
    found = problem(client.post(PATH, json=body), 422)
    assert found["detail"] == (
        "Found 25 faults; the first 20 are listed, and errors says where and what is allowed."
    )
    assert len(found["errors"]) == 21
    assert found["errors"][20] == {
        "pointer": "",
        "code": "more_faults",
        "message": "has 5 more faults. Correct those listed first.",
    }


def test_twenty_faults_of_a_query_are_listed_and_the_others_are_one_entry(client):
    query = "&".join(f"unknown{number}=1" for number in range(21))
    found = problem(client.get(f"/v1/content?{query}"), 422)
    assert found["errors"][20] == {
        "parameter": "",
        "code": "more_faults",
        "message": "has 1 more fault. Correct those listed first.",
    }


def test_two_hundred_faults_of_a_batch_are_listed_and_every_customer_is_told_its_number(client):
    results = client.post(BATCH, json={"customers": [person(**unknown(60))] * 500}).json["results"]
    problems = [result["problem"] for result in results]
    listed = [fault for told in problems for fault in told["errors"] if fault["code"] != "more_faults"]
    assert (len(results), len(listed)) == (500, 200)
    assert sum("Did you mean" in fault["message"] for fault in listed) == 5
    assert {len(told["errors"]) for told in problems} == {21, 1}
    assert problems[9]["detail"] == (
        "Found 60 faults; the first 20 are listed, and errors says where and what is allowed."
    )
    assert problems[10]["detail"] == (
        "Found 60 faults; none is listed, since this answer already lists 200. Correct those first."
    )
    assert problems[10]["errors"] == [
        {
            "pointer": "/customers/10",
            "code": "more_faults",
            "message": "has 60 more faults. Correct those listed first.",
        }
    ]


def test_a_ref_that_is_personal_data_is_not_given_back_where_its_fault_is_not_listed(client):
    bad = person(**unknown(60))
    sent = [bad | {"ref": IDENTITY_CODE}, bad | {"ref": 7}, bad | {"ref": "r"}] * 20
    answer = client.post(BATCH, json={"customers": sent})
    assert [result.get("ref") for result in answer.json["results"]] == [None, None, "r"] * 20
    assert IDENTITY_CODE not in answer.text


def test_a_body_of_more_parts_than_any_batch_needs_is_refused(client):
    sentence = (
        f"The body may have at most {MOST_PARTS} fields and list entries. Send fewer customers at a time, and of each only "
        "the fields that GET /openapi.json lists."
    )
    for part in (b"[]", b"1", b"{}"):
        body = b'{"customers":[' + b",".join([part] * (MOST_PARTS + 1)) + b"]}"
        found = problem(client.post(BATCH, data=body, content_type="application/json"), 413)
        assert found["detail"] == sentence


def parts(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return len(inner) + sum(map(parts, inner))


def test_the_largest_batch_that_can_be_right_is_far_from_too_many_parts(client):
    largest = {
        "customers": [everything_known(ref="r", as_of="2026-06-01", assignment_key="k", language="sv")] * 500
    }
    assert MOST_CUSTOMERS == 500
    assert parts(largest) < 0.6 * MOST_PARTS


def calls(client, customers):
    """How many functions, of Python and of C, are called to answer a batch: a cost that no other tenant changes."""
    number = itertools.count()
    body = json.dumps({"customers": customers})
    sys.setprofile(lambda _, event, __: next(number) if event in {"call", "c_call"} else None)
    try:
        response = client.post(BATCH, data=body, content_type="application/json")
    finally:
        sys.setprofile(None)
    assert response.status_code in {200, 413}
    return next(number), response


@pytest.fixture(scope="module")
def worst_answered(app):
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer a key for tests"
    number, response = calls(client, [everything_known(ref="a")] * 100)
    assert {result["status"] for result in response.json["results"]} == {200}
    return number


@pytest.mark.parametrize("customer", WORST_REFUSED.values(), ids=WORST_REFUSED)
def test_no_refused_batch_costs_more_than_the_costliest_that_is_answered(client, worst_answered, customer):
    number, response = calls(client, [customer(at) for at in range(100)])
    assert {result["status"] for result in response.json["results"]} == {422}
    assert number < worst_answered


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just(IDENTITY_CODE),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "customer_type",
                    "signals",
                    "language",
                    "limit",
                    "shown",
                    "channels",
                    "content_types",
                    "as_of",
                    "customers",
                    "ref",
                    "life_events",
                    "minor",
                ]
            )
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
HALF_RIGHT = st.fixed_dictionaries(
    {"customer_type": st.sampled_from(["person", "employer"]) | JSON_VALUES, "signals": JSON_VALUES},
    optional=dict.fromkeys(
        ("language", "limit", "shown", "channels", "content_types", "as_of", "ref"), JSON_VALUES
    ),
)


@given(body=JSON_VALUES | HALF_RIGHT | st.fixed_dictionaries({"customers": st.lists(HALF_RIGHT, max_size=3)}))
def test_no_json_makes_the_service_fail(app, body):
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer a key for tests"
    for path in (PATH, BATCH, "/v1/explanations"):
        response = client.post(path, data=json.dumps(body), content_type="application/json")
        assert response.status_code in {200, 400, 422}, response.text


@given(
    body=st.binary(max_size=200),
    content_type=st.sampled_from(["application/json", "text/plain", "ä", ";;=", ""]),
)
def test_no_bytes_make_the_service_fail(app, body, content_type):
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer a key for tests"
    for path in (PATH, BATCH):
        response = client.post(path, data=body, content_type=content_type.encode().decode("latin-1"))
        assert response.status_code in {200, 400, 415, 422}, response.text
