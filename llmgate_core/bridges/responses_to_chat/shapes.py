"""The errors of the bridge for malformed responses, and its name in the ledger. Pure."""

from __future__ import annotations

from llmgate_core.contract.call import Route
from llmgate_core.errors import APIResponseValidationError

__all__ = ["SHAPE_ERRORS", "SOURCE", "misshapen", "no_choice"]

SOURCE = "bridge: a Responses call over chat"
SHAPE_ERRORS = (AttributeError, KeyError, TypeError, ValueError)
"""The exceptions of reading a field of the wrong type in unchecked data."""


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
