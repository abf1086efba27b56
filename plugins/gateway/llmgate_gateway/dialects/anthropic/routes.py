"""The routes of Anthropic's API, made from core's table of endpoints, and the requests that belong to them.

Source: Anthropic API reference; `llmgate_core.serving.ENDPOINTS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from llmgate_core.serving import ENDPOINTS
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["anthropic_routes", "is_of_anthropic_client"]

FAMILY: Final = "messages"
VERSION: Final = "/v1"
PREFIX: Final = "/anthropic"
"""Before the paths, for clients whose base URL names the API."""
PATHS: Final = (f"{VERSION}/messages", "/messages", f"{PREFIX}/")
"""Beginnings of the paths that only this API has."""
QUERY: Final = frozenset({"beta"})
"""What the SDK adds to the paths of its beta methods; the headers say which betas."""


def anthropic_routes(dialect: str) -> Iterator[HTTPRoute]:
    """Yield every route. Each is below `/v1`, and served without it and below `/anthropic/v1` too."""
    for operation, endpoint in ENDPOINTS[FAMILY].items():
        yield HTTPRoute(
            endpoint.method,
            VERSION + endpoint.path,
            FAMILY,
            operation,
            dialect=dialect,
            aliases=(endpoint.path, f"{PREFIX}{VERSION}{endpoint.path}"),
            query=QUERY,
            takes_model=True,
            has_body=True,
        )
    for path, operation in (("/models", "list"), ("/models/{model}", "retrieve")):
        yield HTTPRoute(
            "GET",
            VERSION + path,
            "models",
            operation,
            dialect=dialect,
            aliases=(path, f"{PREFIX}{VERSION}{path}"),
            last_holds_slashes=operation == "retrieve",
        )


def is_of_anthropic_client(headers: Mapping[bytes, bytes], path: str) -> bool:
    """Return whether a request is one of this API: by its version, its path, or the header of its key."""
    if b"anthropic-version" in headers or path.startswith(PATHS):
        return True
    return b"x-api-key" in headers and b"authorization" not in headers
