"""Open the stores that a config names; what it does not name is kept in memory."""

from __future__ import annotations

from typing import Any

from llmgate_gateway.access.memory import MemoryBlobs, MemoryCounters
from llmgate_gateway.access.stores import Stores
from llmgate_gateway.config.extensions import STORES, load_extension
from llmgate_gateway.config.schema.file_schema import PluginChoice
from llmgate_gateway.config.schema.general import Extension, StoreSettings

__all__ = ["open_stores"]


def open_stores(settings: StoreSettings, plugins: PluginChoice) -> Stores:
    """Return the stores of a gateway.

    An entry point of the group `llmgate.gateway.stores` names a function that returns a store, given its options.

    Raises:
        LLMGateError: one is not installed or not allowed, several have it, or it cannot be imported.
    """
    return Stores(
        None if settings.keys is None else _open(settings.keys, plugins),
        MemoryCounters() if settings.counters is None else _open(settings.counters, plugins),
        MemoryBlobs() if settings.blobs is None else _open(settings.blobs, plugins),
    )


def _open(entry: Extension, plugins: PluginChoice) -> Any:
    return load_extension(STORES, entry.name, plugins)(entry.options)
