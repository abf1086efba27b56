"""The hooks of an upstream that speaks OpenAI's wire, for plugins to inherit.

Pure. A subclass sets `info`; what it does not override is canonical as it stands.

    class Acme(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="acme", base_url="https://api.acme.example/v1",
                            env_key="ACME_API_KEY")
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.contracts import (
    Call,
    JsonObject,
    ParamRule,
    ProviderInfo,
    Route,
    StreamParser,
    UpstreamRequest,
    UpstreamResponse,
)
from llmgate_core.hookspecs import hookimpl

__all__ = ["PATHS", "OpenAICompatible"]

PATHS: Mapping[str, str] = MappingProxyType(
    {"chat": "/chat/completions", "text_completion": "/completions", "embedding": "/embeddings"}
)
"""Family -> path below the base URL. Source: OpenAPI 2.3.0."""


class OpenAICompatible:
    """Chat, text completion and embeddings, sent and received as they are.

    Attributes:
        rename: request parameters that this upstream calls something else.
        unsupported: request parameters that it does not take.
    """

    info: ProviderInfo
    rename: Mapping[str, str] = MappingProxyType({})
    unsupported: frozenset[str] = frozenset()

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body to the family's path."""
        return UpstreamRequest("POST", PATHS[route.family], body=call.body)

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> JsonObject | UpstreamResponse:
        """Canonical already."""
        return response

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Canonical already."""
        return None

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """By the two tables of the class."""
        if param in self.unsupported:
            return False
        if param in self.rename:
            return ParamRule(rename=self.rename[param], reason=f"{route.provider} calls it {self.rename[param]}")
        return None
