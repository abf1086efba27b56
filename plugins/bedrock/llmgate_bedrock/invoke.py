"""Claude over InvokeModel: `bedrock/invoke/`, for chat and for Anthropic's messages.

Pure. The body is that of the Messages API without model and stream, which are in the path; the answer is that of the
API; the events of a stream are in the messages of an AWS event stream.

Source: AWS, "Anthropic Claude Messages API" of the Bedrock user guide; service model `bedrock-runtime`, `InvokeModel`,
`InvokeModelWithResponseStream` and `CountTokens`; the Bedrock client of the SDK `anthropic` 2.14.0.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llmgate_anthropic.wire import AnthropicCompatible, ChatStream, stream_error, take_betas

from llmgate_bedrock.authorization import AWSAuthorized
from llmgate_bedrock.betas import betas_at_bedrock
from llmgate_bedrock.counting import counted_tokens
from llmgate_bedrock.failures import error_of_exception, mapped_error
from llmgate_bedrock.json_text import json_of
from llmgate_bedrock.model_ids import model_id_of
from llmgate_bedrock.provider import runtime_info
from llmgate_core.plugin import (
    Call,
    Converted,
    Credential,
    JsonObject,
    LedgerEntry,
    Route,
    SSEEvent,
    StreamParser,
    UpstreamRequest,
    UpstreamResponse,
    decode,
    encode,
    errors,
    hookimpl,
)

__all__ = ["plugin"]

VERSION = "bedrock-2023-05-31"
SOURCE = "AWS, Bedrock user guide"
COUNT = "count_tokens"
BETA_HEADER, BETA_FIELD = "anthropic-beta", "anthropic_beta"
IN_PATH = frozenset({"model", "stream"})
MAX_TOKENS_OF_COUNT = 1
"""InvokeModel requires a limit, also of a request whose tokens are only counted."""


class BedrockInvoke(AWSAuthorized, AnthropicCompatible):
    """Serves Claude in the families chat and messages."""

    info = replace(runtime_info(), operations=frozenset({"messages.count_tokens", "chat.count_tokens"}))

    def request(self, call: Call, route: Route, body: JsonObject, ledger: tuple[LedgerEntry, ...]) -> UpstreamRequest:
        """Return the request for a body of POST /messages."""
        model = model_id_of(route)
        sent, betas = take_betas(body)
        kept, missing = betas_at_bedrock(betas)
        further = tuple(LedgerEntry("betas", "dropped", f"Bedrock has no beta {name:.60}", SOURCE) for name in missing)
        sent = {name: value for name, value in sent.items() if name not in IN_PATH}
        named = {BETA_FIELD: _with_betas(sent.get(BETA_FIELD), kept)} if kept else {}
        sent = {"anthropic_version": VERSION, **sent, **named}
        if call.operation == COUNT:
            counted_body = json_of({"max_tokens": MAX_TOKENS_OF_COUNT, **sent}, "messages", route)
            content = base64.b64encode(counted_body).decode()
            counted: JsonObject = {"input": {"invokeModel": {"body": content}}}
            return UpstreamRequest("POST", f"/model/{model.segment}/count-tokens", counted, ledger=(*ledger, *further))
        operation = "invoke-with-response-stream" if call.stream else "invoke"
        return UpstreamRequest("POST", f"/model/{model.segment}/{operation}", sent, ledger=(*ledger, *further))

    @hookimpl
    def auth(
        self, request: UpstreamRequest, route: Route, credential: Credential | None, now: float
    ) -> UpstreamRequest | None:
        """Put betas that came as a header into the body, then authorize.

        Raises:
            AuthenticationError: there is neither a key nor access keys.
        """
        changed = _with_betas_in_body(request)
        authorized = super().auth(changed, route, credential, now)
        if authorized is not None or changed is request or route.api_key is None:
            return authorized
        return changed.with_headers({"authorization": f"Bearer {route.api_key.reveal()}"})

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Return the answer in the shape of the family that was called."""
        if call.operation != COUNT:
            return super().transform_response(call, route, response)
        return counted_tokens(response)

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser:
        """Return the reader of one stream."""
        return InvokeStream(ChatStream(call, route) if route.family == "chat" else None)

    def passes_answers(self, route: Route) -> bool:
        """Return False: the frames of a stream, and the answer of a count, are not those of the API."""
        return False

    @hookimpl
    def map_error(
        self, call: Call, route: Route, response: UpstreamResponse, error: errors.APIError
    ) -> errors.LLMGateError | None:
        """Return the error that the exception's name means."""
        return mapped_error(response, error)


class InvokeStream:
    """Takes the events of the Messages API out of their frames.

    Args:
        inner: makes chunks of chat; None: the events are what the caller wants.
    """

    framing = "aws-eventstream"

    def __init__(self, inner: ChatStream | None) -> None:
        self.done = False
        self.ledger: list[LedgerEntry] = [] if inner is None else inner.ledger
        self._inner = inner

    @property
    def usage(self) -> JsonObject | None:
        """The usage of a chat, once it has come."""
        return None if self._inner is None else self._inner.usage

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chunks, or the event itself.

        Raises:
            APIResponseValidationError: a frame has no event in it. APIError: the event is an error.
        """
        if event.event != "chunk":
            return ()
        data, said = _event_in(event.data)
        kind = said.get("type")
        if kind == "error":
            raise stream_error(data) or errors.APIStatusError(f"the stream reports an error: {data:.200}")
        self.done = kind == "message_stop"
        return [said] if self._inner is None else self._inner.feed(SSEEvent(data, str(kind)))

    def close(self) -> Sequence[JsonObject]:
        """Return nothing: `message_stop` is the last event."""
        return ()

    def error(self, event: SSEEvent) -> errors.APIError | None:
        """Return the error of an exception within the stream; None: core's own, by its name."""
        return error_of_exception(event.event, event.data)


def _event_in(frame: str) -> tuple[str, JsonObject]:
    """Return the event of a frame, as text and parsed."""
    try:
        data = base64.b64decode(decode(frame)["bytes"], validate=True).decode()
        said = decode(data)
    except (KeyError, TypeError, ValueError):
        said = data = None
    if data is None or not isinstance(said, dict):
        raise errors.APIResponseValidationError("a frame of the stream has no event in it")
    return data, said


def _with_betas_in_body(request: UpstreamRequest) -> UpstreamRequest:
    """Return the request with the header's betas in its body, where alone Bedrock reads them."""
    header = request.headers.get(BETA_HEADER)
    if header is None or not isinstance(request.body, bytes):
        return request
    headers = {name: value for name, value in request.headers.items() if name != BETA_HEADER}
    body, kept = decode(request.body), betas_at_bedrock(header.split(","))[0]
    if "anthropic_version" in body and kept:
        body[BETA_FIELD] = _with_betas(body.get(BETA_FIELD), kept)
    return replace(request, headers=headers, body=encode(body))


def _with_betas(given: Any, kept: list[str]) -> Any:
    """Return the betas of a body with further ones; what is not a list is left for Bedrock to refuse."""
    named = [] if given is None else given
    return [*named, *(name for name in kept if name not in named)] if isinstance(named, (list, tuple)) else given


plugin = BedrockInvoke()
