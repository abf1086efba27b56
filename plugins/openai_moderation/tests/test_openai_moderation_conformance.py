"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import Capabilities, ModerationConformance, Wire


class TestOpenAIModeration(ModerationConformance):
    plugin = "llmgate_openai_moderation:plugin"
    distribution = "llmgate-openai-moderation"
    models = ("conformance", "omni-moderation-latest")
    capabilities = Capabilities(streaming=False)
    wire = Wire.openai_moderation()
