"""OpenAI embeddings for llmgate."""

from types import MappingProxyType

from llmgate_core.plugin import OPENAI_PARAMETERS, OpenAICompatible, provider_info


class OpenAIEmbeddings(OpenAICompatible):
    """Serves `openai/` in the family embedding; requests and answers are canonical."""

    info = provider_info("openai")
    params = MappingProxyType({"embedding": OPENAI_PARAMETERS["embedding"]})


plugin = OpenAIEmbeddings()

__all__ = ["plugin"]
