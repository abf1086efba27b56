"""OpenAI images for llmgate: create, edit and vary."""

from llmgate_core.plugin import OpenAICompatible, provider_info
from llmgate_openai_images.values import FILES, INPUTS, PARAMS, REQUIRES


class OpenAIImages(OpenAICompatible):
    """Serves `openai/` in the family image: create, edit and variation."""

    info = provider_info("openai", operations=("image.edit", "image.variation"))
    params, inputs, requires, files = PARAMS, INPUTS, REQUIRES, FILES


plugin = OpenAIImages()

__all__ = ["plugin"]
