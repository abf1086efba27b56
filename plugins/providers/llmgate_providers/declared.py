"""Rows that users write, in a setting, in a file, or in a gateway's config: checked, and made into plugins.

Such a row is one of `row.schema.json` without its name, which is its key; families may be a list, and the label, the
tier and the source may be left out. No message shows a value of it, since any may be a key.

Source: docs/providers/openai-compatible.md, "A row of your own".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from llmgate_core.plugin import DeclaredPlugin, errors
from llmgate_providers.row import Row, row_of
from llmgate_providers.row_plugin import plugin_of_row
from llmgate_providers.row_schema import first_problem

__all__ = ["DeclaredRows", "may_be_plain", "source"]

Path = tuple[str | int, ...]
STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
FORBIDDEN = {"$schema": "shipped rows have it", "name": "the key of the row is its name", "tier": "it is unverified"}
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]+")
METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "instance-data.ec2.internal", "fd00:ec2::254"})
LOCAL_DOMAINS = (".local", ".internal", ".lan", ".home.arpa", ".localhost", ".svc", ".cluster.local")


class DeclaredRows:
    """Makes plugins of rows that users write."""

    def mistakes(self, name: str, declared: Mapping[str, Any]) -> Sequence[tuple[Path, str]]:
        """Return what is wrong with a row: where, and what is accepted there."""
        found = list(_mistakes(name, declared))
        if found:
            return found
        try:
            row_of(_document(name, declared), name)
        except errors.ConfigError as error:
            return [_placed(str(error).removeprefix(f"{name}: "))]
        return []

    def plugins(self, name: str, declared: Mapping[str, Any]) -> Sequence[DeclaredPlugin]:
        """Return a plugin for each family and prefix of a row.

        Raises:
            ConfigError: it is not a row.
        """
        row = row_of(_document(name, declared), name)
        return list(_plugins(row))

    def declaration(
        self, *, base_url: str, key_variables: Sequence[str] = (), families: Sequence[str] = ("chat",)
    ) -> Mapping[str, Any]:
        """Return the row of a provider that differs in nothing else from OpenAI.

        Args:
            base_url: where its API is.
            key_variables: environment variables that may hold the key; none: it needs no key.
            families: what it serves.
        """
        key = {"env_key": list(key_variables)} if key_variables else {"key_optional": True}
        return {"base_url": base_url, **key, "families": list(families)}


def _plugins(row: Row) -> Iterator[DeclaredPlugin]:
    shared = None
    for family, part in row.families.items():
        if part.is_apart:
            plugin = plugin_of_row(row, family)
        else:
            plugin = shared = shared or plugin_of_row(row)
        for prefix in row.prefixes:
            yield DeclaredPlugin(plugin, family, prefix)


def _document(name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole row."""
    families = declared.get("families", ["chat"])
    if isinstance(families, list):
        families = {family: {} for family in families}
    return {**declared, "name": name, "families": families}


def _mistakes(name: str, declared: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for key, reason in FORBIDDEN.items():
        if key in declared:
            yield (key,), f"leave it out: {reason}"
    families = declared.get("families", ["chat"])
    if isinstance(families, list) and not all(isinstance(family, str) for family in families):
        yield ("families",), "must be a list of families, such as chat and embedding, or an object"
        return
    if isinstance(families, dict):
        for family, part in families.items():
            if isinstance(part, dict) and "plugin" in part:
                yield ("families", family, "plugin"), "only rows that are shipped are served by code"
    if not declared.get("base_url"):
        yield ("base_url",), "is missing: a URL such as 'https://api.acme.example/v1'"
        return
    if (problem := first_problem(_document(name, declared))) is not None:
        yield _placed(problem)
        return
    yield from _mistakes_of_urls(_document(name, declared))


def _mistakes_of_urls(document: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the URLs to which a key would go without encryption."""
    urls: list[tuple[Path, Any]] = [(("base_url",), document["base_url"])]
    urls += [(("families", name, "base_url"), part.get("base_url")) for name, part in document["families"].items()]
    for path, url in urls:
        if isinstance(url, str) and url.startswith("http://") and not may_be_plain(urlsplit(url).hostname or ""):
            yield path, "must begin with https://: http is for this machine and for private names and addresses only"


def may_be_plain(host: str) -> bool:
    """Return whether a host may be reached without TLS: this machine, a private address, a name of a private network.

    The servers by which a cloud tells a machine about itself are left out; and a number, such as `134744072`, is an
    address to some systems, and may be any.

    Source: RFC 1918, RFC 4193, RFC 6762, RFC 8375.
    """
    name = host.lower().rstrip(".")
    if name in METADATA_HOSTS:
        return False
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and not NUMBER.fullmatch(name) and ("." not in name or name.endswith(LOCAL_DOMAINS))
    inside = getattr(address, "ipv4_mapped", None) or address
    return inside.is_loopback or (inside.is_private and not inside.is_link_local)


def _placed(problem: str) -> tuple[Path, str]:
    """Return the place of a problem such as `quirks[2].params: must be …, not 7`, and what is accepted there."""
    place, _, message = problem.partition(": ")
    path = tuple(name or int(index) for name, index in STEP.findall(place)) if place != "the row" else ()
    return path, message.partition(", not ")[0]


source = DeclaredRows()
