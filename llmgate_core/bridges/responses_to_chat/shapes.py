"""The errors of the bridge for malformed data, and its name in the ledger.

Pure. Distinguishes the caller's mistakes, found before sending, from the upstream's.
"""

from __future__ import annotations

from llmgate_core.contract.call import Route
from llmgate_core.errors import APIResponseValidationError, BadRequestError

__all__ = ["SHAPE_ERRORS", "SOURCE", "malformed", "misshapen", "no_choice"]

SOURCE = "bridge: a Responses call over chat"
SHAPE_ERRORS = (AttributeError, KeyError, TypeError, ValueError)
"""The exceptions of reading a field of the wrong type in unchecked data."""


def malformed(param: str | None, message: str) -> BadRequestError:
    """Return the error for a malformed request."""
    start = f"{param}: " if param else ""
    return BadRequestError(f"{start}{message}", status_code=400, param=param, attempts=0)


def misshapen(route: Route, error: Exception) -> APIResponseValidationError:
    """Return the error for a response whose fields have the wrong types."""
    return _invalid_response(route, f"does not have the documented shape: {type(error).__name__}: {error}"[:500])


def no_choice(route: Route) -> APIResponseValidationError:
    """Return the error for a response without a choice."""
    return _invalid_response(route, "has no choice")


def _invalid_response(route: Route, message: str) -> APIResponseValidationError:
    return APIResponseValidationError(
        f"the upstream's response {message}", status_code=200, provider=route.provider, model=route.model
    )
