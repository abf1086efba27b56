"""An upstream request -> the request on the wire: URL, headers, key, bytes.

Pure. This is the one place where a key leaves its type, and the last guard for header names,
header values and paths.

Source: RFC 9110 for header syntax; docs/guide/errors.md for which headers a caller may set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from llmgate_core.contract.call import JsonObject, Route
from llmgate_core.contract.form import Multipart
from llmgate_core.contract.limits import Deadline, Limits
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.contract.transport import StreamedContent, TransportRequest
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.errors import BadRequestError, ConfigError, bad_request
from llmgate_core.json_codec import decode, encode
from llmgate_core.settings.base_url import split_base_url

__all__ = ["USER_AGENT", "RequestBuilder", "spliced"]

EXTRA_HEADERS = "extra_headers"
USER_AGENT = "llmgate/0.1"
DEFAULT_PORTS = {"http": 80, "https": 443}
HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
NOT_FOR_CALLERS = frozenset({"authorization", "host", "content-length", "transfer-encoding"})


class RequestBuilder:
    """The way out of one call: encodes bodies, and puts each request together for the wire.

    Args:
        route: where the call goes, and its key.
        info: the provider's, for the names of its headers.
        extra_headers: the caller's own.
        deadline: of the call.
        limits: of its answers.
        canonical_body: the call's body; a request with this very object gets the model.
    """

    __slots__ = ("_canonical_body", "_deadline", "_extra_headers", "_info", "_limits", "_route")

    def __init__(
        self,
        route: Route,
        info: ProviderInfo,
        *,
        extra_headers: Any,
        deadline: Deadline,
        limits: Limits,
        canonical_body: JsonObject | None = None,
    ) -> None:
        self._route = route
        self._info = info
        self._extra_headers = extra_headers
        self._deadline = deadline
        self._limits = limits
        self._canonical_body = canonical_body

    def encoded(self, request: UpstreamRequest) -> UpstreamRequest:
        """Return `request` with its body as bytes, or as a form that is read while it is sent.

        Raises:
            BadRequestError: a parameter cannot be encoded as JSON; the message names it.
        """
        body = request.body
        if isinstance(body, dict):
            return request.with_body(self._encode(body))
        if isinstance(body, Multipart):
            from llmgate_core.files.form_content import FormContent  # most calls upload nothing

            return request.with_body(FormContent(body))
        return request

    def forget_body(self) -> None:
        """Keep the call's body no longer: its request has been encoded, and there will be no other."""
        self._canonical_body = None

    def _encode(self, body: JsonObject) -> bytes:
        if body is self._canonical_body and self._route.model:
            body = {"model": self._route.model, **body}
        try:
            return encode(body)
        except ValueError as error:
            raise _unencodable(body, self._route, error) from None

    def transport_request(
        self, request: UpstreamRequest, *, bearer: bool = False, new_connection: bool = False
    ) -> TransportRequest:
        """Join path and base URL, put the headers together, check both.

        Args:
            request: its body is encoded.
            bearer: send the key as a bearer token, unless the plugin set authorization itself.
            new_connection: do not send it on a connection that was kept.

        Raises:
            BadRequestError: an illegal header name or value, or one that callers may not set.
            ConfigError: an illegal base URL or path.
        """
        route = self._route
        base = split_base_url(route.base_url)
        if not request.path.startswith("/") or request.path.startswith("//"):
            raise ConfigError(f"a plugin's path must begin with one '/', not {request.path[:80]!r}")
        if request.query or base.query:
            names = frozenset(dict(request.query))
            target = base.target(_quote_path(request.path), urlencode(request.query), names)
        else:
            target = base.path + _quote_path(request.path)
        content, content_type = _content_of(request)
        headers = _headers(request, route, self._info, self._extra_headers, content_type=content_type, bearer=bearer)
        return TransportRequest(
            request.method, base.origin, target, headers, content, self._deadline, self._limits, new_connection
        )


def _content_of(request: UpstreamRequest) -> tuple[bytes | StreamedContent, str | None]:
    """Return a request's encoded body and its content type."""
    body = request.body
    if body is None:
        return b"", None
    if isinstance(body, bytes):
        return body, "application/json" if body else None
    if isinstance(body, (dict, Multipart)):
        raise TypeError("the body of a request on the wire must be encoded")
    return body, body.content_type


def spliced(content: bytes, new: str, fields: Mapping[str, Any]) -> bytes | None:
    """Return a request's bytes with its model named `new`; None if that cannot be proved.

    `fields` are the parsed form of `content`. The proof is that the new bytes parse to the same but for the model.
    """
    old = fields.get("model")
    if not isinstance(old, str) or not new:
        return None
    if old == new:
        return content
    if content.count(b'"model"') != 1:
        return None  # of two models in one object, upstreams differ in which one counts
    name = encode(old)
    if content.count(name) != 1:
        at = content.find(b'"model"')
        at = -1 if at < 0 else content.find(name, at)
    else:
        at = content.find(name)
    if at < 0:
        return None
    candidate = content[:at] + encode(new) + content[at + len(name) :]
    try:
        proof = decode(candidate)
    except ValueError:
        return None
    return candidate if proof == {**fields, "model": new} else None


@lru_cache(maxsize=256)
def _quote_path(path: str) -> str:
    return quote(path, safe="/:@!$&'()*+,;=~-._%")


def _headers(
    request: UpstreamRequest,
    route: Route,
    info: ProviderInfo,
    extra_headers: Any,
    *,
    content_type: str | None,
    bearer: bool,
) -> list[tuple[str, str]]:
    headers: dict[str, Any] = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"}
    if content_type is not None:
        headers["content-type"] = content_type
    if bearer and route.api_key is not None:
        headers["authorization"] = f"Bearer {route.api_key.reveal()}"
    if route.organization and info.organization_header:
        headers[info.organization_header] = route.organization
    if route.project and info.project_header:
        headers[info.project_header] = route.project
    for name, value in request.headers.items():
        headers[name.lower()] = value
    if extra_headers is not None and not isinstance(extra_headers, Mapping):
        raise bad_request(
            EXTRA_HEADERS, f"extra_headers must be an object of names and values, not {type(extra_headers).__name__}"
        )
    if extra_headers:
        for name, value in extra_headers.items():
            headers[_checked_name(name)] = value
    for name, given in headers.items():
        if not isinstance(given, str):
            raise bad_request(
                EXTRA_HEADERS, f"header {name!r} has a value that is {type(given).__name__}, not a string"
            )
        headers[name] = value = given.strip(" \t")  # which HTTP does not count as part of a value
        if HEADER_VALUE.fullmatch(value) is None:
            raise bad_request(
                EXTRA_HEADERS, f"header {name!r} has a value with characters that HTTP forbids (it is not shown)"
            )
    return list(headers.items())


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or HEADER_NAME.fullmatch(name) is None:
        raise bad_request(
            EXTRA_HEADERS, f"extra_headers: {name!r} is not a valid header name: use letters, digits and '-'"
        )
    if name.lower() in NOT_FOR_CALLERS:
        raise bad_request(
            EXTRA_HEADERS, f"extra_headers may not set {name!r}; use api_key for the key, api_base for the host"
        )
    return name.lower()


def _unencodable(body: Mapping[str, Any], route: Route, error: ValueError) -> BadRequestError:
    for name, value in body.items():
        try:
            encode(value)
        except ValueError as why:
            return route.bad_request(name, f"{name} cannot be sent as JSON: {why}")
    return route.bad_request("extra_body", f"the name of a parameter cannot be sent as JSON: {error}")
