"""Read the process environment: the only module that does, at the time of each call."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable

from llmgate_core.secrets import Secret

__all__ = ["first_set", "proxy_for", "read", "read_secret"]


def read(name: str) -> str | None:
    """Return the variable's value; an empty one counts as not set."""
    return os.environ.get(name) or None


def first_set(names: Iterable[str]) -> str | None:
    """Return the value of the first of `names` that is set."""
    for name in names:
        if value := os.environ.get(name):
            return value
    return None


def read_secret(name: str) -> Secret | None:
    """Return a key. White space around it, a common copying mistake, is removed with a warning."""
    value = read(name)
    if value is None:
        return None
    if value != value.strip():
        warnings.warn(f"{name} has white space around the key, which was removed", stacklevel=2)
        value = value.strip()
    return Secret(value) if value else None


def proxy_for(scheme: str, host: str) -> str | None:
    """Return the proxy URL that the environment names for a host, or None.

    Source: the common reading of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.
    """
    names = (f"{scheme.upper()}_PROXY", f"{scheme}_proxy", "ALL_PROXY", "all_proxy")
    proxy = first_set(names)
    return None if proxy is None or _exempt(host) else proxy


def _exempt(host: str) -> bool:
    listed = first_set(("NO_PROXY", "no_proxy")) or ""
    for entry in (part.strip().lstrip(".") for part in listed.split(",")):
        if entry == "*" or (entry and (host == entry or host.endswith(f".{entry}"))):
            return True
    return False
