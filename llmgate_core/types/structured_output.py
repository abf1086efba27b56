"""Parse a response's text as the type that the caller asked for, and a tool call's arguments.

Pure. Validates and never repairs: text that does not match raises an error with the text as `partial`.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from llmgate_core.errors import APIResponseValidationError
from llmgate_core.json_codec import decode

__all__ = ["parsed_arguments", "parsed_output"]


def parsed_arguments(arguments: Any) -> Any:
    """Return the arguments of a tool call as Python values; what is not a string is returned as it is.

    Raises:
        APIResponseValidationError: the string is not JSON.
    """
    if not isinstance(arguments, str) or not arguments:
        return None if arguments == "" else arguments
    try:
        return decode(arguments)
    except ValueError as error:
        raise APIResponseValidationError(
            f"the arguments of the tool call are not JSON: {error}", status_code=200, partial=arguments
        ) from None


def parsed_output(text: str | None, output_type: Any, *, cut_by: str | None = None) -> Any:
    """Return `text` as a value of `output_type`; None if either is missing.

    `cut_by` names the limit that the text was cut short by, if it was.

    Raises:
        APIResponseValidationError: the text does not match that type.
    """
    if output_type is None or not text:
        return None
    from llmgate_core.types.output_schema import name_of, output_schema  # most answers are text

    try:
        return output_schema(output_type).parse(text)
    except ValidationError as error:
        count, first = error.error_count(), error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        said = f"{place}: {first['msg']}" if place else first["msg"]
        more = f" ({count} errors in all)" if count > 1 else ""
        cut = f"; the text was cut short by {cut_by}" if cut_by else ""
        raise APIResponseValidationError(
            f"the response does not match {name_of(output_type)}: {said}{more}{cut}",
            status_code=200,
            param="response_format",
            partial=text,
        ) from None
