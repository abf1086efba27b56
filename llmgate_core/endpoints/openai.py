"""The HTTP endpoints of the OpenAI API, as data: method, path, query and body of every operation; and requests to them.

Pure.

Source: OpenAI API reference, OpenAPI description 2.3.0.
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
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.endpoints.chat_messages import has_extensions, without_extensions
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.endpoints.sealed_reasoning import has_sealed_items, without_sealed_items
from llmgate_core.errors import bad_request

__all__ = ["CATALOGUE_NAMES", "ENDPOINTS", "HTTPEndpoint", "canonical_endpoint", "endpoint_request", "path_segment"]


@dataclass(frozen=True, slots=True)
class HTTPEndpoint:
    """One operation of the OpenAI API.

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
            count_tokens=("POST", "/chat/count_tokens"),  # ours: the OpenAI API has no such endpoint
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
        "messages": _endpoints(create=("POST", "/messages"), count_tokens=("POST", "/messages/count_tokens")),
        "rerank": _endpoints(create=("POST", "/rerank")),
    }
)
"""Family -> operation -> its endpoint."""

CATALOGUE_NAMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "transcription": {"create": "audio.transcriptions"},
        "translation": {"create": "audio.translations"},
        "speech": {"create": "audio.speech"},
        "image": {"create": "images.generations", "edit": "images.edits", "variation": "images.variations"},
    }
)
"""Family -> operation -> its name in the catalogue's `endpoints`, where a model's mode does not say what it serves."""


NO_FIELDS: Mapping[str, str] = MappingProxyType({})


def endpoint_request(
    call: Call, route: Route, unsupported_in_messages: Mapping[str, str] = NO_FIELDS
) -> UpstreamRequest:
    """Return the request of an operation: path and query filled from the body, the rest sent as JSON or a form.

    A body with a file becomes a multipart form. Where the path and query take nothing out of the body, it is
    `call.body` itself, which means: canonical already. `unsupported_in_messages` are fields of chat messages that are
    left out, and why.

    Raises:
        BadRequestError: the body lacks an id that the path names, or the id is not valid in a path.
    """
    endpoint = canonical_endpoint(call, route, unsupported_in_messages)
    if endpoint is not None:
        return UpstreamRequest(endpoint.method, endpoint.path, call.body)
    endpoint = ENDPOINTS[route.family][call.operation]
    body, ledger = _without_extensions(call, route, unsupported_in_messages)
    if ledger:
        return UpstreamRequest(endpoint.method, endpoint.path, {"model": route.model, **body}, ledger=ledger)
    if FAMILIES[route.family].files and any(map(_holds_file, body.values())):
        return _form_request(endpoint, body, route)
    path = endpoint.path.format(**{name: path_segment(name, body.get(name)) for name in endpoint.names})
    query = [pair for name in endpoint.query if name in body for pair in _query_pairs(name, body[name])]
    apart = {*endpoint.names, *endpoint.query}
    rest = {name: value for name, value in body.items() if name not in apart}
    return UpstreamRequest(endpoint.method, path, rest if rest and endpoint.has_body else None, query=query)


def canonical_endpoint(
    call: Call, route: Route, unsupported_in_messages: Mapping[str, str] = NO_FIELDS
) -> HTTPEndpoint | None:
    """Return the endpoint to which the body of a call is sent as it is; None: `endpoint_request` changes it."""
    endpoint = ENDPOINTS[route.family][call.operation]
    if endpoint.names or endpoint.query or not endpoint.has_body:
        return None
    if route.family == "chat":
        return None if has_extensions(call, unsupported_in_messages) else endpoint
    if route.family == "responses":
        return None if has_sealed_items(call) else endpoint
    has_file = bool(FAMILIES[route.family].files) and any(map(_holds_file, call.body.values()))
    return None if has_file else endpoint


def _without_extensions(
    call: Call, route: Route, unsupported_in_messages: Mapping[str, str]
) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body without our own extensions of messages and items, which no upstream takes."""
    if route.family == "chat":
        return without_extensions(call, unsupported_in_messages)
    return without_sealed_items(call) if route.family == "responses" else (call.body, ())


def _form_request(endpoint: HTTPEndpoint, body: JsonObject, route: Route) -> UpstreamRequest:
    from llmgate_core.files.form_content import as_form

    return UpstreamRequest(endpoint.method, endpoint.path, as_form({"model": route.model or None, **body}))


def _holds_file(value: object) -> bool:
    return any(isinstance(item, FilePart) for item in (value if isinstance(value, list) else [value]))


def path_segment(name: str, value: object) -> str:
    """Return an id from the caller as one percent-encoded segment of a path.

    Raises:
        BadRequestError: it is not a string, is empty, or is a step up the tree.
    """
    if isinstance(value, str) and value.strip() and value.isprintable() and value not in (".", ".."):
        return quote(value, safe="")
    raise bad_request(name, f"{name} must be an id, not {value!r:.80}")


def _query_pairs(name: str, value: Any) -> list[tuple[str, str]]:
    """Return lists as `name[]` and objects as `name[key]`, the form style of the OpenAI API reference."""
    if isinstance(value, Mapping):
        return [(f"{name}[{key}]", str(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"{name}[]", str(item)) for item in value]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]
