"""Parse a response's text as the pydantic class that the caller asked for.

Pure. Validates and never repairs: text that does not match raises an error with the text as `partial`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from llmgate_core.errors import APIResponseValidationError

__all__ = ["parsed_output"]


def parsed_output(text: str | None, output_type: type[BaseModel] | None) -> Any:
    """Return `text` as an instance of `output_type`; None if either is missing.

    Raises:
        APIResponseValidationError: the text does not match that class.
    """
    if output_type is None or not text:
        return None
    try:
        return output_type.model_validate_json(text)
    except ValidationError as error:
        raise APIResponseValidationError(
            f"the response does not match {output_type.__name__}: {error.error_count()} errors, the first at "
            f"{error.errors(include_input=False)[0]['loc']}; was it cut short by max_tokens?",
            status_code=200,
            param="response_format",
            partial=text,
        ) from None
