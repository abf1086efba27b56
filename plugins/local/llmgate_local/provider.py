"""The hooks of `local/`: unchanged requests, sent by a transport that leads to a child process.

Most hooks are inherited, because the children have OpenAI's API. A plugin for any other
model that runs next to the program can be written the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from llmgate_core.plugin import (
    AsyncTransport,
    Call,
    ChatOverResponses,
    Converted,
    JsonObject,
    OpenAICompatible,
    ParamRule,
    ProviderInfo,
    Route,
    StreamParser,
    StreamRepair,
    Transport,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
)
from llmgate_local.child import ModelServer
from llmgate_local.commands import chat_command, embeddings_command, transcription_command
from llmgate_local.responses import complete, judge, with_format
from llmgate_local.transports import AsyncLocalTransport, LocalTransport

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LocalModels"]

FAMILIES = {
    "smollm2": ("chat", "text_completion", "responses"),
    "e5": ("embedding",),
    "whisper": ("transcription",),
}
"""Model -> the families that it serves. `local/smollm2` does not serve embeddings: the hidden states of a chat
model hardly tell sentences apart."""

TEXT_FORMATS = frozenset({"text", "srt", "vtt"})
BRIDGE = "local/responses"
"""Chat calls with this prefix are served by llama.cpp's `/v1/responses`."""


class LocalModels(OpenAICompatible):
    """`local/smollm2`, `local/e5` and `local/whisper`. One object per process: all clients share its children."""

    info = ProviderInfo(api=(1, 0), name="local", base_url="http://127.0.0.1/v1")  # the transport sets the port

    def __init__(self) -> None:
        self._servers = {
            "smollm2": ModelServer("smollm2", chat_command),
            "e5": ModelServer("e5", embeddings_command),
            "whisper": ModelServer("whisper", transcription_command),
        }

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body unchanged, if the model serves the family.

        Raises:
            NotFoundError: there is no such model, or it does not serve this family.
        """
        if self._serves(route):
            families = FAMILIES.get(route.model)
            if families is None:
                raise _not_found(route, f"there is no local/{route.model}; the models are {_names()}")
            if route.family not in families:
                raise _not_found(
                    route, f"local/{route.model} does not serve {route.family}; {_names(route.family)} does"
                )
        if route.prefix == BRIDGE and route.family == "chat":
            body, ledger = ChatOverResponses.request_body(call, route)
            return with_format(UpstreamRequest("POST", "/responses", body=body, ledger=ledger), route)
        request = super().transform_request(call, route)
        return with_format(request, route) if route.family == "responses" else request

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Convert a bridged chat, a response and a plain-text transcription; other responses are canonical."""
        if route.prefix == BRIDGE and route.family == "chat":
            return ChatOverResponses.chat_completion(call, route, response)
        if route.family == "transcription" and call.body.get("response_format") in TEXT_FORMATS:
            return {"text": response.content.decode("utf-8", "replace")}
        return complete(call, route, response) if route.family == "responses" else response

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge parameters without a counterpart in the bridge, and those that llama.cpp ignores; pass on the rest."""
        if route.prefix == BRIDGE:
            return ChatOverResponses.supports_param(route, param, value)
        return judge(param, value) if route.family == "responses" and self._serves(route) else None

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Fill in what llama.cpp omits from its Responses events."""
        if route.prefix == BRIDGE and route.family == "chat":
            return ChatOverResponses.ChatStream(call, route)
        return StreamRepair(call, route) if route.family == "responses" else None

    @hookimpl
    def list_models(self, route: Route) -> Sequence[str]:
        """Return the models of the route's family."""
        return [model for model, families in FAMILIES.items() if route.family in families]

    @hookimpl
    def transport(self, route: Route, inner: Transport | AsyncTransport) -> Transport | AsyncTransport | None:
        """Return a transport to the model's child, which starts with the first request."""
        server = self._servers.get(route.model)
        if server is None or not self._serves(route):
            return None
        is_async = hasattr(inner, "asend")
        if is_async:
            return AsyncLocalTransport(server, cast("AsyncTransport", inner))
        return LocalTransport(server, cast("Transport", inner))

    def stop(self) -> None:
        """Stop all children. The next call starts its child again."""
        for server in self._servers.values():
            server.stop()

    def _serves(self, route: Route) -> bool:
        """Return whether the route leads to our children; the caller's `api_base` means another server."""
        return route.base_url == self.info.base_url


def _names(family: str | None = None) -> str:
    return ", ".join(f"local/{model}" for model, families in FAMILIES.items() if family is None or family in families)


def _not_found(route: Route, message: str) -> errors.NotFoundError:
    return errors.NotFoundError(
        message, status_code=404, code="model_not_found", provider=route.provider, model=route.model, attempts=0
    )
