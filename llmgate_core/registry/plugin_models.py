"""The models that installed plugins list, added to a catalogue: files at once, those of a folder when they are needed.

Imports no plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.errors import ConfigError
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.model_files import add_models, model_folder, read_models, unreadable
from llmgate_core.registry.notices import PluginNotice
from llmgate_core.registry.ownership import Ownership, shown
from llmgate_core.registry.plugin_lock import refusal_now

__all__ = ["PluginModels"]


class PluginModels:
    """The files of models of one client.

    Attributes:
        notices: what a file may not say, or says wrongly, and is left out of it, of the files that have been read.
    """

    def __init__(self) -> None:
        self.notices: tuple[PluginNotice, ...] = ()

    def add_to(self, catalogue: Catalogue, claims: Iterable[PluginEntryPoint], ownership: Ownership) -> None:
        """Add the models of the entry points of the group `llmgate.models` among `claims`, which may be used."""
        notices: list[PluginNotice] = []
        for claim in claims:
            if claim.family != "models":
                continue
            try:
                folder = model_folder(claim)
            except (OSError, ValueError, ImportError, ConfigError) as error:
                notices.append(unreadable(claim, error))
                continue
            if folder is None:
                notices += add_models(catalogue, claim, ownership)
            for provider, path in (folder or {}).items():
                catalogue.add_unread(provider, partial(self._read, ownership, claim, path, provider))
        self.notices = tuple(notices)

    def _read(
        self, ownership: Ownership, claim: PluginEntryPoint, path: Path, provider: str
    ) -> Mapping[str, Any] | None:
        """Read one file of a folder, unless its distribution has changed since the lock was checked."""
        reason = refusal_now(claim.distribution)
        if reason is not None:
            refusal = PluginNotice("models", f"{shown((claim,))}: {reason}", claim)
            self.notices = tuple(dict.fromkeys((*self.notices, refusal)))
            return None
        data, notices = read_models(claim, ownership, path, provider)
        self.notices = tuple(dict.fromkeys((*self.notices, *notices)))
        return data
