"""An upstream request -> the request on the wire: URL, headers, key, bytes.

Pure. The last guard for paths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from llmgate_core.calls.route_headers import JSON, RouteHeaders
from llmgate_core.contract.call import API_VERSION, JsonObject, Route
from llmgate_core.contract.form import Multipart
from llmgate_core.contract.limits import Deadline, Limits
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.contract.transport import StreamedContent, TransportRequest
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.errors import BadRequestError, ConfigError
from llmgate_core.json_codec import decode, encode
from llmgate_core.settings.base_url import BaseURL, is_loopback, is_metadata_service, split_base_url
from llmgate_core.transports.http_syntax import host_header

__all__ = ["RequestBuilder", "origin_problem", "spliced"]

BARE_HEADERS = RouteHeaders(
    Route(provider="", prefix="", family="", model="", base_url=""), ProviderInfo(api=API_VERSION, name="")
)
"""Those that every request has, whatever it is for."""

MODEL = b'"model"'
ANY_MODEL = re.compile(rb'"(?:m|\\u006d)(?:o|\\u006f)(?:d|\\u0064)(?:e|\\u0065)(?:l|\\u006c)"', re.IGNORECASE)
"""The name `"model"` as JSON may also spell it, with escapes."""


class RequestBuilder:
    """The way out of one call: encodes bodies, and puts each request together for the wire.

    Args:
        route: where the call goes, and its key.
        headers: of every request that goes there.
        extra_headers: the caller's own.
        deadline: of the call.
        limits: of its answers.
        canonical_body: the call's body; a request with this very object gets the model.
    """

    __slots__ = ("_canonical_body", "_deadline", "_extra_headers", "_headers", "_limits", "_route")

    def __init__(
        self,
        route: Route,
        headers: RouteHeaders,
        *,
        extra_headers: Any,
        deadline: Deadline,
        limits: Limits,
        canonical_body: JsonObject | None = None,
    ) -> None:
        self._route = route
        self._headers = headers
        self._extra_headers = extra_headers
        self._deadline = deadline
        self._limits = limits
        self._canonical_body = canonical_body

    def for_route(self, route: Route, headers: RouteHeaders) -> RequestBuilder:
        """Return a builder of the same call for another route."""
        return RequestBuilder(
            route,
            headers,
            extra_headers=self._extra_headers,
            deadline=self._deadline,
            limits=self._limits,
            canonical_body=self._canonical_body,
        )

    def encoded(self, request: UpstreamRequest) -> UpstreamRequest:
        """Return `request` with its body as bytes, or as a form that is read while it is sent.

        Raises:
            BadRequestError: a parameter cannot be encoded as JSON; the message names it.
        """
        body = request.body
        if isinstance(body, dict):
            return request.with_body(self.encoded_body(body))
        if isinstance(body, Multipart):
            from llmgate_core.files.form_content import FormContent  # most calls upload nothing

            return request.with_body(FormContent(body))
        return request

    def forget_body(self) -> None:
        """Keep the call's body no longer: its request has been encoded, and there will be no other."""
        self._canonical_body = None

    def encoded_body(self, body: JsonObject) -> bytes:
        """Return a body as JSON; that of the call gets the model.

        Raises:
            BadRequestError: a parameter cannot be encoded as JSON; the message names it.
        """
        if body is self._canonical_body and self._route.model:
            body = {"model": self._route.model, **body}
        try:
            return encode(body)
        except ValueError as error:
            raise _unencodable(body, self._route, error) from None

    def final_request(self, request: UpstreamRequest) -> UpstreamRequest:
        """Return `request` as the hook `auth` sees it: with the URL and the headers that it is sent with.

        Raises:
            BadRequestError, ConfigError: as `transport_request`.
        """
        outgoing = self.transport_request(request)
        scheme, url = outgoing.origin.scheme, host_header(outgoing.origin) + outgoing.target
        headers = {name.lower(): value for name, value in outgoing.headers}
        return replace(request, headers=headers, url=f"{scheme}://{url}")

    def transport_request(
        self,
        request: UpstreamRequest,
        *,
        bearer: bool = False,
        new_connection: bool = False,
        headers: RouteHeaders | None = None,
        is_bare: bool = False,
    ) -> TransportRequest:
        """Join path and base URL, put the headers together, check both.

        Args:
            request: its body is encoded.
            bearer: send the key as a bearer token, unless the plugin set authorization itself.
            new_connection: do not send it on a connection that was kept.
            headers: those with a token in the place of the key; None: those of the route.
            is_bare: add nothing that belongs to the route or the caller, as for every request to another origin.

        Raises:
            BadRequestError: an illegal header name or value, or one that callers may not set.
            ConfigError: an illegal base URL or path, or an origin that the plugin does not declare.
        """
        is_elsewhere = False
        if request.origin is None:
            base, target = _place_of(self._route.base_url, request.path)
        else:
            base, target = _place_elsewhere(self._route, request)
            is_elsewhere = base.origin != split_base_url(self._route.base_url).origin
            is_bare = True
        if request.query or base.query:
            names = frozenset(dict(request.query))
            target = base.target(target[len(base.path) :], urlencode(request.query), names)
        content, content_type = _content_of(request)
        if is_bare:
            pairs = BARE_HEADERS.of(request.headers, None, content_type=content_type, bearer=False)
        else:
            of_route = headers or self._headers
            pairs = of_route.of(request.headers, self._extra_headers, content_type=content_type, bearer=bearer)
        return TransportRequest(
            request.method,
            base.origin,
            target,
            pairs,
            content,
            self._deadline,
            self._limits,
            new_connection,
            is_elsewhere,
        )


