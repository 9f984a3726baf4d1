"""A model that is too slow: the neutral answer in time, a rest after repeated misses, and never a failure."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from models.contract.signals import read_signals
from service.api.explanations import ExplanationSchema
from service.api.fallback import MISSES, REST_S, Budget, TooSlowError
from service.api.schemas import RecommendationSchema
from service.app import create_app
from service.observability import metrics
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


def test_a_call_that_blocks_is_given_up_before_it_ends():
    budget, leave, ended = Budget(0.05), threading.Event(), []

    def blocks():
        leave.wait(60)
        ended.append(True)

    assert missed(budget, blocks)
    assert not ended
    leave.set()


def test_in_threads_calls_are_given_up_in_time_once_one_has_taken_too_long():
    budget, leave, began, first = Budget(0.05), threading.Event(), threading.Event(), []

    def blocks():
        began.set()
        leave.wait(60)

    slow = threading.Thread(target=lambda: first.append(missed(budget, blocks)))
    slow.start()
    assert began.wait(60)
    time.sleep(0.06)
    assert in_thread(lambda: missed(budget, blocks))  # while the first still hangs
    assert not first
    leave.set()
    slow.join()
    assert first == [True]
    assert in_thread(lambda: budget.call(lambda: "fast again")) == "fast again"
    assert budget._misses == 0


def test_in_threads_a_call_that_ends_late_counts_as_too_slow():
    assert in_thread(lambda: missed(Budget(0.02), lambda: time.sleep(0.05)))


def test_an_alarm_swallowed_by_a_finaliser_still_counts_as_too_slow():
    def swallows():
        with suppress(TooSlowError):
            time.sleep(60)
        return "late"

    assert missed(Budget(0.05), swallows)


def test_nothing_outside_the_call_is_ever_interrupted():
    budget = Budget(0.002)
    for _ in range(200):  # ends about when its time does
        missed(budget, lambda: time.sleep(0.002))
        budget._misses = 0
    time.sleep(0.05)


def test_a_call_is_given_up_though_the_timer_was_set_for_an_earlier_or_a_longer_one():
    assert Budget(60).call(lambda: "in time") == "in time"  # leaves a timer that fires in a minute
    assert missed(Budget(0.05), lambda: time.sleep(60))
    budget = Budget(0.4)
    assert budget.call(lambda: "in time") == "in time"  # leaves one that fires while the next is made
    began = time.monotonic()
    assert missed(budget, lambda: time.sleep(60))
    assert time.monotonic() - began >= 0.4


def test_a_process_that_ends_is_not_ended_by_the_timer():
    code = (
        "import signal, time\n"
        "from service.api.fallback import Budget\n"
        "class Slow:\n"
        "    def __del__(self, sleep=time.sleep): sleep(0.6)\n"
        "signal.kept = Slow()\n"  # lives until the handlers of signals are gone
        "Budget(0.3).call(int)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_forked_child_has_a_timer_of_its_own():
    code = (
        "from service.api.fallback import Budget, TooSlowError; import os, time\n"
        "Budget(5).call(int)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try: Budget(0.1).call(lambda: time.sleep(60))\n"
        "    except TooSlowError: os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert ran.stdout.strip() == "7"


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
    budget = Budget(0.5, clock=lambda: now[0])
    for _ in range(MISSES):
        assert missed(budget, lambda: time.sleep(60))
    assert missed(budget, lambda: pytest.fail("the model should rest"))
    now[0] = REST_S
    assert budget.call(lambda: "back") == "back"
    assert budget.call(lambda: "stays") == "stays"


class Slow:
    """A recommender whose model takes too long."""

    def __init__(self, real):
        self.versions, self.degraded, self.real, self.ended = real.versions, real.degraded, real, 0

    def recommend(self, customers, **_):
        time.sleep(60)
        self.ended += 1

    def explain(self, signals, *, degraded=False, **asked):
        if degraded:
            return self.real.explain(signals, degraded=True, **asked)
        return self.recommend([signals])


@pytest.fixture
def slow_client(bundles, recommender):
    fake = SimpleNamespace(bundle=lambda: SimpleNamespace(recommender=Slow(recommender)), problem=None)
    settings = Settings(bundles=bundles, dev_key="k", secret="s" * 40, model_budget_s=0.05)
    client = create_app(settings, store=fake).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer k"
    return client


def test_a_slow_model_gives_the_neutral_answer_marked_degraded_and_counted(slow_client):
    count = metrics.DEGRADED.labels("slow")._value
    before = count.get()
    answers = [slow_client.post(PATH, json=BODY) for _ in range(6)]
    for answer in answers:
        assert answer.status_code == 200
        assert answer.json["degraded"] is True
        assert answer.json["human_channel"]
        assert not RecommendationSchema().validate(answer.json)
    assert count.get() - before == 6


def test_a_slow_model_holds_a_batch_up_for_a_moment_only(slow_client):
    answer = slow_client.post(f"{PATH}/batch", json={"customers": [BODY] * 50})
    assert [result["recommendation"]["degraded"] for result in answer.json["results"]] == [True] * 50


@pytest.mark.parametrize("failure", ["slow", "failed"])
def test_an_explanation_too_is_of_the_neutral_answer_where_the_model_fails(bundles, recommender, failure):
    broken = Slow(recommender)
    if failure == "failed":
        broken.recommend = lambda customers, **_: 1 / 0
    fake = SimpleNamespace(bundle=lambda: SimpleNamespace(recommender=broken), problem=None)
    settings = Settings(bundles=bundles, dev_key="k", secret="s" * 40, model_budget_s=0.2)
    client = create_app(settings, store=fake).test_client()
    before = metrics.DEGRADED.labels(failure)._value.get()
    body = {"customer_type": "person", "signals": {"minor": False, "easy_language": True}}
    answer = client.post("/v1/explanations", json=body, headers={"Authorization": "Bearer k"})
    assert answer.status_code == 200
    assert answer.json["recommendation"]["degraded"] is True
    assert not ExplanationSchema().validate(answer.json)
    recommended = recommender.degraded(
        read_signals("person", body["signals"]), at=datetime.now(UTC), language="fi"
    )
    assert [item["content"]["id"] for item in answer.json["recommendation"]["items"]] == [
        item.content.id for item in recommended.items
    ]
    assert metrics.DEGRADED.labels(failure)._value.get() - before == 1
