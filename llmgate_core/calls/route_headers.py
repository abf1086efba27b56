"""The headers of the requests to one route. Those that core adds are put together and checked once.

Pure. This is the one place where a key leaves its type, and the last guard for header names and values.

Source: RFC 9110 for header syntax; docs/guide/errors.md for which headers a caller may set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.contract.call import Route
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import bad_request
from llmgate_core.settings.header_syntax import HEADER_NAME, HEADER_VALUE

__all__ = ["JSON", "USER_AGENT", "RouteHeaders"]

EXTRA_HEADERS = "extra_headers"
JSON = "application/json"
USER_AGENT = "llmgate/0.1"
NOT_FOR_CALLERS = frozenset({"authorization", "host", "content-length", "transfer-encoding"})
BEARER = "Bearer "

Pairs = list[tuple[str, str]]


class RouteHeaders:
    """The headers of every request to one route.

    Args:
        route: for the key, organization and project.
        info: the provider's, for the names of its headers.
    """

    __slots__ = ("_info", "_key_header", "_key_prefix", "_route", "_usual")

    def __init__(self, route: Route, info: ProviderInfo) -> None:
        self._route = route
        self._info = info
        self._key_header = info.key_header.lower()
        is_bearer = self._key_header == "authorization" and info.key_prefix is None
        self._key_prefix = BEARER if is_bearer else info.key_prefix or ""
        self._usual: Pairs | None = None  # of a request with a JSON body and the key

    def of(self, headers: Mapping[str, str], extra_headers: Any, *, content_type: str | None, bearer: bool) -> Pairs:
        """Return the headers of a request.

        Args:
            headers: the plugin's own.
            extra_headers: the caller's own, which win.
            content_type: of the body; None: there is no body.
            bearer: send the key in the provider's header for it, unless the plugin set that header itself.

        Raises:
            BadRequestError: an illegal header name or value, or one that callers may not set.
        """
        if not bearer or content_type != JSON or headers or extra_headers is not None:
            return self._checked(headers, extra_headers, content_type=content_type, bearer=bearer)
        if self._usual is None:
            self._usual = self._checked({}, None, content_type=JSON, bearer=True)
        return self._usual.copy()

    def _checked(
        self, own_headers: Mapping[str, str], extra_headers: Any, *, content_type: str | None, bearer: bool
    ) -> Pairs:
        headers = self._of_core(content_type, bearer=bearer)
        for name, value in own_headers.items():
            headers[name.lower()] = value
        if extra_headers is not None and not isinstance(extra_headers, Mapping):
            kind = type(extra_headers).__name__
            raise bad_request(EXTRA_HEADERS, f"extra_headers must be an object of names and values, not {kind}")
        if extra_headers:
            for name, value in extra_headers.items():
                headers[_checked_name(name, self._key_header)] = value
        return [(name, _checked_value(name, value)) for name, value in headers.items()]

    def _of_core(self, content_type: str | None, *, bearer: bool) -> dict[str, Any]:
        route, info = self._route, self._info
        headers: dict[str, Any] = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"}
        if content_type is not None:
            headers["content-type"] = content_type
        for name, value in info.headers.items():
            headers[name.lower()] = value
        if bearer and route.api_key is not None:
            headers[self._key_header] = f"{self._key_prefix}{route.api_key.reveal()}"
        if route.organization and info.organization_header:
            headers[info.organization_header] = route.organization
        if route.project and info.project_header:
            headers[info.project_header] = route.project
        return headers


def _checked_value(name: str, value: Any) -> str:
    if not isinstance(value, str):
        kind = type(value).__name__
        raise bad_request(EXTRA_HEADERS, f"header {name!r} has a value that is {kind}, not a string")
    text = value.strip(" \t")  # which HTTP does not count as part of a value
    if HEADER_VALUE.fullmatch(text) is None:
        raise bad_request(
            EXTRA_HEADERS, f"header {name!r} has a value with characters that HTTP forbids (it is not shown)"
        )
    return text


def _checked_name(name: object, key_header: str) -> str:
    if not isinstance(name, str) or HEADER_NAME.fullmatch(name) is None:
        raise bad_request(
            EXTRA_HEADERS, f"extra_headers: {name!r} is not a valid header name: use letters, digits and '-'"
        )
    if name.lower() in NOT_FOR_CALLERS or name.lower() == key_header:
        raise bad_request(
            EXTRA_HEADERS, f"extra_headers may not set {name!r}; use api_key for the key, api_base for the host"
        )
    return name.lower()
