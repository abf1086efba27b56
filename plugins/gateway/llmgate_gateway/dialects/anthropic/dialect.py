"""Anthropic's Messages API as a dialect.

Source: Anthropic API reference; code.claude.com/docs/en/llm-gateway-protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from llmgate_core.serving import decode
from llmgate_gateway.calls.contract import Answer, GatewayCall
from llmgate_gateway.dialects.anthropic.decode import decode_call
from llmgate_gateway.dialects.anthropic.errors import error_event, error_reply
from llmgate_gateway.dialects.anthropic.limits import own_names
from llmgate_gateway.dialects.anthropic.models import MAX_LIMIT, model_page, model_reply
from llmgate_gateway.dialects.anthropic.routes import anthropic_routes, is_of_anthropic_client
from llmgate_gateway.http.responses import ErrorFacts, Reply
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["AnthropicDialect"]

ESTIMATED: Final = (b"x-llmgate-estimated", b"true")


class AnthropicDialect:
    """A `RecognizedDialect`. Core returns answers of the family `messages` in this format, whatever upstream gave them.

    Attributes:
        keep_alive: the event that Anthropic's API itself sends, which its clients count as life and skip.
    """

    name = "anthropic"
    keep_alive = b'event: ping\ndata: {"type":"ping"}\n\n'
    id_header = b"request-id"
    decode = staticmethod(decode_call)
    error_reply = staticmethod(error_reply)
    model_page = staticmethod(model_page)
    recognizes = staticmethod(is_of_anthropic_client)

    def routes(self) -> Iterable[HTTPRoute]:
        """Return the routes of messages, and those of the model list."""
        return anthropic_routes(self.name)

    def encode(self, call: GatewayCall, answer: Answer) -> Answer:
        """Return the answer; the number of tokens says in a header whether it is an estimate."""
        answer = replace(answer, headers=own_names(answer.headers))
        if call.operation == "count_tokens" and isinstance(answer.body, bytes) and b"is_estimate" in answer.body:
            count = decode(answer.body)
            if isinstance(count, dict) and count.get("is_estimate") is True:
                return replace(answer, headers=[*answer.headers, ESTIMATED])
        return answer

    def stream_tail(self, call: GatewayCall, error: ErrorFacts, *, after: int) -> bytes:
        """Return an error event, after which nothing comes."""
        return error_event(replace(error, request_id=call.record.request_id))

    def model_list(self, names: Sequence[str]) -> Reply:
        """Return the list of all models."""
        return model_page(names, b"limit=%d" % MAX_LIMIT)

    def model(self, name: str) -> Reply:
        """Return the description of one model."""
        return model_reply(name)
