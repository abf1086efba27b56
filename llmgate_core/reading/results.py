"""Make typed results of whole answers.

Pure: bytes in, results or errors out. Streams are read in `readers/`, error statuses in `upstream_errors.py`.

Source: OpenAI API reference, `ErrorResponse`; the statuses and codes that docs/guide/errors.md lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.reading.upstream_errors import error_of_object, is_document, try_decode, validation_error, why_invalid
from llmgate_core.types.record import CallRecord

__all__ = ["binary_result", "typed_result"]


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
        _raise_invalid(error, canonical, response, secrets)
    extra = result.model_extra
    if extra and extra.get("error"):
        raise error_of_object(extra["error"], response.status, response.headers, secrets)
    if is_new and (own_error := result.__dict__.get("error")):
        failure = error_of_object(_plain(own_error), response.status, response.headers, secrets)
        failure.partial = result.model_dump(exclude_unset=True)
        raise failure
    return result


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
        parsed = try_decode(response.content)
        if isinstance(parsed, Mapping) and parsed.get("error"):
            raise error_of_object(parsed["error"], response.status, response.headers, secrets)
        raise validation_error(response, "the answer is a document such as JSON or HTML, not bytes", secrets)
    if not response.content:
        raise validation_error(response, "the answer is empty", secrets)
    answer = BinaryResponse(response.content, kind or None)
    answer.attach(record)
    return answer


def _raise_invalid(error: Exception, canonical: object, response: UpstreamResponse, secrets: Sequence[Any]) -> NoReturn:
    parsed = canonical if isinstance(canonical, Mapping) else try_decode(response.content)
    if isinstance(parsed, Mapping) and parsed.get("error"):
        raise error_of_object(parsed["error"], response.status, response.headers, secrets) from None
    raise validation_error(response, why_invalid(error), secrets) from None
