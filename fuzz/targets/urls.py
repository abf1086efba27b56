"""Addresses: base URLs, the paths joined to them, and the parts of a path that a client names.

A base URL that is accepted has the host that httpx and the standard library find in it too, and a request cannot leave
its path. A part of a path that is accepted is a name however often and by whatever server it is decoded.

Source: RFC 3986; row S4 of docs/reliability.md.
"""

from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import quote, unquote, urlsplit

import httpx
from llmgate_gateway.http.path_parts import decode_part, plain_part

from llmgate_core.calls.http_request import RequestBuilder
from llmgate_core.calls.route_headers import RouteHeaders
from llmgate_core.contract.call import Route
from llmgate_core.contract.limits import Deadline, Limits, Timeouts
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.errors import BadRequestError, ConfigError
from llmgate_core.settings.base_url import is_loopback, shown_base_url, split_base_url, without_last_slash

__all__ = ["INSTRUMENTED", "check"]

INSTRUMENTED = (
    "llmgate_core.settings.base_url",
    "llmgate_core.calls.http_request",
    "llmgate_gateway.http.path_parts",
    "urllib.parse",
)
INFO = ProviderInfo(api=(1, 0), name="acme", base_url="https://acme.test/v1")
DECODINGS = 3


def check(data: bytes) -> None:
    """Take the first line for a base URL, the second for a part of a path, the third for a query."""
    base, part, query, *_ = [*data.decode("utf-8", "replace").split("\n"), "", "", ""]
    check_part(part)
    check_base(base, part, query)


def check_part(part: str) -> None:
    """Assert that no way to read an accepted part is a step up the tree."""
    decoded = decode_part(part)
    if decoded is None:
        return
    assert decoded == unquote(part, errors="strict"), "a part is decoded into something else"
    plain = plain_part(part)
    assert plain in (None, decoded), "a plain part is another one"
    assert plain is None or "/" not in plain, "an id has a slash"
    view = part
    for _ in range(DECODINGS + 1):
        for read in (view, unicodedata.normalize("NFKC", view), view.replace("\\", "/")):
            for piece in read.split("/"):
                assert piece.partition(";")[0].rstrip(" .") not in ("", ".", ".."), "a part is a step up the tree"
        view = unquote(view)
    assert "%" not in view, "a part is still encoded after all decodings"


def check_base(base: str, part: str, query: str) -> None:
    """Assert that a request goes to the host of its base URL, and below its path."""
    shown_base_url(base)
    without_last_slash(base)
    try:
        parts = split_base_url(base)
    except ConfigError:
        return
    is_loopback(parts.origin.host)
    assert urlsplit(base).hostname == parts.origin.host
    assert base.isascii(), "a base URL with characters that a URL cannot have was accepted"
    try:
        other = httpx.URL(base)
    except (httpx.InvalidURL, ValueError):
        pass
    else:
        assert other.host.lower() == parts.origin.host.strip("[]"), "httpx would connect to another host"
        assert other.port in (None, parts.origin.port), "httpx would connect to another port"
    check_target(base, part, query)


def check_target(base: str, part: str, query: str) -> None:
    """Assert that the target of a request has nothing that ends it, and stays below the path of its base URL."""
    parts = split_base_url(base)
    path = f"/models/{quote(decode_part(part) or 'm', safe='')}"
    route = Route("acme", "acme", "chat", "m", base)
    builder = RequestBuilder(
        route, RouteHeaders(route, INFO), extra_headers=None, deadline=Deadline(Timeouts()), limits=Limits()
    )
    try:
        made = builder.transport_request(UpstreamRequest("POST", path, b"{}", query=[("q", query)]))
    except (ConfigError, BadRequestError):
        return
    assert made.origin == parts.origin, "a request goes to another host"
    assert made.target.startswith(parts.path + "/models/"), "a request leaves the path of its base URL"
    assert made.target.isascii(), "a target has characters that a request line cannot have"
    assert made.target.isprintable(), "a target has characters that end it"
    assert " " not in made.target, "a target has a blank"
    below = posixpath.normpath(unquote(made.target.partition("?")[0][len(parts.path) :]))
    assert below.startswith("/models/"), "a request leaves the path of its base URL"
