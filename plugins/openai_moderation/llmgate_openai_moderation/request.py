"""A moderation call -> POST /moderations. Pure.

Source: OpenAPI 2.3.0, `CreateModerationRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import Call, Route, UpstreamRequest, endpoint_request, errors, hookimpl

FORMS = "a text, a list of texts, or a list of parts such as {'type': 'text', 'text': ...}"


@hookimpl
def transform_request(call: Call, route: Route) -> UpstreamRequest:
    """Send the body as it stands; core adds the model where the call names one.

    Raises:
        BadRequestError: input of none of the three forms, or nothing in it; or a stream.
    """
    if call.stream:
        raise _bad(route, "stream", "moderation answers whole; leave stream out")
    _check_input(call.body.get("input"), route)
    return endpoint_request(call, route)


def _check_input(given: Any, route: Route) -> None:
    if isinstance(given, str):
        return
    if not isinstance(given, (list, tuple)):
        raise _bad(route, "input", f"input must be {FORMS}, not {type(given).__name__}")
    if not given:
        raise _bad(route, "input", "input is empty; there is nothing to judge")
    for index, item in enumerate(given):
        if not isinstance(item, (str, Mapping)) or isinstance(item, str) is not isinstance(given[0], str):
            raise _bad(route, "input", f"input must be {FORMS}; input[{index}] is {type(item).__name__}")


def _bad(route: Route, param: str, message: str) -> errors.BadRequestError:
    return errors.BadRequestError(
        message, status_code=400, param=param, provider=route.provider, model=route.model or None, attempts=0
    )
