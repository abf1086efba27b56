"""The weights, fetched once a machine, and the plugin, whose children end with the tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from llmgate_local import plugin
from llmgate_local.weights import chat_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmgate_local.provider import LocalModels


SPEECH = Path(__file__).resolve().parents[3] / "demo" / "speech.wav"


@pytest.fixture(scope="session")
def speech() -> bytes:
    """Return a recording: the quick brown fox ... the lazy dog. My favorite number is 42."""
    return SPEECH.read_bytes()


@pytest.fixture(scope="session")
def weights() -> Path:
    return chat_weights()


@pytest.fixture(scope="session")
def local(weights: Path) -> Iterator[LocalModels]:
    yield plugin
    plugin.stop()
