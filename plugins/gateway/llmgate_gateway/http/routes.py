"""Which request means which operation. A table made from the core's; nothing is guessed.

Pure. Paths match literally, as they came: no decoding but of the parts that are ids, once; no
trailing slash, no empty part, no `.` or `..`. The route found here is the one that is served, so what
is decided on it (whether it is open) is decided on what happens.

Source: `llmgate_core.endpoints.openai.ENDPOINTS`; row S4 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from llmgate_core.serving import ENDPOINTS, FAMILIES

__all__ = ["OPEN_PATHS", "Found", "Route", "Routes", "request_path"]

OPEN_PATHS = frozenset({"/livez", "/readyz", "/"})
"""What is served without a key: health, and the page at the root, which holds no data."""

STEPS = frozenset({".", ".."})
MODEL_STARTS = ("/v1/models/", "/models/")
NO_NAMES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that the gateway does.

    Attributes:
        family, operation: what is called; of a page of our own `page` and its path.
        names: the path's parameters, in their order.
        query: the fields that may stand in the query.
        takes_model: the request says which model. takes_files: its body may be a form.
        has_body: a body is read.
    """

    method: str
    path: str
    family: str
    operation: str
    names: tuple[str, ...] = ()
    query: frozenset[str] = frozenset()
    takes_model: bool = False
    takes_files: bool = False
    has_body: bool = False

    @property
    def is_page(self) -> bool:
        """Whether it is one of our own pages rather than a call."""
        return self.family == "page"

    @property
    def is_ours(self) -> bool:
        """Whether the gateway answers by itself, and calls no upstream."""
        return self.is_page or self.family == "models"

    @property
    def is_open(self) -> bool:
        """Whether it is served without a key."""
        return self.is_page and self.path in OPEN_PATHS


@dataclass(frozen=True, slots=True)
class Found:
    """What a request line leads to.

    Attributes:
        route: None: there is no such path, or (`allowed`) it takes other methods.
        ids: the path's parameters.
    """

    route: Route | None
    ids: Mapping[str, str] = field(default_factory=lambda: NO_NAMES)
    allowed: tuple[str, ...] = ()


class Routes:
    """The routes of one gateway, `pages` of its own included; immutable."""

    def __init__(self, pages: Iterable[tuple[str, str]] = ()) -> None:
        exact: dict[tuple[str, str], Found] = {}
        by_length: dict[int, list[tuple[tuple[str | None, ...], Route]]] = {}
        for route in (*_calls(), *_pages(pages)):
            for path in (route.path,) if route.is_page else (route.path, f"/v1{route.path}"):
                if route.names:
                    parts = tuple(None if part.startswith("{") else part for part in path.split("/"))
                    by_length.setdefault(len(parts), []).append((parts, route))
                else:
                    exact[route.method, path] = Found(route)
        self._exact = MappingProxyType(exact)
        self._by_length = MappingProxyType({length: tuple(routes) for length, routes in by_length.items()})

    def find(self, method: str, path: str) -> Found:
        """Return what is served for a request line; `path` is as it was sent."""
        found = self._exact.get((method, path))
        return found if found is not None else self._search(method, path)

    def __iter__(self) -> Iterator[Route]:
        seen = [found.route for found in self._exact.values() if found.route is not None]
        seen += [route for routes in self._by_length.values() for _, route in routes]
        return iter(dict.fromkeys(seen))

    def _search(self, method: str, path: str) -> Found:
        if method == "HEAD":
            found = self.find("GET", path)
            if found.route is not None and found.route.is_ours:
                return found  # the server leaves the body out
        parts = _parts(path)
        allowed = [known for known, where in self._exact if where == path]
        for pattern, route in self._by_length.get(len(parts), ()):
            ids = _ids(pattern, parts)
            if ids is None:
                continue
            if route.method == method:
                return Found(route, dict(zip(route.names, ids, strict=True)))
            allowed.append(route.method)
        return Found(None, allowed=tuple(sorted(set(allowed))))


def request_path(scope: Mapping[str, object]) -> str:
    """Return a request's path below the place where the app is mounted, as it was sent.

    Source: the ASGI specification for `root_path` and `raw_path`, whose query some servers leave in.
    """
    raw = scope.get("raw_path")
    path = raw.partition(b"?")[0].decode("latin-1") if isinstance(raw, bytes) else str(scope.get("path", "/"))
    root = str(scope.get("root_path") or "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :] or "/"
    return path


def _calls() -> Iterator[Route]:
    for family, operations in ENDPOINTS.items():
        known = FAMILIES[family]
        for operation, endpoint in operations.items():
            names = tuple(part[1:-1] for part in endpoint.path.split("/") if part.startswith("{"))
            takes_model = known.operations[operation].takes_model
            yield Route(
                endpoint.method,
                endpoint.path,
                family,
                operation,
                names,
                frozenset(endpoint.query),
                takes_model=takes_model,
                takes_files=takes_model and bool(known.files),
                has_body=endpoint.method not in ("GET", "DELETE"),
            )
    yield Route("GET", "/models", "models", "list")
    yield Route("GET", "/models/{model}", "models", "retrieve", ("model",))


def _pages(pages: Iterable[tuple[str, str]]) -> Iterator[Route]:
    for method, path in pages:
        yield Route(method, path, "page", path, has_body=method == "POST")


def _parts(path: str) -> list[str]:
    """Return a path's parts. The name of a model is one of them, slashes and all: clients write `openai/gpt-4o`."""
    for start in MODEL_STARTS:
        if path.startswith(start) and "//" not in path and not path.endswith("/"):
            return [*start.split("/")[:-1], path[len(start) :]]
    return path.split("/")


def _ids(pattern: tuple[str | None, ...], parts: list[str]) -> list[str] | None:
    """Return the decoded ids of a path that fits; None: it does not fit, or an id is none."""
    ids: list[str] = []
    for expected, part in zip(pattern, parts, strict=True):
        if expected is None:
            decoded = _decoded(part)
            if decoded is None:
                return None
            ids.append(decoded)
        elif expected != part:
            return None
    return ids


def _decoded(part: str) -> str | None:
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        return None
    steps = text.replace("\\", "/").split("/")  # some upstreams decode a path before they look at its parts
    return text if text.strip() and text.isprintable() and STEPS.isdisjoint(steps) else None
