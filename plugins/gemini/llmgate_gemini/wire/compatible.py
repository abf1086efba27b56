"""The hooks of a server that speaks generateContent, for plugins to inherit.

Pure. A subclass sets `info` and `dialect`, and where its URLs differ `path_of` and `resource_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llmgate_core.plugin import (
    Call,
    Converted,
    Exchange,
    JsonObject,
    LedgerEntry,
    ParamRule,
    Progress,
    ProviderInfo,
    Route,
    StreamAnswer,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
    path_segment,
)
from llmgate_gemini.wire.counting import count_answer, count_request
from llmgate_gemini.wire.dialect import GEMINI_API, Dialect
from llmgate_gemini.wire.embedding import embedding_answer, embedding_inputs, embedding_request, joined_answers
from llmgate_gemini.wire.errors import is_rejected_signature, map_error
from llmgate_gemini.wire.params import supports_param
from llmgate_gemini.wire.request import request_body
from llmgate_gemini.wire.response import chat_completion
from llmgate_gemini.wire.signatures import has_signatures, with_dummies
from llmgate_gemini.wire.stream import ChatStream

__all__ = ["GeminiCompatible"]

COUNT = "count_tokens"
KINDS = ("models", "tunedModels", "dynamic")
"""The collections that a model string may name: `tunedModels/my-model`."""
SIGNS_OF_SIGNATURES = ("tool_calls", "reasoning_items", "images")
REJECTED = "the server refused a thought signature of another server or model: sent again with the documented dummy"


class GeminiCompatible:
    """Chat and embeddings over generateContent.

    Attributes:
        dialect: what is special about this server.
    """

    info: ProviderInfo
    dialect: Dialect = GEMINI_API

    def resource_of(self, route: Route) -> str:
        """Return the resource name of the model, as bodies name it: `models/NAME`."""
        kind, slash, name = route.model.partition("/")
        return route.model if slash and kind in KINDS and name else f"models/{route.model}"

    def path_of(self, route: Route, method: str) -> str:
        """Return the path of a method of the model, such as `generateContent`; every other `/` or `:` is encoded.

        Raises:
            BadRequestError: the name cannot be part of a path.
        """
        kind, _, name = self.resource_of(route).partition("/")
        return f"/{kind}/{path_segment('model', name)}:{method}"

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge a parameter by the tables of the wire, then by the model's row."""
        return supports_param(route, param, value, self.dialect)

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Return the request of a chat, of its number of tokens, or of embeddings.

        Raises:
            BadRequestError: the call is malformed. UnsupportedParamsError: something has no counterpart.
        """
        if call.family == "embedding":
            return self._embedding_request(call, route, self._batches(call, route)[0])
        if call.operation == COUNT:
            return self._count_request(call, route)
        body, ledger = self.chat_body(call, route)
        if call.stream:
            return UpstreamRequest(
                "POST", self.path_of(route, "streamGenerateContent"), body, query={"alt": "sse"}, ledger=ledger
            )
        return UpstreamRequest("POST", self.path_of(route, "generateContent"), body, ledger=ledger)

    def chat_body(self, call: Call, route: Route) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
        """Return the body of a chat, and ledger entries; a subclass may add to it."""
        return request_body(call, route, self.dialect)

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> JsonObject | Converted:
        """Return the canonical answer.

        Raises:
            APIResponseValidationError: it cannot be read. BadGatewayError: the model has made no answer.
        """
        if call.family == "embedding":
            return embedding_answer(response)
        if call.operation == COUNT:
            return {"input_tokens": count_answer(response)}
        return chat_completion(call, route, response, self.dialect)

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> ChatStream:
        """Return the parser of a stream."""
        return ChatStream(call, route, self.dialect)

    @hookimpl
    def map_error(
        self, call: Call, route: Route, response: UpstreamResponse, error: errors.APIError
    ) -> errors.APIError:
        """Return core's error with what Google's details say."""
        return map_error(response, error)

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the requests of a call that may need several; None: one request, one answer.

        More inputs than one request takes are sent in batches. A chat whose signatures the server refuses is sent again
        once, with the documented dummy in their place.
        """
        if call.family == "embedding":
            batches = self._batches(call, route)
            return self._send_batches(call, route, batches) if len(batches) > 1 else None
        if call.operation == COUNT or not _may_have_signatures(call):
            return None
        request = self.transform_request(call, route)
        return self._send_signed(call, route, request) if has_signatures(_body(request)) else None

    def _count_request(self, call: Call, route: Route) -> UpstreamRequest:
        body, ledger = count_request(call, route, self.resource_of(route), self.dialect)
        return UpstreamRequest("POST", self.path_of(route, "countTokens"), body, ledger=ledger)

    def _send_signed(self, call: Call, route: Route, request: UpstreamRequest) -> Exchange:
        request = replace(request, retry=True)  # as of a plain call: asking again makes no second job
        if call.stream:
            return StreamAnswer(
                request, lambda error: self._unsigned(request) if is_rejected_signature(error) else None
            )
        try:
            response = yield request
        except errors.BadRequestError as error:
            if not is_rejected_signature(error):
                raise
            response = yield self._unsigned(request)
        if response is None:
            raise errors.APIResponseValidationError("there is no answer")
        return chat_completion(call, route, response, self.dialect).body

    def _unsigned(self, request: UpstreamRequest) -> UpstreamRequest:
        entry = LedgerEntry("messages", "emulated", REJECTED, self.dialect.source)
        return replace(request, body=with_dummies(_body(request)), ledger=(*request.ledger, entry))

    def _batches(self, call: Call, route: Route) -> list[list[str]]:
        inputs, size = embedding_inputs(call, route), self.dialect.max_embedding_inputs
        return [inputs[start : start + size] for start in range(0, len(inputs), size)]

    def _embedding_request(self, call: Call, route: Route, inputs: Sequence[str]) -> UpstreamRequest:
        body, ledger = embedding_request(call, route, inputs, self.resource_of(route), self.dialect)
        return UpstreamRequest("POST", self.path_of(route, "batchEmbedContents"), body, ledger=ledger)

    def _send_batches(self, call: Call, route: Route, batches: list[list[str]]) -> Exchange:
        answers: list[JsonObject] = []
        for batch in batches:
            response = yield replace(self._embedding_request(call, route, batch), retry=True)
            if response is not None:
                answers.append(embedding_answer(response))
                yield Progress(joined_answers(answers))
        return joined_answers(answers)


def _may_have_signatures(call: Call) -> bool:
    messages = call.body.get("messages")
    return isinstance(messages, list) and any(
        isinstance(message, dict) and not message.keys().isdisjoint(SIGNS_OF_SIGNATURES) for message in messages
    )


def _body(request: UpstreamRequest) -> JsonObject:
    return request.body if isinstance(request.body, dict) else {}
