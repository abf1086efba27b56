"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import Capabilities, ResponsesConformance, Wire


class TestOpenAIResponses(ResponsesConformance):
    plugin = "llmgate_openai_responses:plugin"
    distribution = "llmgate-openai-responses"
    models = ("conformance", "gpt-4o-mini")
    capabilities = Capabilities(tools=True, usage_in_stream=True)
    wire = Wire.openai_responses()
