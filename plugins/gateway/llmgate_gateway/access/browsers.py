"""Keep web pages away from a gateway without keys: a page that its user opens must not spend the operator's money.

A browser sends some requests of any page to any address without a preflight (forms, and JSON under another content
type), and a page whose host name is made to point at this machine ("DNS rebinding") looks like the gateway's own. With
keys neither matters, since no browser adds a bearer token by itself; then nothing here is called. Pure.

Source: the Fetch standard, "`Origin` header"; Fetch Metadata, `Sec-Fetch-Site`; RFC 6761, section 6.3; the URL
standard, "ends in a number checker".
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from llmgate_gateway.config.schema.general import Cors
from llmgate_gateway.http.responses import RefusedError, Scope, refuse

__all__ = ["check_page"]

PRIVATE = frozenset({"localhost", "internal"})
"""Top-level names that cannot be registered: RFC 6761, and the one that ICANN reserved for private use in 2024."""


def check_page(scope: Scope, headers: Mapping[bytes, bytes], cors: Cors) -> None:
    """Refuse a request of a web page of another origin, where no key is needed.

    Raises:
        RefusedError: 403.
    """
    origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if "." in host:
        _check_host(scope, host, cors, is_page=origin is not None)
    if origin is None:
        if site == b"cross-site" and "*" not in cors.allow_origins:
            raise _foreign_origin()
    elif not (site == b"same-origin" or _is_own(origin.decode("latin-1"), host) or _is_listed(origin, cors)):
        raise _foreign_origin()


def _check_host(scope: Scope, host: str, cors: Cors, *, is_page: bool) -> None:
    """Refuse a host name that an attacker may have pointed here.

    A program that mounts the app is responsible for its own host names. On an address that other machines can reach,
    programs may use any name for it: there only pages are refused.
    """
    if "llmgate.client" not in scope.get("extensions", {}) or not _may_be_registered(host):
        return
    if not (is_page or _is_loopback(scope)):
        return
    allowed = cors.allow_origins
    if "*" in allowed or f"http://{host}" in allowed or f"https://{host}" in allowed:
        return
    message = (
        "This gateway has no keys, and the request's Host is not its address. Use localhost or its IP address, set a "
        "key, or list this origin in general_settings.cors.allow_origins."
    )
    raise refuse(403, message, code="host_not_allowed")


def _may_be_registered(host: str) -> bool:
    """Return whether a `Host` header has a name that can be registered: not an address, nor a single label."""
    if host.startswith("["):
        return False
    _, dot, last = host.partition(":")[0].removesuffix(".").rpartition(".")
    is_address = last.isdecimal()  # no name that ends in a number can be registered
    return bool(dot) and last not in PRIVATE and not is_address


def _is_loopback(scope: Scope) -> bool:
    """Return whether a connection came in on a loopback address; one that is not known counts as such."""
    server = scope.get("server")
    try:
        return server is None or ip_address(server[0]).is_loopback
    except ValueError:
        return True


def _is_own(origin: str, host: str) -> bool:
    """Return whether an origin is this gateway's; a proxy that terminates TLS changes the scheme."""
    return bool(host) and origin.lower() in (f"http://{host}", f"https://{host}")


def _is_listed(origin: bytes, cors: Cors) -> bool:
    return "*" in cors.allow_origins or origin.decode("latin-1") in cors.allow_origins  # which cannot hold `null`


def _foreign_origin() -> RefusedError:
    message = (
        "This gateway has no keys, so web pages of other origins may not call it. Set a key, or list the origin in "
        "general_settings.cors.allow_origins."
    )
    return refuse(403, message, code="origin_not_allowed")
