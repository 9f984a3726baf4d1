"""The paths by which an answer reaches someone, each in the form of the wire, and how it is compared with the oracle's."""

import csv
import json

import pytest
from click.testing import CliRunner

from models.decision.query import Showable
from testing.shipped import read_signals
from training.scoring import command as score

FILE_DAY = "2026-11-21"
BATCH = 500
TELLING = 1e-9  # of a probability or a sum of log-odds, whose exponential each side takes in its own way


def without_the_rest(answer):
    """An answer of the wire without what names it and its bundle."""
    return {name: value for name, value in answer.items() if name not in {"recommendation_id", "versions"}}


def as_on_the_wire(found):
    """A `Recommendation` in the form of the wire, written here once more."""
    segment = found.segment
    return {
        "personalised": found.personalised,
        "degraded": found.degraded,
        "restricted": found.restricted,
        "information_only": True,
        "notice": found.notice,
        "as_of": found.as_of.isoformat(),
        "valid_until": found.valid_until.isoformat(),
        "items": [
            {
                **item._asdict(),
                "opens_at": item.opens_at and item.opens_at.isoformat(),
                "content": shown(item.content),
                "reason": item.reason._asdict(),
            }
            for item in found.items
        ],
        "statutory": [
            {"content_type": each.content_type, "content": shown(each.content)} for each in found.statutory
        ],
        "human_channel": {
            **found.human_channel._asdict(),
            "opens_at": found.human_channel.opens_at and found.human_channel.opens_at.isoformat(),
        },
        "segment": segment
        and {
            **segment._asdict(),
            "reasons": [{**each._asdict(), "signals": list(each.signals)} for each in segment.reasons],
        },
        "experiment": found.experiment
        and {"id": found.experiment.experiment, "variant": found.experiment.variant},
    }


def shown(content):
    return {name: value for name, value in content._asdict().items() if value is not None}


def agree(asked, found, expected):
    """Every field equal; probabilities and log-odds but for how an exponential is taken."""
    named, reasoned = found["segment"], expected["segment"]
    assert found | {"segment": None} == expected | {"segment": None}, asked
    assert (named is None) == (reasoned is None), asked
    if named:
        near = {"probability": pytest.approx(reasoned["probability"], abs=TELLING)}
        reasons = [
            each | {"log_odds": pytest.approx(each["log_odds"], abs=TELLING)} for each in reasoned["reasons"]
        ]
        assert named == reasoned | near | {"reasons": reasons}, asked


def by_recommender(recommender, asked):
    [found] = recommender.recommend(
        [read_signals(asked.customer_type, asked.signals)],
        at=asked.at,
        language=asked.language,
        limit=asked.limit,
        shown=asked.shown,
        draw=None if asked.bucket is None else lambda _: asked.bucket,
        showable=showable(asked),
    )
    return as_on_the_wire(found)


def when_degraded(recommender, asked):
    signals = read_signals(asked.customer_type, asked.signals)
    return as_on_the_wire(
        recommender.degraded(
            signals, at=asked.at, language=asked.language, limit=asked.limit, showable=showable(asked)
        )
    )


def showable(asked):
    """What whoever asks can show, as the recommender takes it."""
    return Showable(
        *(None if codes is None else tuple(sorted(codes)) for codes in (asked.channels, asked.content_types))
    )


def by_batch(client, some):
    """What the batch endpoint answers to any number of questions."""
    parts = (some[start : start + BATCH] for start in range(0, len(some), BATCH))
    return [answer for part in parts for answer in one_batch(client, part)]


def one_batch(client, some):
    """What the batch endpoint answers to up to 500 questions."""
    customers = [
        {
            "customer_type": asked.customer_type,
            "signals": asked.signals,
            "language": asked.language,
            "limit": asked.limit,
            "shown": list(asked.shown),
            "as_of": asked.at.isoformat(),
            **{
                name: list(codes)
                for name, codes in (("channels", asked.channels), ("content_types", asked.content_types))
                if codes is not None
            },
        }
        for asked in some
    ]
    results = client.post("/v1/recommendations/batch", json={"customers": customers}).get_json()["results"]
    assert [result["status"] for result in results] == [200] * len(some)
    return [result["recommendation"] for result in results]


def by_file(folder, some, limit):
    """The rows that arki-score writes of customers in JSON Lines, with texts and segments."""
    source, target = folder / "in.jsonl", folder / f"out-{limit}.csv"
    with source.open("w", encoding="utf-8") as file:
        for number, asked in enumerate(some):
            row = {
                "customer_ref": str(number),
                "customer_type": asked.customer_type,
                "language": asked.language,
            }
            file.write(json.dumps(row | asked.signals) + "\n")
    options = ["--as-of", FILE_DAY, "--limit", str(limit), "--with-texts", "--with-segment"]
    result = CliRunner().invoke(
        score.main, [str(source), str(target), *options, "--purpose", "comparing with the oracle"]
    )
    assert result.exit_code == 0, result.output
    with target.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def agree_as_row(row, asked, answer):
    """Every column of a row of answers; a cell that is empty says there is none."""
    segment = answer["segment"] or {}
    expected = {
        "customer_type": asked.customer_type,
        "language": asked.language,
        "personalised": str(answer["personalised"]).lower(),
        "statutory": ";".join(each["content"]["id"] for each in answer["statutory"]),
        "human_channel": answer["human_channel"]["id"],
        "valid_until": answer["valid_until"],
        "segment": segment.get("id", ""),
    }
    for rank in range(1, asked.limit + 1):
        item = answer["items"][rank - 1] if rank <= len(answer["items"]) else None
        expected |= {
            f"item_{rank}_channel": item["channel"] if item else "",
            f"item_{rank}_content_type": item["content_type"] if item else "",
            f"item_{rank}_content_id": item["content"]["id"] if item else "",
            f"item_{rank}_content_language": item["content"]["language"] if item else "",
            f"item_{rank}_rule": item["reason"]["rule"] if item else "",
            f"item_{rank}_reason": item["reason"]["text"] if item else "",
        }
    assert {name: row[name] for name in expected} == expected, asked
    probability = segment.get("probability")
    written = row["segment_probability"]
    assert (float(written) if written else None) == pytest.approx(probability, abs=TELLING), asked
