"""OpenAI Responses for llmgate, called as such or as a chat."""

from types import MappingProxyType

from llmgate_core.plugin import OPENAI_PARAMETERS, ResponsesCompatible, provider_info

OPERATIONS = ("retrieve", "cancel", "delete", "input_items", "input_tokens", "compact")


class OpenAIResponses(ResponsesCompatible):
    """Serves `openai/` and `openai/responses/` in the family responses, and chat at the latter: the bridge."""

    info = provider_info("openai", operations=("chat.count_tokens", *(f"responses.{name}" for name in OPERATIONS)))
    params = MappingProxyType({"responses": OPENAI_PARAMETERS["responses"]})


plugin = OpenAIResponses()

__all__ = ["plugin"]
