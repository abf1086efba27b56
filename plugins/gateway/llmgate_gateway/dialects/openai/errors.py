"""The shape of an error in OpenAI's API. Pure.

Source: the OpenAI API reference, "Error codes".
"""

from __future__ import annotations

from llmgate_gateway.http.responses import ErrorFacts, Reply, json_reply

__all__ = ["error_reply"]


def error_reply(error: ErrorFacts) -> Reply:
    """Return the response for an error."""
    kind = error.kind or ("invalid_request_error" if error.status < 500 else "server_error")
    shown = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    return json_reply({"error": shown}, error.status, error.headers)
