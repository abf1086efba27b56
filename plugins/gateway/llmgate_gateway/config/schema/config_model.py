"""The base of every mapping in a config file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["ConfigModel"]

NOTHING: Mapping[str, str] = MappingProxyType({})


class ConfigModel(BaseModel):
    """One mapping of the file.

    Class attributes:
        familiar: LiteLLM's spelling of a key -> ours. table: the name of this section in `litellm_keys.json`.
    """

    model_config = ConfigDict(
        frozen=True,
        defer_build=True,  # the models of parts are built within that of the file, and most parts occur in no config
        extra="forbid",
        hide_input_in_errors=True,
        protected_namespaces=(),
    )
    familiar: ClassVar[Mapping[str, str]] = NOTHING
    table: ClassVar[str | None] = None
