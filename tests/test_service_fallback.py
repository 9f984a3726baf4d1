"""A model that is too slow: the neutral answer in time, a rest after repeated misses, and never a failure."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from service import metrics
from service.app import create_app
from service.fallback import MISSES, REST_S, Budget, TooSlowError
from service.schemas import RecommendationSchema
from service.settings import Settings

PATH = "/v1/recommendations"
BODY = {"customer_type": "person", "signals": {"minor": False}}


def in_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def missed(budget, work):
    try:
        budget.call(work)
    except TooSlowError:
        return True
    return False


@pytest.mark.parametrize("where", [lambda work: work(), in_thread], ids=["main-thread", "other-thread"])
def test_a_call_that_blocks_is_given_up_in_time(where):
    budget = Budget(0.05)
    began = time.monotonic()
    assert where(lambda: missed(budget, lambda: time.sleep(1)))
    assert time.monotonic() - began < 0.8


@pytest.mark.parametrize("where", [lambda work: work(), in_thread], ids=["main-thread", "other-thread"])
def test_a_call_in_time_gives_its_result_and_its_own_errors(where):
    assert where(lambda: Budget(5).call(lambda: 42)) == 42

    def fails():
        raise TimeoutError("of its own")

    def asked():
        with pytest.raises(TimeoutError, match="of its own"):
            Budget(5).call(fails)
        return True

    assert where(asked)


def test_after_repeated_misses_the_model_rests_and_is_then_tried_again():
    now = [0.0]
    budget = Budget(0.01, clock=lambda: now[0])
    for _ in range(MISSES):
        assert missed(budget, lambda: time.sleep(0.2))
    assert missed(budget, lambda: pytest.fail("the model should rest"))
    now[0] = REST_S
    assert budget.call(lambda: "back") == "back"
    assert budget.call(lambda: "stays") == "stays"


class Slow:
    """A recommender whose model takes too long."""

    def __init__(self, real):
        self.versions, self.degraded = real.versions, real.degraded

    def recommend(self, customers, **_):
        time.sleep(2)


@pytest.fixture
def slow_client(bundles, recommender):
    fake = SimpleNamespace(bundle=lambda: SimpleNamespace(recommender=Slow(recommender)), problem=None)
    settings = Settings(bundles=bundles, dev_key="k", secret="s" * 40, model_budget_s=0.05)
    client = create_app(settings, store=fake).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer k"
    return client


def test_a_slow_model_gives_the_neutral_answer_marked_degraded_and_counted(slow_client):
    count = metrics.DEGRADED.labels("slow")._value
    before, began = count.get(), time.monotonic()
    answers = [slow_client.post(PATH, json=BODY) for _ in range(6)]
    assert time.monotonic() - began < 1.5
    for answer in answers:
        assert answer.status_code == 200
        assert answer.json["degraded"] is True
        assert answer.json["human_channel"]
        assert not RecommendationSchema().validate(answer.json)
    assert count.get() - before == 6


def test_a_slow_model_holds_a_batch_up_for_a_moment_only(slow_client):
    began = time.monotonic()
    answer = slow_client.post(f"{PATH}/batch", json={"customers": [BODY] * 50})
    assert time.monotonic() - began < 1.5
    assert [result["recommendation"]["degraded"] for result in answer.json["results"]] == [True] * 50
