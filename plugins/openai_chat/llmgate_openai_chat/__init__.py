"""OpenAI chat completions for llmgate."""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import OpenAICompatible, ParamRule, Route, hookimpl, provider_info
from llmgate_openai_chat.params import PARAMS, supports_param

OPERATIONS = ("retrieve", "update", "delete", "list", "messages")


class OpenAIChat(OpenAICompatible):
    """Serves `openai/` in the family chat. Requests and answers are canonical; the parameters are the work."""

    info = provider_info("openai", operations=(f"chat.{name}" for name in OPERATIONS))
    params = PARAMS

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter of a chat call."""
        return supports_param(route, param, value)


plugin = OpenAIChat()

__all__ = ["plugin"]
