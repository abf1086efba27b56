"""Take a base URL apart, and refuse one that cannot be used."""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote_plus, urlsplit

from llmgate_core.contract.transport import Origin
from llmgate_core.errors import ConfigError
from llmgate_core.secrets import MASK

__all__ = [
    "BaseURL",
    "completed_base_url",
    "is_loopback",
    "is_metadata_service",
    "origin_of",
    "shown_base_url",
    "split_base_url",
    "without_last_slash",
]

HOST_AND_PORT = re.compile(r"(?:\[[A-Za-z0-9.:%]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?")
DEFAULT_PORTS = MappingProxyType({"http": 80, "https": 443})


class BaseURL(NamedTuple):
    """The parts of a base URL: where to connect, the path without its last slash, and the query without `?`."""

    origin: Origin
    path: str
    query: str

    def target(self, path: str, query: str, names: frozenset[str] = frozenset()) -> str:
        """Return the target of a request: a path below this one, and both queries.

        Args:
            path: percent-encoded, with a slash at its start.
            query: the request's own, encoded.
            names: the names in it; they win over those of the base URL.
        """
        pairs = [pair for pair in self.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in names]
        both = "&".join([*pairs, query] if query else pairs)
        return f"{self.path}{path}?{both}" if both else self.path + path


@lru_cache(maxsize=256)
def split_base_url(base_url: str) -> BaseURL:
    """Return the parts of a base URL. Its query is sent with every request.

    Raises:
        ConfigError: it is not an http or https URL with a host, or it has a user name or a fragment in it.
    """
    try:
        parts = urlsplit(base_url)
        port = DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        raise ConfigError("api_base is not a URL; write it like https://your-host/v1") from None
    if not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise ConfigError("api_base has characters that a URL cannot have; percent-encode them")
    host = parts.hostname
    if parts.scheme not in DEFAULT_PORTS or not host or not port or not HOST_AND_PORT.fullmatch(parts.netloc):
        raise ConfigError("api_base must be an http or https URL with a host and no user name in it")
    if parts.fragment:
        raise ConfigError(
            "api_base has a fragment ('#'), which is never sent; percent-encode it as %23 or leave it out"
        )
    return BaseURL(Origin(parts.scheme, host, port), parts.path.rstrip("/"), parts.query)


def completed_base_url(value: str, home: str) -> str:
    """Return the base URL in a variable; one of `host` or `host:port` gets scheme and port of the provider's own URL.

    Source: OLLAMA_HOST of the Ollama documentation, which is written without a scheme.
    """
    if "://" in value or "://" not in home:
        return value
    scheme, _, rest = home.partition("://")
    netloc = rest.partition("/")[0]
    port = netloc.rpartition(":")[2]
    host, slash, path = value.partition("/")
    has_port = ":" in host.rpartition("]")[2]
    return f"{scheme}://{host}{'' if has_port or not port.isdigit() else f':{port}'}{slash}{path}"


def without_last_slash(base_url: str) -> str:
    """Return a base URL without slashes at the end of its path."""
    head, mark, query = base_url.partition("?")
    return head.rstrip("/") + mark + query


def origin_of(base_url: str) -> str:
    """Return scheme, host and port of a URL, as it is written."""
    scheme, mark, rest = base_url.partition("://")
    return f"{scheme}{mark}{re.split('[/?#]', rest, maxsplit=1)[0]}"


def shown_base_url(base_url: object) -> object:
    """Return a base URL for a repr: without its query, in which some hosts want a key."""
    if not isinstance(base_url, str) or "?" not in base_url:
        return base_url
    return f"{base_url.partition('?')[0]}?{MASK}"


METADATA_ADDRESSES = frozenset({"169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254"})
"""Where clouds answer their own machines, without TLS. Source: the documentation of Azure's and Google's instance
metadata, and of Amazon's for instances and containers."""


def is_metadata_service(host: str) -> bool:
    """Return whether a host is the metadata service of the machine's cloud: link-local, so it is never far away."""
    return host.lower() in METADATA_ADDRESSES


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    import ipaddress  # only for calls that have no key

    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
