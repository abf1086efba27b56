"""Read an answer's text as the pydantic class that the caller asked for.

Pure. Validates, never repairs: text that does not fit is an error with the text as `partial`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from llmgate_core.errors import APIResponseValidationError

__all__ = ["parsed_output"]


def parsed_output(text: str | None, output_type: type[BaseModel] | None) -> Any:
    """Return `text` as `output_type`; None where one of them is missing.

    Raises:
        APIResponseValidationError: the text is not what that class describes.
    """
    if output_type is None or not text:
        return None
    try:
        return output_type.model_validate_json(text)
    except ValidationError as error:
        raise APIResponseValidationError(
            f"the answer is no {output_type.__name__}: {error.error_count()} errors, the first at "
            f"{error.errors(include_input=False)[0]['loc']}; was it cut short by max_tokens?",
            status_code=200,
            param="response_format",
            partial=text,
        ) from None
