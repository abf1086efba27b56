"""The reference plugin passes every check."""

from __future__ import annotations

import pytest

from llmgate_core.testing import Capabilities, ChatConformance
from tests.kit.quill import plugin
from tests.kit.quill_wire import WIRE


@pytest.mark.slow
class TestQuill(ChatConformance):
    plugin = plugin
    capabilities = Capabilities(
        tools=True,
        parallel_tool_calls=True,
        structured_output=True,
        usage_in_stream=True,
        images=True,
        reasoning=True,
        signed_reasoning=True,
    )
    wire = WIRE
