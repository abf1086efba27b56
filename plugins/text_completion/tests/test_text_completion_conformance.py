"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import Capabilities, TextCompletionConformance, Wire


class TestTextCompletion(TextCompletionConformance):
    plugin = "llmgate_text_completion:plugin"
    distribution = "llmgate-text-completion"
    models = ("conformance", "gpt-3.5-turbo-instruct")
    capabilities = Capabilities(usage_in_stream=True)
    wire = Wire.openai_text_completion()