def _content_of(request: UpstreamRequest) -> tuple[bytes | StreamedContent, str | None]:
    """Return a request's encoded body and its content type."""
    body = request.body
    if isinstance(body, bytes):
        return body, JSON if body else None
    if body is None:
        return b"", None
    if isinstance(body, (dict, Multipart)):
        raise TypeError("the body of a request on the wire must be encoded")
    return body, body.content_type


def spliced(content: bytes, new: str, fields: Mapping[str, Any]) -> bytes | None:
    """Return a request's bytes with its model named `new`; None if that cannot be proved.

    `fields` are the parsed form of `content`. The proof is that the new bytes parse to the same but for the model.
    """
    old = fields.get("model")
    if not isinstance(old, str) or not new or not _has_one_model(content):
        return None
    if old == new:
        return content
    name = encode(old)
    at = content.find(name, content.index(MODEL) + len(MODEL))
    if at < 0:
        return None
    candidate = content[:at] + encode(new) + content[at + len(name) :]
    try:
        proof = decode(candidate)
    except ValueError:
        return None
    return candidate if proof == {**fields, "model": new} else None


def _has_one_model(content: bytes) -> bool:
    """Return whether a body names its model once: of two, upstreams differ in which one counts."""
    return content.count(MODEL) == 1 and (b"\\u00" not in content or len(ANY_MODEL.findall(content)) == 1)


@lru_cache(maxsize=256)
def _place_of(base_url: str, path: str) -> tuple[BaseURL, str]:
    """Return the parts of a base URL, and the quoted path of a request below it.

    Raises:
        ConfigError: an illegal base URL or path.
    """
    base = split_base_url(base_url)
    if not path.startswith("/") or path.startswith("//"):
        raise ConfigError(f"a plugin's path must begin with one '/', not {path[:80]!r}")
    return base, base.path + quote(path, safe="/:@!$&'()*+,;=~-._%")


def origin_problem(route: Route, origin: str | None) -> str | None:
    """Return what is wrong with the origin of a request, to be read after "hook NAME returned"; None: nothing.

    It must be exactly that of the base URL or one that the plugin declares, the latter with TLS unless it is this
    machine or its cloud's metadata service: nothing that belongs to a caller goes to any other host.
    """
    if origin is None:
        return None
    try:
        wanted = split_base_url(origin)
    except ConfigError:
        return f"a request to {origin[:80]!r}, which is not an origin such as 'https://login.acme.example'"
    if wanted.path or wanted.query:
        return f"a request to {origin[:80]!r}, which has more than scheme, host and port; the rest belongs in path"
    if wanted.origin == split_base_url(route.base_url).origin:
        return None
    if not any(wanted.origin == split_base_url(host).origin for host in route.hosts):
        declared = ", ".join(route.hosts) or "none"
        return f"a request to {origin[:80]!r}, which ProviderInfo.hosts does not declare; declared: {declared}"
    host = wanted.origin.host
    if wanted.origin.scheme != "https" and not (is_loopback(host) or is_metadata_service(host)):
        return f"a request to {origin[:80]!r}, which has no TLS; only this machine may be reached by http"
    return None


def _place_elsewhere(route: Route, request: UpstreamRequest) -> tuple[BaseURL, str]:
    """Return an origin that the plugin declares, and the quoted path of a request there.

    Raises:
        ConfigError: it does not declare it, or an illegal path.
    """
    origin = request.origin or ""
    problem = origin_problem(route, origin)
    if problem is not None:
        raise ConfigError(f"refused: {problem}")
    return _place_of(origin, request.path)


def _unencodable(body: Mapping[str, Any], route: Route, error: ValueError) -> BadRequestError:
    for name, value in body.items():
        try:
            encode(value)
        except ValueError as why:
            return route.bad_request(name, f"{name} cannot be sent as JSON: {why}")
    return route.bad_request("extra_body", f"the name of a parameter cannot be sent as JSON: {error}")
