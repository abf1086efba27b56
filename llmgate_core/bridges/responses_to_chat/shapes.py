"""What the bridge raises for data that is not of the shape its wire promises, and the name it notes things under.

Pure. Tells the caller's mistakes, found before sending, from the upstream's.
"""

from __future__ import annotations

from llmgate_core.contract.call import Route
from llmgate_core.errors import APIResponseValidationError, BadRequestError

__all__ = ["SHAPE_ERRORS", "SOURCE", "malformed", "misshapen", "no_choice"]

SOURCE = "bridge: a Responses call over chat"
SHAPE_ERRORS = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a field of the wrong kind raises, deep inside data that nobody has checked."""


def malformed(param: str | None, message: str) -> BadRequestError:
    """Return the error for a request that is not what the endpoint describes."""
    start = f"{param}: " if param else ""
    return BadRequestError(f"{start}{message}", status_code=400, param=param, attempts=0)


def misshapen(route: Route, error: Exception) -> APIResponseValidationError:
    """Return the error for an answer whose fields are not of the kinds that the wire promises."""
    return _of_answer(route, f"is not shaped as its wire promises: {type(error).__name__}: {error}"[:500])


def no_choice(route: Route) -> APIResponseValidationError:
    """Return the error for an answer that says nothing at all."""
    return _of_answer(route, "has no choice")


def _of_answer(route: Route, message: str) -> APIResponseValidationError:
    return APIResponseValidationError(
        f"the upstream's answer {message}", status_code=200, provider=route.provider, model=route.model
    )
