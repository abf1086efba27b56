"""OpenAI chat completions for llmgate."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import OpenAICompatible, ParamRule, Route, hookimpl, provider_info
from llmgate_openai_chat.params import PARAMS, supports_param

OPERATIONS = ("retrieve", "update", "delete", "list", "messages")


NOT_IN_REQUESTS: Mapping[str, str] = MappingProxyType(
    {
        name: f"{name} is a field of other servers' answers; OpenAI's requests do not have it"
        for name in ("reasoning_content", "reasoning_details", "reasoning", "images")
    }
)


class OpenAIChat(OpenAICompatible):
    """Serves `openai/` in the family chat. Requests and answers are canonical; the parameters are the work."""

    info = provider_info("openai", operations=(f"chat.{name}" for name in OPERATIONS))
    params = PARAMS
    unsupported_in_messages = NOT_IN_REQUESTS

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter of a chat call."""
        return supports_param(route, param, value)


plugin = OpenAIChat()

__all__ = ["plugin"]
