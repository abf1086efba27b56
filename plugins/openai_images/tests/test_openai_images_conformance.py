"""The plugin keeps the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

from llmgate_core.testing import ImageConformance, Wire


class TestOpenAIImages(ImageConformance):
    plugin = "llmgate_openai_images:plugin"
    distribution = "llmgate-openai-images"
    models = ("conformance", "gpt-image-1")
    wire = Wire.openai_image()
