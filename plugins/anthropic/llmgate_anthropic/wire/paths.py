"""Paths of the Messages API. Pure.

A base URL may have the version of the API or not: the SDK's `ANTHROPIC_BASE_URL` has none, and neither have servers
that offer the API below a path of their own.

Source: the SDK `anthropic` 2.14.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["path_below"]

PATHS: Mapping[str, str] = MappingProxyType({"create": "/messages", "count_tokens": "/messages/count_tokens"})
VERSION = "/v1"


def path_below(base_url: str, operation: str) -> str:
    """Return the path of an operation of the family messages, below a base URL."""
    path = PATHS[operation]
    return path if base_url.endswith(VERSION) else VERSION + path
