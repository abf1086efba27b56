"""The hooks of an upstream that has POST /messages, for plugins to inherit.

Pure. Messages calls go as they are, chats are converted. URL, key and the place of the model are Anthropic's here; a
plugin of a cloud overrides `request`, which is where they are decided.

    class Acme(AnthropicCompatible):
        info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")
"""

from __future__ import annotations

from typing import Any

from llmgate_anthropic.wire.betas import beta_header, take_betas
from llmgate_anthropic.wire.counting import count_body
from llmgate_anthropic.wire.errors import map_error
from llmgate_anthropic.wire.params import supports_param
from llmgate_anthropic.wire.paths import path_below
from llmgate_anthropic.wire.paused import continued
from llmgate_anthropic.wire.request import request_body
from llmgate_anthropic.wire.response import chat_completion
from llmgate_anthropic.wire.stream import ChatStream
from llmgate_core.plugin import (
    Call,
    Converted,
    Exchange,
    JsonObject,
    LedgerEntry,
    OpenAICompatible,
    ParamRule,
    Route,
    StreamParser,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
)

__all__ = ["AnthropicCompatible"]

COUNT = "count_tokens"


class AnthropicCompatible(OpenAICompatible):
    """The family messages unchanged, and the family chat converted to it.

    Attributes:
        lacks: traits of models that the platform lacks, such as `system_turns`; see `Traits`.
    """

    lacks: frozenset[str] = frozenset()

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send a Messages call unchanged, a chat converted.

        Raises:
            UnsupportedParamsError: something has no counterpart and the policy is `error`.
            BadRequestError: the chat is malformed.
        """
        if route.family != "chat":
            return self.request(call, route, call.body, ())
        convert = count_body if call.operation == COUNT else request_body
        body, ledger = convert(call, route, lacks=self.lacks)
        return self.request(call, route, body, ledger)

    def request(self, call: Call, route: Route, body: JsonObject, ledger: tuple[LedgerEntry, ...]) -> UpstreamRequest:
        """Return the request for a body of POST /messages; `body` is `call.body` where nothing was converted.

        A cloud's plugin overrides this: it has the model in the path, other headers, or the betas in the body.
        """
        sent, betas = take_betas(body)
        if sent is not call.body and "model" not in sent:
            sent = {"model": route.model, **sent}
        return UpstreamRequest("POST", self.path_of(call, route), sent, beta_header(betas), ledger=ledger)

    def path_of(self, call: Call, route: Route) -> str:
        """Return the path below the base URL, which may have the version of the API or not."""
        return path_below(route.base_url, call.operation)

    def canonical_endpoint(self, call: Call, route: Route) -> None:
        """Return None: `transform_request` decides the path."""
        return

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Return the answer in the shape of the family that was called."""
        if route.family != "chat" or call.operation == COUNT:
            return response
        return chat_completion(call, route, response, lacks=self.lacks)

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return None for the family messages, whose events are canonical."""
        return ChatStream(call, route, lacks=self.lacks) if route.family == "chat" else None

    def passes_answers(self, route: Route) -> bool:
        """Return whether the call is not read again to convert its answer."""
        return route.family != "chat" and self._has_hooks_of(AnthropicCompatible)

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter of a chat; a Messages call is the upstream's to judge."""
        return supports_param(route, param, value, lacks=self.lacks) if route.family == "chat" else None

    @hookimpl
    def map_error(
        self, call: Call, route: Route, response: UpstreamResponse, error: errors.APIError
    ) -> errors.LLMGateError | None:
        """Return the error with what only this API says."""
        return map_error(response, error)

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the steps of a chat that goes on where the model has paused; None: one request, one answer."""
        if route.family != "chat" or call.operation == COUNT or call.body.get("continue_paused") is not True:
            return None
        return continued(call, route, self.transform_request(call, route), lacks=self.lacks)
