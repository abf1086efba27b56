"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import Capabilities, ChatConformance, MessagesConformance, Wire
from tests.support.anthropic_wire import WIRE


class TestAnthropicChat(ChatConformance):
    plugin = "llmgate_anthropic:plugin"
    distribution = "llmgate-anthropic"
    models = ("conformance", "claude-sonnet-5-5")
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


class TestAnthropicMessages(MessagesConformance):
    plugin = "llmgate_anthropic:plugin"
    distribution = "llmgate-anthropic"
    models = ("conformance", "claude-sonnet-5-5")
    capabilities = Capabilities(usage_in_stream=True)
    wire = Wire.messages()
