"""OpenAI's API as a dialect.

Source: the OpenAI API reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmgate_core.serving import FAMILIES, error_tail, errors
from llmgate_gateway.calls.contract import Answer, GatewayCall
from llmgate_gateway.dialects.openai.decode import decode_call
from llmgate_gateway.dialects.openai.errors import error_reply
from llmgate_gateway.dialects.openai.routes import openai_routes
from llmgate_gateway.http.responses import ErrorFacts, Reply, json_reply
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["OpenAIDialect"]


class OpenAIDialect:
    """A `Dialect`. Upstream answers pass through `encode` unchanged, since core returns them in this format."""

    name = "openai"
    decode = staticmethod(decode_call)
    error_reply = staticmethod(error_reply)

    def routes(self) -> Iterable[HTTPRoute]:
        """Return the routes of all families, and those of the model list."""
        return openai_routes(self.name)

    def encode(self, call: GatewayCall, answer: Answer) -> Answer:  # as the protocol has it
        """Return the answer unchanged."""
        return answer

    def stream_tail(self, call: GatewayCall, error: ErrorFacts, *, after: int) -> bytes:
        """Return an error event, and the end marker of the family."""
        failure = errors.APIError(
            error.message, status_code=error.status, code=error.code, type=error.kind, param=error.param
        )
        return error_tail(FAMILIES[call.family], failure, after=after)

    def model_list(self, names: Sequence[str]) -> Reply:
        """Return a list object."""
        return json_reply({"object": "list", "data": [_model(name) for name in names]})

    def model(self, name: str) -> Reply:
        """Return a model object."""
        return json_reply(_model(name))


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "llmgate"}
