"""Every test here starts without settings, without OpenAI's variables, and leaves no connection open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmgate_core.client.functions import default_client

VARIABLES = ("API_KEY", "BASE_URL", "API_BASE", "ORGANIZATION", "ORG_ID", "PROJECT_ID")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VARIABLES:
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)
    yield
    default_client().close()
