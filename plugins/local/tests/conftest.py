"""The weights, fetched once a machine, and the plugin, whose children end with the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from llmgate_local import plugin
from llmgate_local.weights import chat_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmgate_local.provider import LocalModels


@pytest.fixture(scope="session")
def weights() -> Path:
    return chat_weights()


@pytest.fixture(scope="session")
def local(weights: Path) -> Iterator[LocalModels]:
    yield plugin
    plugin.stop()
