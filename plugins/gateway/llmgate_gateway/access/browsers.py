"""Keep web pages away from a gateway without keys: a page that its user opens must not spend the operator's money.

A browser sends some requests of any page to any address without asking first (forms, and JSON under another
name), and a page whose name is made to point at this machine ("DNS rebinding") looks like one of our own. With keys
neither matters, since no browser adds a bearer token by itself; then nothing here is called. Pure.

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
"""Last parts of names that nobody can own: RFC 6761, and what ICANN reserved for private use in 2024."""


def check_page(scope: Scope, headers: Mapping[bytes, bytes], cors: Cors) -> None:
    """Refuse a request that a foreign web page has sent, where no key is asked for.

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
    """Refuse a name that a stranger may have pointed here. Who mounts the app elsewhere knows its names himself.

    On an address that other machines reach, programs may use any name for it: there only pages are refused.
    """
    if "llmgate.client" not in scope.get("extensions", {}) or not _may_be_strangers(host):
        return
    if not (is_page or _is_loopback(scope)):
        return
    known = cors.allow_origins
    if "*" in known or f"http://{host}" in known or f"https://{host}" in known:
        return
    message = (
        "This gateway has no keys, and the request's Host is not its address. Use localhost or its IP address, set a "
        "key, or list this origin in general_settings.cors.allow_origins."
    )
    raise refuse(403, message, code="host_not_allowed")


def _may_be_strangers(host: str) -> bool:
    """Return whether a `Host` header has a name that somebody can own: no address, and not of one part."""
    if host.startswith("["):
        return False
    _, dot, last = host.partition(":")[0].removesuffix(".").rpartition(".")
    is_address = last.isdecimal()  # nobody owns a name that ends in a number
    return bool(dot) and last not in PRIVATE and not is_address


def _is_loopback(scope: Scope) -> bool:
    """Return whether a connection came in on this machine's own address; unclear ones count as such."""
    server = scope.get("server")
    try:
        return server is None or ip_address(server[0]).is_loopback
    except ValueError:
        return True


def _is_own(origin: str, host: str) -> bool:
    """Return whether an origin is this gateway's; whoever ends TLS before it makes the scheme another."""
    return bool(host) and origin.lower() in (f"http://{host}", f"https://{host}")


def _is_listed(origin: bytes, cors: Cors) -> bool:
    return "*" in cors.allow_origins or origin.decode("latin-1") in cors.allow_origins  # where `null` cannot stand


def _foreign_origin() -> RefusedError:
    message = (
        "This gateway has no keys, so web pages of other origins may not call it. Set a key, or list the origin in "
        "general_settings.cors.allow_origins."
    )
    return refuse(403, message, code="origin_not_allowed")
