"""The table of routes: which request means which operation. Nothing is guessed.

Pure. A path matches literally, as it was sent: only parameters are decoded, once; no trailing slash, no empty part,
no `.` or `..`. The route found here is the one that is served, so a decision about it (whether it needs a key) is a
decision about what happens.

Source: row S4 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from llmgate_gateway.http.path_parts import decode_part
from llmgate_gateway.http.responses import RefusedError, refuse

__all__ = ["OPEN_PATHS", "HTTPRoute", "RouteMatch", "Routes", "builtin_route", "no_route", "request_path"]

OPEN_PATHS = frozenset({"/livez", "/readyz", "/"})
"""What is served without a key: health, and the page at the root, which holds no data."""

NO_IDS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HTTPRoute:
    """A method and a path, and what they mean.

    Attributes:
        path: `{name}` is a parameter.
        family, operation: what is called; `page` and the path for a page of the gateway itself.
        dialect: the name of the dialect that reads and answers it; empty for a page.
        aliases: other paths of the same meaning.
        query: the fields that the query may have.
        takes_model: the request names the model. takes_files: its body may be a form. has_body: it has a body.
        names_model: the path's only parameter is the name of the model; another way to write the same operation.
        last_holds_slashes: the last parameter is the rest of the path, slashes included.
        is_page: it is a page of the gateway itself rather than a call. is_open: it is served without a key.
    """

    method: str
    path: str
    family: str
    operation: str
    dialect: str = ""
    aliases: tuple[str, ...] = ()
    query: frozenset[str] = frozenset()
    takes_model: bool = False
    takes_files: bool = False
    has_body: bool = False
    names_model: bool = False
    last_holds_slashes: bool = False
    is_page: bool = False
    is_open: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters of the path, in their order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def is_local(self) -> bool:
        """Whether the gateway answers it without an upstream."""
        return self.is_page or self.family == "models"


PAGE_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "/livez": ("/health/liveliness", "/health/liveness"),
        "/readyz": ("/health", "/health/readiness"),
        "/metrics": ("/metrics/",),
    }
)
"""Page -> its paths in LiteLLM, whose `/metrics` redirects to `/metrics/`."""


def builtin_route(method: str, path: str) -> HTTPRoute:
    """Return the route of a page of the gateway itself."""
    return HTTPRoute(
        method,
        path,
        "page",
        path,
        aliases=PAGE_ALIASES.get(path, ()),
        has_body=method == "POST",
        is_page=True,
        is_open=path in OPEN_PATHS,
    )


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """What a request line leads to.

    Attributes:
        route: None: there is no such path, or it takes only the methods `allowed`.
        ids: the parameters of the path.
    """

    route: HTTPRoute | None
    ids: Mapping[str, str] = field(default_factory=lambda: NO_IDS)
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One path with parameters: its parts, None for a parameter."""

    parts: tuple[str | None, ...]
    names: tuple[str, ...]
    route: HTTPRoute

    @property
    def literal_start(self) -> str:
        """The path before its first parameter."""
        literals = self.parts[: self.parts.index(None)]
        return "/".join(part or "" for part in literals) + "/"


class Routes:
    """The routes of one gateway; immutable. Of two with the same method and path the first is served."""

    def __init__(self, routes: Iterable[HTTPRoute]) -> None:
        exact: dict[tuple[str, str], RouteMatch] = {}
        patterns: dict[int, list[_Pattern]] = {}
        self._routes = tuple(routes)
        for route in self._routes:
            for path in (route.path, *route.aliases):
                if "{" in path:
                    parts = tuple(None if part.startswith("{") else part for part in path.split("/"))
                    patterns.setdefault(len(parts), []).append(_Pattern(parts, route.names, route))
                else:
                    exact.setdefault((route.method, path), RouteMatch(route))
        self._exact = MappingProxyType(exact)
        self._patterns = MappingProxyType({length: tuple(group) for length, group in patterns.items()})
        with_slashes = [it for group in patterns.values() for it in group if it.route.last_holds_slashes]
        self._starts = tuple(dict.fromkeys(it.literal_start for it in with_slashes))
        self._as_sent = MappingProxyType(
            {(method, path.encode("latin-1")): (path, match) for (method, path), match in exact.items()}
        )

    def of_request(self, scope: Mapping[str, Any]) -> tuple[str, RouteMatch]:
        """Return the path of a request below the prefix that the app is mounted at, and what is served there."""
        raw, method = scope.get("raw_path"), scope["method"]
        if isinstance(raw, bytes) and not scope.get("root_path"):
            found = self._as_sent.get((method, raw))  # a path without parameters, as almost every call has
            if found is not None:
                return found
        path = request_path(scope)
        return path, self.find(method, path)

    def find(self, method: str, path: str) -> RouteMatch:
        """Return what is served for a request line; `path` is as it was sent."""
        match = self._exact.get((method, path))
        return match if match is not None else self._search(method, path)

    def __iter__(self) -> Iterator[HTTPRoute]:
        return iter(self._routes)

    def _search(self, method: str, path: str) -> RouteMatch:
        if method == "HEAD":
            match = self.find("GET", path)
            if match.route is not None and match.route.is_local:
                return match  # the server leaves the body out
        parts = self._parts(path)
        allowed = [other for other, exact_path in self._exact if exact_path == path]
        for pattern in self._patterns.get(len(parts), ()):
            ids = _ids(pattern.parts, parts)
            if ids is None:
                continue
            if pattern.route.method == method:
                return RouteMatch(pattern.route, dict(zip(pattern.names, ids, strict=True)))
            allowed.append(pattern.route.method)
        return RouteMatch(None, allowed=tuple(sorted(set(allowed))))

    def _parts(self, path: str) -> list[str]:
        """Return the parts of a path; a last parameter with slashes is one part."""
        for start in self._starts:
            if path.startswith(start) and "//" not in path and not path.endswith("/"):
                return [*start.split("/")[:-1], path[len(start) :]]
        return path.split("/")


def request_path(scope: Mapping[str, object]) -> str:
    """Return the path of a request below the prefix that the app is mounted at, as it was sent.

    Source: the ASGI specification for `root_path` and `raw_path`, whose query some servers leave in.
    """
    raw = scope.get("raw_path")
    path = raw.partition(b"?")[0].decode("latin-1") if isinstance(raw, bytes) else str(scope.get("path", "/"))
    root = str(scope.get("root_path") or "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :] or "/"
    return path


def no_route(method: str, path: str, match: RouteMatch) -> RefusedError:
    """Return the refusal of a request line that leads to no route: 405 if other methods are allowed, else 404."""
    if match.allowed:
        allow = ", ".join(match.allowed)
        message = f"{method} is not allowed here; {allow} is."
        if method == "DELETE":
            message += " With general_settings.passthrough a fine-tuned model ('ft:…') can be deleted."
        return refuse(405, message, code="method_not_allowed", headers=((b"allow", allow.encode("ascii")),))
    message = f"There is no {method} {path[:200]!r} on this gateway."
    return refuse(404, message, code="unknown_url")


def _ids(pattern: tuple[str | None, ...], parts: list[str]) -> list[str] | None:
    """Return the decoded parameters of a path, or None if it does not match or a parameter is not valid."""
    ids: list[str] = []
    for expected, part in zip(pattern, parts, strict=True):
        if expected is None:
            decoded = decode_part(part)
            if decoded is None:
                return None
            ids.append(decoded)
        elif expected != part:
            return None
    return ids
