"""The providers whose plugins we ship, as data: addresses, environment variables, headers.

A provider is a row of `data/providers.json`; its plugins select it by name. A plugin of another provider builds its
`ProviderInfo` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import ConfigError
from llmgate_core.json_codec import decode

__all__ = ["provider_info", "shipped_providers"]


def provider_info(name: str, *, api: tuple[int, int] = (1, 0), operations: Iterable[str] = ()) -> ProviderInfo:
    """Return the facts of a provider whose row we ship.

    Args:
        name: the row's key, which is also the provider's name in errors, ledger and catalogue.
        api: version of the contract that the plugin was written for.
        operations: what the plugin serves besides `create`, as `family.operation`.

    Raises:
        ConfigError: there is no such row.
    """
    rows = _rows()
    if name not in rows:
        raise ConfigError(f"there is no provider {name!r} in data/providers.json; there are {', '.join(sorted(rows))}")
    return ProviderInfo(api=api, name=name, operations=frozenset(operations), **rows[name])


def shipped_providers() -> frozenset[str]:
    """Return the names of the providers whose rows we ship."""
    return frozenset(_rows())


@cache
def _rows() -> Mapping[str, Mapping[str, Any]]:
    rows = decode(Path(__file__).with_name("data").joinpath("providers.json").read_bytes())
    return {name: {key: _frozen(value) for key, value in row.items()} for name, row in rows.items()}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
