"""Which proxy the environment names for a host.

Source: the curl manual, "PROXY ENVIRONMENT VARIABLES" (the variables, upper and lower case, a proxy without a scheme,
`*`, names and their subdomains); the documentation of Go's golang.org/x/net/http/httpproxy, `Config.NoProxy` (ports,
CIDR blocks, a leading dot); the Python documentation of `urllib.request.getproxies` (HTTP_PROXY is ignored under CGI).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate_core.settings.environment import first_set, read

if TYPE_CHECKING:
    import ipaddress

__all__ = ["is_exempt", "names_a_proxy", "proxy_for"]

VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")


def names_a_proxy() -> bool:
    """Return whether the environment names any proxy at all."""
    return first_set(VARIABLES) is not None


def proxy_for(scheme: str, host: str, port: int) -> str | None:
    """Return the URL of the proxy for a host, or None.

    `host` is a name or an IP address without brackets.
    """
    names = [f"{scheme.upper()}_PROXY", f"{scheme}_proxy", "ALL_PROXY", "all_proxy"]
    if scheme == "http" and read("REQUEST_METHOD"):
        names.remove("HTTP_PROXY")  # under CGI it is the header `Proxy` of a client
    proxy = first_set(names)
    if proxy is None or is_exempt(host, port, first_set(("NO_PROXY", "no_proxy")) or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Return whether one of the entries of NO_PROXY, separated by commas or spaces, matches."""
    name = host.lower().rstrip(".")
    return any(_matches(name, port, entry) for entry in no_proxy.lower().replace(",", " ").split())


def _matches(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        return address is not None and _is_in_network(address, entry)
    pattern, entry_port = _split_port(entry)
    if entry_port is not None and entry_port != port:
        return False
    if address is not None:
        return address == _address(pattern)
    only_subdomains = pattern.startswith("*.")
    domain = pattern.removeprefix("*").strip(".")
    return bool(domain) and (host.endswith(f".{domain}") or (host == domain and not only_subdomains))


def _split_port(entry: str) -> tuple[str, int | None]:
    """Return the host of an entry, without brackets, and its port."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    else:  # a name, or an IPv6 address
        host, port = entry, ""
    return host, int(port) if port.isascii() and port.isdigit() else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    import ipaddress  # most programs have no proxy, and never need it

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, block: str) -> bool:
    import ipaddress

    try:
        return address in ipaddress.ip_network(block, strict=False)
    except ValueError:
        return False
