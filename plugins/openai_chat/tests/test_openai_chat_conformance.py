"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import Capabilities, ChatConformance, Wire


class TestOpenAIChat(ChatConformance):
    plugin = "llmgate_openai_chat:plugin"
    distribution = "llmgate-openai-chat"
    models = ("conformance", "gpt-4o-mini")
    capabilities = Capabilities(
        tools=True, parallel_tool_calls=True, structured_output=True, usage_in_stream=True, images=True, reasoning=True
    )
    wire = Wire.openai_chat()
