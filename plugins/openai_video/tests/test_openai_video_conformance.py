"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import Capabilities, VideoConformance, Wire


class TestOpenAIVideo(VideoConformance):
    plugin = "llmgate_openai_video:plugin"
    distribution = "llmgate-openai-video"
    models = ("conformance", "sora-2")
    capabilities = Capabilities(streaming=False)
    wire = Wire.openai_video()
