"""The routes of OpenAI's API, made from core's table of endpoints; none is written twice.

Source: `llmgate_core.serving.ENDPOINTS`.
"""

from __future__ import annotations

from collections.abc import Iterator

from llmgate_core.serving import ENDPOINTS, FAMILIES
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["openai_routes"]

VERSION = "/v1"
AZURE = "/openai/deployments/{deployment}"
"""The paths of Azure OpenAI, whose deployment is our model."""
OF_OTHER_DIALECTS = frozenset({"messages"})
"""Families of another API, whose dialect has their routes."""


def openai_routes(dialect: str) -> Iterator[HTTPRoute]:
    """Yield every route. Each is below `/v1`, and served without it too."""
    for family, operations in ENDPOINTS.items():
        if family in OF_OTHER_DIALECTS:
            continue
        described = FAMILIES[family]
        for operation, endpoint in operations.items():
            if described.operations[operation].is_count:
                continue
            takes_model = described.operations[operation].takes_model
            yield HTTPRoute(
                endpoint.method,
                VERSION + endpoint.path,
                family,
                operation,
                dialect=dialect,
                aliases=(endpoint.path,),
                query=frozenset(endpoint.query),
                takes_model=takes_model,
                takes_files=takes_model and bool(described.files),
                has_body=endpoint.method not in ("GET", "DELETE"),
            )
            if takes_model and endpoint.method == "POST" and "{" not in endpoint.path:
                yield HTTPRoute(
                    endpoint.method,
                    AZURE + endpoint.path,
                    family,
                    operation,
                    dialect=dialect,
                    query=frozenset(endpoint.query),
                    takes_model=True,
                    takes_files=bool(described.files),
                    has_body=True,
                    names_model=True,
                )
    yield HTTPRoute("GET", f"{VERSION}/models", "models", "list", dialect=dialect, aliases=("/models",))
    yield HTTPRoute(
        "GET",
        f"{VERSION}/models/{{model}}",
        "models",
        "retrieve",
        dialect=dialect,
        aliases=("/models/{model}",),
        last_holds_slashes=True,  # clients ask for `openai/gpt-4o`
    )
