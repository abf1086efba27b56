"""Count the tokens of a call without making an answer.

Pure.

Source: Gemini API reference, `models.countTokens`.
"""

from __future__ import annotations

from llmgate_core.plugin import Call, JsonObject, LedgerEntry, Route, UpstreamResponse, errors
from llmgate_gemini.wire.dialect import GEMINI_API, Dialect
from llmgate_gemini.wire.fields import count, table
from llmgate_gemini.wire.request import request_body

__all__ = ["count_answer", "count_request"]


def count_request(
    call: Call, route: Route, model: str, dialect: Dialect = GEMINI_API
) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body of `countTokens` for a chat call, and the ledger entries of its conversion.

    `model` is the model's resource name, such as `models/gemini-3.8-flash`.

    Raises:
        BadRequestError, UnsupportedParamsError: as `request_body`.
    """
    body, ledger = request_body(call, route, dialect)
    return {"generateContentRequest": {"model": model, **body}}, ledger


def count_answer(response: UpstreamResponse) -> int:
    """Return how many tokens the server has counted.

    Raises:
        APIResponseValidationError: it has counted nothing.
    """
    total = count(table(response.json()).get("totalTokens"))
    if total is None:
        raise errors.APIResponseValidationError("the answer has no totalTokens", status_code=response.status)
    return total
