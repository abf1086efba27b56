"""OpenAI legacy text completions for llmgate, called as such or as a chat."""

from __future__ import annotations

from llmgate_core.plugin import (
    Call,
    JsonObject,
    Route,
    StreamParser,
    UpstreamRequest,
    UpstreamResponse,
    endpoint_request,
    hookimpl,
    provider_info,
)
from llmgate_text_completion import chat, params


class TextCompletion:
    """Serves `text-completion-openai/` in the families text_completion (canonical) and chat (converted)."""

    info = provider_info("openai")
    supports_param = staticmethod(params.supports_param)

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send a text completion unchanged, a chat call as one prompt."""
        if route.family != "chat":
            return endpoint_request(call, route)
        body = {name: value for name, value in call.body.items() if name != "messages"}
        prompt = chat.prompt_of(call.body["messages"], route)
        return UpstreamRequest("POST", "/completions", {"model": route.model, "prompt": prompt, **body})

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> JsonObject | UpstreamResponse:
        """Return the answer in the shape of the family that was called."""
        return response if route.family != "chat" else chat.chat_completion(response)

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return None for a text completion, whose chunks are canonical."""
        return chat.ChatStream() if route.family == "chat" else None


plugin = TextCompletion()

__all__ = ["plugin"]
