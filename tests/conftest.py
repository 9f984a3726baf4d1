"""Shared fixtures: the shipped content and the shipped bundle, built once per test run; the service in front of it."""

import copy
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

from drills.postgres import postgres
from drills.table import CannotRunError, in_ci
from models.authoring import analysis, loader
from models.contract.channels import HELSINKI
from models.decision import bundle
from service.app import create_app
from service.outcomes.retention import migrate
from service.outcomes.store import Store
from service.settings import Settings

# Tests share slow machines, so no example has a deadline.
# `make test` tries a few examples of each property, `make test-full` many.
hypothesis.settings.register_profile(
    "patient",
    hypothesis.settings.default,
    deadline=None,
    max_examples=200 if os.environ.get("ARKI_THOROUGH") else 30,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")
# `make coverage` measures the processes of the test run alone: what they start is tried as it ships, its imports too.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
ROOT = Path(__file__).parent.parent
KEY = "a key for tests"
NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)  # a Monday, noon in Helsinki


def pytest_collection_modifyitems(items):
    """Mark the tests of properties, which `make test-full` runs once more with many examples."""
    for item in items:
        if hasattr(getattr(item, "obj", None), "hypothesis"):
            item.add_marker(pytest.mark.examples)


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def authored():
    """What the content team wrote, as shipped, read and analysed."""
    found = loader.read_authored()
    analysis.analyse(found)
    return found


@pytest.fixture(scope="session")
def content():
    """The shipped content as read, without rules; copy it before rules are read into it."""
    return loader.read_content(loader.CONTENT)


@pytest.fixture
def checked(content, tmp_path):
    """A function that checks the sound rulebook with some texts of its files replaced."""

    def checked(*changes):
        folder = shutil.copytree(ROOT / "fixtures" / "rulebooks" / "sound", tmp_path / "rulebook")
        for file, replaced, by in changes:
            text = (folder / file).read_text(encoding="utf-8")
            assert text.count(replaced) == 1
            (folder / file).write_text(text.replace(replaced, by), encoding="utf-8")
        authored = copy.deepcopy(content)
        loader.read_rules(authored, folder)
        analysis.analyse(authored)
        return authored

    return checked


@pytest.fixture(scope="session")
def bundles(tmp_path_factory, authored):
    """A bundles folder with the shipped bundle built and current."""
    folder = tmp_path_factory.mktemp("bundles")
    bundle.activate(folder, bundle.build(folder, authored.parts()))
    return folder


@pytest.fixture(scope="session")
def store(bundles):
    return bundle.BundleStore(bundles)


@pytest.fixture(scope="session")
def recommender(store):
    return store.recommender()


@pytest.fixture
def at():
    """A Wednesday noon, inside opening hours."""
    return datetime(2026, 11, 18, 12, tzinfo=HELSINKI)


def migrated(url):
    """The URL, with tables behind it."""
    made = Store(url, migrated=False)
    migrate(made)
    made.close()
    return url


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    """A real PostgreSQL: ARKI_TEST_POSTGRES_URL, or one of our own on loopback; where there is none, CI fails."""
    given = os.environ.get("ARKI_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    try:
        with postgres() as server:
            yield server.url
    except CannotRunError as missing:
        (pytest.fail if in_ci() else pytest.skip)(str(missing))


@pytest.fixture(scope="session")
def settings(bundles, tmp_path_factory):
    outcomes = migrated(f"sqlite:///{tmp_path_factory.mktemp('outcomes')}/outcomes.db")
    return Settings(bundles=bundles, dev_key=KEY, secret="s" * 40, demo=True, outcomes_url=outcomes)


@pytest.fixture(scope="session")
def app(settings, store):
    """The service in process, at a fixed moment."""
    made = create_app(settings, store=store, clock=lambda: NOW)
    yield made
    made.extensions["arki"].outcomes.close()


@pytest.fixture
def client(app):
    """A client whose key has every scope."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    return client


@pytest.fixture
def stranger(app):
    """A client without a key."""
    return app.test_client()
