"""Hard rule 5 by behaviour: after an answer nothing that is left in the process tells of the customer.

Everything that the service can reach is walked: the app, the recommender, and what the modules of Arki hold.
"""

import gc
import sys
import types

import pytest
from conftest import KEY, NOW

from models.contract.signals import LifeEvent, Signals
from models.decision.bundle import BundleStore
from models.decision.recommendation import Explanation, Recommendation
from models.decision.scorecard import Prediction
from service.api.schemas import Ask
from service.app import create_app

PATH = "/v1/recommendations"
COUNTS = {
    "omakela_logins_90d": 37,
    "phone_contacts_90d": 41,
    "chat_contacts_90d": 43,
    "service_point_visits_90d": 29,
}
BENEFITS = ("conscripts_allowance", "interpreter_services", "maternity_grant")
SIGNALS = COUNTS | {
    "life_events": [{"event": "KE8", "months_ago": 17}],
    "active_benefits": [*BENEFITS],
    "preferred_channel": "chat",
}
OPAQUE = {"assignment_key": "canary-key", "shown": ["canary-shown"]}
BODY = {"customer_type": "person", "language": "sv", "signals": SIGNALS, **OPAQUE}
OF_A_CUSTOMER = (Signals, LifeEvent, Prediction, Recommendation, Explanation, Ask)


def reachable(*roots):
    """Every object that can be reached from some, but not by way of a module."""
    seen, waiting = {}, list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, types.ModuleType | types.FrameType):
            continue
        seen[id(one)] = one
        if isinstance(one, types.FunctionType):  # its globals are those of a module
            waiting += [one.__closure__, one.__defaults__, one.__kwdefaults__, vars(one)]
        else:
            waiting += gc.get_referents(one)
            waiting += one.keys() if isinstance(one, dict) else ()  # words that are keys are no referents
    return list(seen.values())


def tells_of_the_customer(one):
    """Whether an object is a customer's, or holds several of the customer's signals or what the customer is called."""
    if isinstance(one, OF_A_CUSTOMER):
        return True
    if isinstance(one, str | bytes):
        text = one if isinstance(one, str) else one.decode("latin-1")
        return (
            "canary-" in text
            or sum(name in text and str(value) in text for name, value in COUNTS.items()) > 1
        )
    if isinstance(one, dict):
        return sum(one.get(name) == value for name, value in COUNTS.items()) > 1
    if isinstance(one, list | tuple | set | frozenset):
        numbers = {each for each in one if type(each) is int}
        words = {each for each in one if isinstance(each, str)}
        return (len(numbers) < 50 and numbers.issuperset(COUNTS.values())) or (
            len(words) < 10 and words.issuperset(BENEFITS)
        )  # no list of all numbers or benefits
    return False


def left(app):
    """What tells of the customer and can be reached from the service."""
    gc.collect()
    modules = [
        vars(module)
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] in {"models", "service"}
    ]
    return [one for one in reachable(app, modules) if tells_of_the_customer(one)]


@pytest.fixture
def served(bundles, settings):
    """A service of its own, with its own bundle, so that nothing is left of what others asked."""
    app = create_app(settings, store=BundleStore(bundles), clock=lambda: NOW)
    yield app
    app.extensions["arki"].outcomes.close()


def ask(app):
    """Every way to ask about the customer; returns the answers."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    answers = [
        client.post(PATH, json=BODY),
        client.post(f"{PATH}/batch", json={"customers": [BODY | {"ref": "canary-ref"}] * 2}),
        client.post("/v1/explanations", json=BODY),
        client.post(PATH, json=BODY | {"signals": SIGNALS | {"personalisation": "objected"}}),
        client.post(PATH, json=BODY | {"signals": SIGNALS | {"omakela_logins_90d": "37"}}),
    ]
    return [answer.status_code for answer in answers]


def test_rule_5_what_tells_of_a_customer_is_found_where_it_is_kept(served):
    counts = tuple(COUNTS.values())
    kept = [dict(SIGNALS), str(SIGNALS), counts, BENEFITS, {"canary-key": 1}, Signals("person", {})]
    before = {id(one) for one in left(served)}
    served.extensions["arki"].store.bundle().recommender.cache.offered.value("last", lambda: kept)
    found = {str(one) for one in left(served) if id(one) not in before}
    assert found == {*map(str, [*kept[:4], kept[5]]), str([*BENEFITS]), "canary-key"}


def test_rule_5_after_an_answer_nothing_of_the_customer_is_left_in_the_service(served):
    before = {id(one) for one in left(served)}
    assert ask(served) == [200, 200, 200, 200, 422]
    assert [one for one in left(served) if id(one) not in before] == []
