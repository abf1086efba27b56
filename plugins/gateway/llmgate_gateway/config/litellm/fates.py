"""What becomes of each of LiteLLM's keys: the one table that the check of a config, `migrate` and the pages read.

Pure but for reading the data files, once.

Source: `litellm_keys.json` and `request_params.json` beside this file, which name theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

__all__ = [
    "Fate",
    "environment_fate",
    "environment_fates",
    "fate_of",
    "fate_of_value",
    "litellm_keys",
    "request_params",
]

SETTINGS_OF_THE_TABLE = ("source", "guard_callbacks", "harmless_values", "environment")
ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a LiteLLM key.

    Attributes:
        what: `differs` (it works, with another meaning), `ignored`, `refused` or `moved`; a key of the schema that is
            not in the table works.
        why: how it differs, why it is harmless, why it is refused and the way out, or where it moved to.
    """

    what: str
    why: str


@cache
def litellm_keys() -> Mapping[str, Mapping[str, Fate]]:
    """Return section -> key -> its fate; a key may end in `*`."""
    tables = _data("litellm_keys.json")
    return MappingProxyType({part: _fates(tables[part]) for part in tables if part not in SETTINGS_OF_THE_TABLE})


@cache
def request_params() -> frozenset[str]:
    """Return the names of all known request parameters."""
    data = _data("request_params.json")
    return frozenset(data["openai"]) | frozenset(data["others"])


def environment_fate(name: str) -> Fate:
    """Return what happens to one of the variables that LiteLLM reads from its process's environment."""
    fates = environment_fates()
    return fates.get(name) or fates["*"]


@cache
def environment_fates() -> Mapping[str, Fate]:
    """Return variable -> what happens to it; `*` stands for every other variable of LiteLLM's."""
    return _fates(_data("litellm_keys.json")[ENVIRONMENT])


def fate_of(table: str | None, key: str) -> Fate | None:
    """Return what happens to a LiteLLM key in a section, or None if the key is not known."""
    fates = litellm_keys().get(table, {}) if table is not None else {}
    if (fate := fates.get(key)) is not None:
        return fate
    return next((fates[f"{start}*"] for start in _starts(table or "") if key.startswith(start)), None)


def fate_of_value(table: str | None, key: str, value: Any) -> Fate | None:
    """Return the fate of a key with this value. One that is switched off is ignored: that removes no protection."""
    fate = fate_of(table, key)
    if table == "settings" and key == "callbacks":
        return _fate_of_callbacks(value if isinstance(value, list) else [value])
    if fate is None or fate.what != "refused":
        return fate
    is_harmless = isinstance(value, str) and value in _data("litellm_keys.json")["harmless_values"].get(key, ())
    return Fate("ignored", "it is switched off") if not value or is_harmless else fate


def _fate_of_callbacks(names: list[Any]) -> Fate:
    guards = _data("litellm_keys.json")["guard_callbacks"]
    if any(isinstance(name, str) and ("." in name or name in guards) for name in names):
        return Fate("refused", "it may check or change requests, which would then go unchecked; write a middleware")
    return Fate("ignored", "there are no logging callbacks; the gateway writes its own log, metrics and spans")


def _fates(table: Mapping[str, Mapping[str, list[str]]]) -> Mapping[str, Fate]:
    return MappingProxyType(
        {key: Fate(what, why) for what, reasons in table.items() for why, keys in reasons.items() for key in keys}
    )


@cache
def _starts(table: str) -> tuple[str, ...]:
    starts = (key[:-1] for key in litellm_keys().get(table, {}) if key.endswith("*"))
    return tuple(sorted(starts, key=len, reverse=True))


@cache
def _data(name: str) -> Any:
    return json.loads(FilePath(__file__).with_name(name).read_bytes())
