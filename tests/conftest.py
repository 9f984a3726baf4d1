"""Shared fixtures: the shipped content and the shipped bundle, built once per test run; the service in front of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from models import analysis, authoring, bundle
from models.channels import HELSINKI
from service.app import create_app
from service.settings import Settings

ROOT = Path(__file__).parent.parent
KEY = "a key for tests"
NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)  # a Monday, noon in Helsinki


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def authored():
    """What the content team wrote, as shipped, read and analysed."""
    found = authoring.read_authored()
    analysis.analyse(found)
    return found


@pytest.fixture(scope="session")
def content():
    """The shipped content as read, without rules; copy it before rules are read into it."""
    return authoring.read_content(authoring.CONTENT)


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


@pytest.fixture(scope="session")
def settings(bundles):
    return Settings(
        bundles=bundles, dev_key=KEY, secret="s" * 40, model_budget_s=30, demo=True
    )  # tests share slow machines


@pytest.fixture(scope="session")
def app(settings, store):
    """The service in process, at a fixed moment."""
    return create_app(settings, store=store, clock=lambda: NOW)


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
