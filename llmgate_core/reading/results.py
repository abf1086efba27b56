"""Make typed results of whole answers.

Pure: bytes in, results or errors out. Streams are read in `readers/`, error statuses in `upstream_errors.py`.

Source: OpenAI API reference, `ErrorResponse`; the statuses and codes that docs/guide/errors.md lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.errors import APIError
from llmgate_core.reading.upstream_errors import (
    error_of_object,
    error_reported_by,
    is_document,
    lenient_decode,
    masked_document,
    validation_error,
    why_invalid,
)
from llmgate_core.types.loose import validated
from llmgate_core.types.record import CallRecord

__all__ = ["HALF_CHARACTERS", "binary_result", "typed_result"]

HALF_CHARACTERS = LedgerEntry(
    "answer", "replaced", "half a surrogate pair is not a character, so it was replaced by U+FFFD", "RFC 8259"
)


def typed_result(
    result_type: Any,
    canonical: JsonObject | UpstreamResponse,
    response: UpstreamResponse,
    secrets: Sequence[Any],
    *,
    is_new: bool = True,
) -> Any:
    """Validate a whole answer, straight from the bytes where the plugin left them as they are.

    `is_new`: the call made what it returns, so an error in it is the call's. A job that is only polled may hold the
    error that ended it.

    Raises:
        APIStatusError: an error object inside the 2xx. APIResponseValidationError: not the promised shape.
    """
    try:
        if isinstance(canonical, UpstreamResponse):
            result = result_type.model_validate_json(canonical.content)
        else:
            result = result_type.model_validate(canonical)
    except (ValidationError, RecursionError) as error:
        result = _loose_result(result_type, error, canonical, response, secrets)
    extra = result.__pydantic_extra__
    if extra and extra.get("error"):
        raise _reported(extra["error"], result, response, secrets)
    for choice in result.__dict__.get("choices") or ():
        if (extra := choice.__pydantic_extra__) and extra.get("error"):
            raise _reported(extra["error"], result, response, secrets)
    if is_new and (own_error := result.__dict__.get("error")):
        raise _reported(_plain(own_error), result, response, secrets)
    return result


def _reported(reported: object, result: Any, response: UpstreamResponse, secrets: Sequence[Any]) -> APIError:
    """Return the error that an answer reports, with the answer itself."""
    error = error_of_object(reported, response.status, response.headers, secrets)
    error.partial = masked_document(result.model_dump(exclude_unset=True), secrets)
    return error


def _plain(error: Any) -> Any:
    return error.model_dump(exclude_unset=True) if hasattr(error, "model_dump") else error


def binary_result(response: UpstreamResponse, record: CallRecord, secrets: Sequence[Any]) -> Any:
    """Return an answer of bytes.

    Raises:
        APIStatusError: a JSON error inside the 2xx. APIResponseValidationError: there is nothing in it.
    """
    from llmgate_core.types.binary import BinaryResponse  # loaded with the families that need it

    kind = response.headers.get("content-type", "")
    if is_document(kind):
        parsed = lenient_decode(response.content)
        if isinstance(parsed, Mapping) and parsed.get("error"):
            raise error_of_object(parsed["error"], response.status, response.headers, secrets)
        raise validation_error(response, "the answer is a document such as JSON or HTML, not bytes", secrets)
    if not response.content:
        raise validation_error(response, "the answer is empty", secrets)
    answer = BinaryResponse(response.content, kind or None)
    answer.attach(record)
    return answer


def _loose_result(
    result_type: Any, error: Exception, canonical: object, response: UpstreamResponse, secrets: Sequence[Any]
) -> Any:
    """Return a result in which some fields have other types than documented.

    Raises:
        APIStatusError: the answer is an error object. APIResponseValidationError: it cannot be read at all.
    """
    answer = canonical
    if isinstance(canonical, UpstreamResponse):
        answer = response.json() if response.repair() else None
    if isinstance(answer, Mapping):
        try:
            return validated(result_type, answer)
        except (ValidationError, RecursionError) as still:
            error = still
        if reported := error_reported_by(answer):
            raise error_of_object(reported, response.status, response.headers, secrets) from None
    invalid = validation_error(response, why_invalid(error), secrets)
    invalid.partial = masked_document(answer, secrets)
    raise invalid from None
