"""The hooks of an upstream that speaks OpenAI's wire, for plugins to inherit.

Pure. A subclass sets `info`; what it does not override is canonical as it stands.

    class Acme(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="acme", base_url="https://api.acme.example/v1",
                            env_key="ACME_API_KEY")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.form import FilePart
from llmgate_core.contract.hooks import hookimpl
from llmgate_core.contract.provider import ParamRule, ProviderInfo
from llmgate_core.contract.upstream import Converted, StreamParser, UpstreamRequest, UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.endpoints.message_extensions import without_extensions
from llmgate_core.errors import BadRequestError

__all__ = ["ENDPOINTS", "HTTPEndpoint", "OpenAICompatible", "endpoint_request", "path_segment"]


@dataclass(frozen=True, slots=True)
class HTTPEndpoint:
    """One operation on OpenAI's wire.

    Attributes:
        path: below the base URL; `{name}` stands for a field of the body, percent-encoded.
        query: fields of the body that go into the query; all others go into the body.
        names: what the path names.
        has_body: whether the rest of the body is sent.
    """

    method: str
    path: str
    query: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    has_body: bool = True


def _endpoint(method: str, path: str, *query: str) -> HTTPEndpoint:
    names = tuple(name for _, name, _, _ in Formatter().parse(path) if name)
    return HTTPEndpoint(method, path, query, names, method not in ("GET", "DELETE"))


def _endpoints(**paths: tuple[str, ...]) -> Mapping[str, HTTPEndpoint]:
    return MappingProxyType({name: _endpoint(*parts) for name, parts in paths.items()})


ENDPOINTS: Mapping[str, Mapping[str, HTTPEndpoint]] = MappingProxyType(
    {
        "chat": _endpoints(
            create=("POST", "/chat/completions"),
            retrieve=("GET", "/chat/completions/{completion_id}"),
            update=("POST", "/chat/completions/{completion_id}"),
            delete=("DELETE", "/chat/completions/{completion_id}"),
            list=("GET", "/chat/completions", "model", "metadata", "after", "limit", "order"),
            messages=("GET", "/chat/completions/{completion_id}/messages", "after", "limit", "order"),
        ),
        "responses": _endpoints(
            create=("POST", "/responses"),
            retrieve=(
                "GET",
                "/responses/{response_id}",
                "include",
                "stream",
                "starting_after",
                "include_obfuscation",
            ),
            cancel=("POST", "/responses/{response_id}/cancel"),
            delete=("DELETE", "/responses/{response_id}"),
            input_items=("GET", "/responses/{response_id}/input_items", "limit", "order", "after", "include"),
            input_tokens=("POST", "/responses/input_tokens"),
            compact=("POST", "/responses/compact"),
        ),
        "text_completion": _endpoints(create=("POST", "/completions")),
        "embedding": _endpoints(create=("POST", "/embeddings")),
        "transcription": _endpoints(create=("POST", "/audio/transcriptions")),
        "translation": _endpoints(create=("POST", "/audio/translations")),
        "speech": _endpoints(create=("POST", "/audio/speech")),
        "image": _endpoints(
            create=("POST", "/images/generations"),
            edit=("POST", "/images/edits"),
            variation=("POST", "/images/variations"),
        ),
        "video": _endpoints(
            create=("POST", "/videos"),
            retrieve=("GET", "/videos/{video_id}"),
            remix=("POST", "/videos/{video_id}/remix"),
            list=("GET", "/videos", "after", "limit", "order"),
            delete=("DELETE", "/videos/{video_id}"),
            content=("GET", "/videos/{video_id}/content", "variant"),
        ),
        "moderation": _endpoints(create=("POST", "/moderations")),
    }
)
"""Family -> operation -> where it goes. Source: OpenAPI 2.3.0."""


def endpoint_request(call: Call, route: Route) -> UpstreamRequest:
    """Return the request of an operation: path and query filled from the body, the rest sent as JSON or a form.

    A body with a file becomes a multipart form. A body that the path and query leave whole is `call.body`
    itself, which says: canonical as it stands.

    Raises:
        BadRequestError: the body lacks what the path names, or it cannot stand in a path.
    """
    endpoint = ENDPOINTS[route.family][call.operation]
    body, ledger = without_extensions(call) if route.family == "chat" else (call.body, ())
    if ledger:
        return UpstreamRequest(endpoint.method, endpoint.path, {"model": route.model, **body}, ledger=ledger)
    if FAMILIES[route.family].files and any(map(_holds_file, body.values())):
        return _form_request(endpoint, body, route)
    if not endpoint.names and not endpoint.query:
        return UpstreamRequest(endpoint.method, endpoint.path, body if endpoint.has_body else None)
    path = endpoint.path.format(**{name: path_segment(name, body.get(name)) for name in endpoint.names})
    query = [pair for name in endpoint.query if name in body for pair in _query_pairs(name, body[name])]
    apart = {*endpoint.names, *endpoint.query}
    rest = {name: value for name, value in body.items() if name not in apart}
    return UpstreamRequest(endpoint.method, path, rest if rest and endpoint.has_body else None, query=query)


def _form_request(endpoint: HTTPEndpoint, body: JsonObject, route: Route) -> UpstreamRequest:
    from llmgate_core.files.form_content import as_form

    return UpstreamRequest(endpoint.method, endpoint.path, as_form({"model": route.model or None, **body}))


def _holds_file(value: object) -> bool:
    return any(isinstance(item, FilePart) for item in (value if isinstance(value, list) else [value]))


def path_segment(name: str, value: object) -> str:
    """Return an id of the caller's as one percent-encoded part of a path.

    Raises:
        BadRequestError: no text, empty, or a step up the tree.
    """
    if isinstance(value, str) and value.strip() and value.isprintable() and value not in (".", ".."):
        return quote(value, safe="")
    raise BadRequestError(f"{name} must be an id, not {value!r:.80}", status_code=400, param=name, attempts=0)


def _query_pairs(name: str, value: Any) -> list[tuple[str, str]]:
    """Source: the form style of OpenAPI 2.3.0: lists as `name[]`, objects as `name[key]`."""
    if isinstance(value, Mapping):
        return [(f"{name}[{key}]", str(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"{name}[]", str(item)) for item in value]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


class OpenAICompatible:
    """Every family that the wire has, sent and received as it is.

    Attributes:
        rename: request parameters that this upstream calls something else.
        unsupported: request parameters that it does not take.
    """

    info: ProviderInfo
    rename: Mapping[str, str] = MappingProxyType({})
    unsupported: frozenset[str] = frozenset()

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body to the operation's path."""
        return endpoint_request(call, route)

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
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
