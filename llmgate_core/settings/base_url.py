"""Take a base URL apart, and refuse one that cannot be used."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from urllib.parse import urlsplit

from llmgate_core.contract.transport import Origin
from llmgate_core.errors import ConfigError

__all__ = ["split_base_url"]

DEFAULT_PORTS = MappingProxyType({"http": 80, "https": 443})


@lru_cache(maxsize=256)
def split_base_url(base_url: str) -> tuple[Origin, str]:
    """Return the origin and path of a base URL.

    Raises:
        ConfigError: it is not an http or https URL with a host, or it has a user name in it.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        raise ConfigError("api_base is not a URL; write it like https://your-host/v1") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        raise ConfigError("api_base must be an http or https URL with a host and no user name in it")
    if not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise ConfigError("api_base has characters that a URL cannot have; percent-encode them")
    return Origin(parts.scheme, parts.hostname, port), parts.path.rstrip("/")
