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

from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.form import FormBody, Multipart
from llmgate_core.contract.limits import Deadline, Limits
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.contract.transport import StreamedContent, TransportRequest
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.errors import BadRequestError, ConfigError
from llmgate_core.json_codec import decode, encode
from llmgate_core.settings.base_url import split_base_url

__all__ = ["USER_AGENT", "encoded", "spliced", "transport_request"]

USER_AGENT = "llmgate/0.1"
DEFAULT_PORTS = {"http": 80, "https": 443}
HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
NOT_FOR_CALLERS = frozenset({"authorization", "host", "content-length", "transfer-encoding"})


def encoded(call: Call, route: Route, request: UpstreamRequest) -> bytes | FormBody:
    """Return the body's bytes; a canonical body gets the model here. A form's are made while it is sent.

    Raises:
        BadRequestError: a parameter has no JSON form; the message names it.
    """
    body = request.body
    if body is None or isinstance(body, bytes):
        return body or b""
    if isinstance(body, Multipart):
        from llmgate_core.files.form_content import FormContent

        return FormContent(body)
    if not isinstance(body, dict):
        return body
    if body is call.body and route.model:
        body = {"model": route.model, **body}
    try:
        return encode(body)
    except ValueError as error:
        raise _unencodable(body, route, error) from None


def spliced(content: bytes, new: str, said: Mapping[str, Any]) -> bytes | None:
    """Return a request's bytes with its model named `new`; None where that cannot be proved.

    `said` is what `content` says. The proof is that the new bytes say the same but for the model.
    """
    old = said.get("model")
    if not isinstance(old, str) or not new:
        return None
    if old == new:
        return content
    if content.count(b'"model"') != 1:
        return None  # of two models in one object nobody knows which one counts
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
    return candidate if proof == {**said, "model": new} else None


def transport_request(
    request: UpstreamRequest,
    route: Route,
    info: ProviderInfo,
    *,
    extra_headers: Any,
    deadline: Deadline,
    limits: Limits,
    bearer: bool,
) -> TransportRequest:
    """Join path and base URL, put the headers together, check both.

    With `bearer` the key goes along as a bearer token, unless the plugin set authorization itself.

    Raises:
        BadRequestError: an illegal header name or value, or one that callers may not set.
        ConfigError: an illegal base URL or path.
    """
    origin, base_path = split_base_url(route.base_url)
    if not request.path.startswith("/") or request.path.startswith("//"):
        raise ConfigError(f"a plugin's path must begin with one '/', not {request.path[:80]!r}")
    target = base_path + _quoted(request.path)
    if request.query:
        target += "?" + urlencode(request.query)
    content: bytes | StreamedContent = b""
    content_type = None
    if isinstance(request.body, bytes):
        content, content_type = request.body, "application/json" if request.body else None
    elif request.body is not None and not isinstance(request.body, (dict, Multipart)):
        content, content_type = request.body, request.body.content_type
    headers = _headers(request, route, info, extra_headers, content_type=content_type, bearer=bearer)
    return TransportRequest(request.method, origin, target, headers, content, deadline, limits)


@lru_cache(maxsize=256)
def _quoted(path: str) -> str:
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
    headers: dict[str, object] = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"}
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
        raise _bad(f"extra_headers must be an object of names and values, not {type(extra_headers).__name__}")
    if extra_headers:
        for name, value in extra_headers.items():
            headers[_checked_name(name)] = value
    return [(name, _checked_value(name, value)) for name, value in headers.items()]


def _checked_value(name: str, value: object) -> str:
    if isinstance(value, str) and HEADER_VALUE.fullmatch(value) is not None:
        return value
    if not isinstance(value, str):
        raise _bad(f"header {name!r} has a value that is {type(value).__name__}, not text")
    raise _bad(f"header {name!r} has a value with characters that HTTP forbids (it is not shown)")


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or HEADER_NAME.fullmatch(name) is None:
        raise _bad(f"extra_headers: {name!r} is no header name; HTTP allows letters, digits and - but no space")
    if name.lower() in NOT_FOR_CALLERS:
        raise _bad(f"extra_headers may not set {name!r}; use api_key for the key, api_base for the host")
    return name.lower()


def _unencodable(body: Mapping[str, Any], route: Route, error: ValueError) -> BadRequestError:
    for name, value in body.items():
        try:
            encode(value)
        except ValueError:
            return BadRequestError(
                f"{name} cannot be sent as JSON: {error}",
                status_code=400,
                param=name,
                provider=route.provider,
                model=route.model,
                attempts=0,
            )
    return _bad(f"the request cannot be sent as JSON: {error}")


def _bad(message: str) -> BadRequestError:
    return BadRequestError(message, status_code=400, param="extra_headers", attempts=0)
