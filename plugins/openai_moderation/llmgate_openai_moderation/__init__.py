"""OpenAI moderation for llmgate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import Call, OpenAICompatible, Route, UpstreamRequest, hookimpl, provider_info

FORMS = "a string, a list of strings, or a list of parts such as {'type': 'text', 'text': ...}"


class OpenAIModeration(OpenAICompatible):
    """Serves `openai/` in the family moderation; a verdict is canonical, and categories keep the API's names."""

    info = provider_info("openai")

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body unchanged; core adds the model if the call names one.

        Raises:
            BadRequestError: the input is empty, or is not in a form that POST /moderations takes.
        """
        _check_input(call.body.get("input"), route)
        return super().transform_request(call, route)


def _check_input(items: Any, route: Route) -> None:
    if isinstance(items, str):
        return
    if not isinstance(items, (list, tuple)):
        raise route.bad_request("input", f"input must be {FORMS}, not {type(items).__name__}")
    if not items:
        raise route.bad_request("input", "input is empty: there is nothing to judge")
    for index, item in enumerate(items):
        if not isinstance(item, (str, Mapping)) or isinstance(item, str) is not isinstance(items[0], str):
            raise route.bad_request("input", f"input must be {FORMS}; input[{index}] is {type(item).__name__}")


plugin = OpenAIModeration()

__all__ = ["plugin"]
