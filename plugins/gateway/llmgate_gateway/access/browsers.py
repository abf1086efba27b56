"""Keep web pages away from a gateway without keys: a page that its user opens must not spend the operator's money.

A browser sends some requests of any page to any address without a preflight (forms, and JSON under another content
type), and a page whose host name is made to point at this machine ("DNS rebinding") looks like the gateway's own. With
keys neither matters, since no browser adds a bearer token by itself; then nothing here is called. Pure.

Source: the Fetch standard, "`Origin` header"; Fetch Metadata, `Sec-Fetch-Site`; RFC 6761, section 6.3; the URL
standard, "ends in a number checker".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmgate_gateway.access.cors import is_allowed
from llmgate_gateway.config.schema.general import Cors
from llmgate_gateway.http.responses import RefusedError, Scope, refuse

__all__ = ["check_page"]

PRIVATE = frozenset({"internal", "local", "localhost", "test"})
"""Top-level names that cannot be registered: RFC 6761, RFC 6762, and the one that ICANN reserved for private use."""


def check_page(scope: Scope, headers: Mapping[bytes, bytes], cors: Cors, allowed_hosts: Sequence[str] = ()) -> None:
    """Refuse a request of a foreign web page, or to a foreign host name, where no key is needed.

    Args:
        scope: of the request.
        headers: of the request, by lower-case name.
        cors: origins whose pages may call.
        allowed_hosts: names of this gateway; `*.example.com` stands for all below it, `*` for any.

    Raises:
        RefusedError: 403.
    """
    origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if "." in host and _is_checked(scope, allowed_hosts):
        _check_host(host, cors, allowed_hosts)
    if origin is None:
        if site == b"cross-site" and "*" not in cors.allow_origins:
            raise _foreign_origin()
    elif site != b"same-origin":
        page = origin.decode("latin-1")
        if not (_is_own(page, host) or is_allowed(page, cors)):
            raise _foreign_origin()


def _is_checked(scope: Scope, allowed_hosts: Sequence[str]) -> bool:
    """Return whether host names are checked: a program that mounts the app and lists none is responsible for them."""
    return bool(allowed_hosts) or "llmgate.client" in scope.get("extensions", {})


def _check_host(host: str, cors: Cors, allowed_hosts: Sequence[str]) -> None:
    """Refuse a host name that an attacker may have pointed here: a page under it looks like the gateway's own.

    On whatever address the request came in. A page's GET of its own origin sends no `Origin`, and over plain HTTP no
    `Sec-Fetch-Site` either, so nothing else tells it from a program's.
    """
    if not _may_be_registered(host):
        return
    if is_allowed(f"http://{host}", cors) or is_allowed(f"https://{host}", cors):
        return
    name = host.partition(":")[0].removesuffix(".")
    if any(_matches(name, allowed) for allowed in allowed_hosts):
        return
    message = (
        "This gateway has no keys, and the request's Host is not its address. Use localhost or its IP address, set a "
        "key, or list the name in general_settings.allowed_hosts."
    )
    raise refuse(403, message, code="host_not_allowed")


def _matches(name: str, allowed: str) -> bool:
    return allowed in ("*", name) or (allowed.startswith("*.") and name.endswith(allowed[1:]))


def _may_be_registered(host: str) -> bool:
    """Return whether a `Host` header has a name that can be registered: not an address, nor a single label."""
    if host.startswith("["):
        return False
    _, dot, last = host.partition(":")[0].removesuffix(".").rpartition(".")
    is_address = last.isdecimal()  # no name that ends in a number can be registered
    return bool(dot) and last not in PRIVATE and not is_address


def _is_own(origin: str, host: str) -> bool:
    """Return whether an origin is this gateway's; a proxy that terminates TLS changes the scheme."""
    return bool(host) and origin.lower() in (f"http://{host}", f"https://{host}")


def _foreign_origin() -> RefusedError:
    message = (
        "This gateway has no keys, so web pages of other origins may not call it. Set a key, or list the origin in "
        "general_settings.cors.allow_origins."
    )
    return refuse(403, message, code="origin_not_allowed")
