"""Fixtures of pytest for programs that call models, and for plugins.

Name this module in the `conftest.py` at the root of your tests:

    pytest_plugins = ["llmgate_core.testing.pytest_plugin"]
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import llmgate_core
from llmgate_core import Client, Settings, testing
from llmgate_core.testing import FakeUpstream

__all__ = ["fake_upstream", "llmgate_client", "llmgate_defaults"]

API_KEY = "sk-test"


@pytest.fixture
def fake_upstream() -> Iterator[FakeUpstream]:
    """Start a server on the loopback that answers from a script and records what it receives."""
    with testing.fake_upstream() as upstream:
        yield upstream


@pytest.fixture
def llmgate_client(fake_upstream: FakeUpstream) -> Iterator[Client]:
    """Open a client whose calls go to `fake_upstream`, with default settings and without retries."""
    with Client(api_base=fake_upstream.base_url, api_key=API_KEY, max_retries=0, settings=Settings()) as client:
        yield client


@pytest.fixture
def llmgate_defaults(fake_upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> FakeUpstream:
    """Point `llmgate_core.completion` and the other functions at `fake_upstream`, without retries; return it."""
    for name, value in (("api_base", fake_upstream.base_url), ("api_key", API_KEY), ("max_retries", 0)):
        monkeypatch.setattr(llmgate_core, name, value)
    return fake_upstream
