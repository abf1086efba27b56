"""Turn a list of models that another project publishes into catalogue parts, one for each provider.

Pure. Only what the list states becomes a fact; a capability that it denies does not, since such lists say false where
they do not know, and a catalogue's false refuses.

Source: docs/guide/models.md, "Take facts and prices from a public list".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmgate_core.catalogue.conversion.litellm import litellm_rows
from llmgate_core.catalogue.conversion.models_dev import models_dev_rows
from llmgate_core.catalogue.conversion.rows import Converted, SkippedModel
from llmgate_core.errors import ConfigError
from llmgate_core.json_codec import decode

__all__ = ["Conversion", "convert", "merge_parts"]

Rows = Callable[[Mapping[str, Any]], Iterable["Converted | SkippedModel"]]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a list.

    Attributes:
        parts: catalogue objects, by provider.
        left_out: why models were left out -> how many.
    """

    parts: Mapping[str, dict[str, Any]]
    left_out: Mapping[str, int]


def convert(data: object, *, as_of: date, wanted: Callable[[str], bool]) -> Conversion:
    """Return the catalogue parts of a list.

    Args:
        data: the decoded JSON file, in the shape of LiteLLM's or of models.dev's.
        as_of: the date of the list: models whose end it has passed are left out.
        wanted: whether the models of a provider, by our name, are converted.

    Raises:
        ConfigError: the file has neither shape.
    """
    parts: dict[str, dict[str, Any]] = {}
    left_out: dict[str, int] = {}
    names = _our_names()
    for item in _rows_of(data):
        provider = names.get(item.provider, item.provider)
        reason = item.reason if isinstance(item, SkippedModel) else _refusal(item, provider, as_of, wanted)
        if reason is not None or isinstance(item, SkippedModel):
            left_out[str(reason)] = left_out.get(str(reason), 0) + 1
            continue
        empty = {"provider": provider, "as_of": as_of.isoformat(), "models": {}}
        parts.setdefault(provider, empty)["models"].setdefault(item.name, item.row)
    return Conversion(MappingProxyType(dict(sorted(parts.items()))), MappingProxyType(left_out))


def merge_parts(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of a file with new rows merged over its own; what a new row does not say stays."""
    merged = {part["provider"]: dict(part) for part in old}
    for part in new:
        known = merged.get(part["provider"], {})
        rows = {**known.get("models", {})}
        rows.update((name, {**rows.get(name, {}), **row}) for name, row in part["models"].items())
        merged[part["provider"]] = {**known, **part, "models": rows}
    return [merged[name] for name in sorted(merged)]


def _refusal(item: Converted, provider: str, as_of: date, wanted: Callable[[str], bool]) -> str | None:
    if not wanted(provider):
        return "of a provider that was not asked for"
    ends = item.row.get("shutdown_date")
    return "retired by the date of the list" if ends is not None and ends <= as_of.isoformat() else None


def _rows_of(data: object) -> Iterator[Converted | SkippedModel]:
    if not isinstance(data, Mapping) or not data:
        raise ConfigError("a list of models is a JSON object, in the shape of LiteLLM's or of models.dev's")
    entries = [entry for entry in data.values() if isinstance(entry, Mapping)]
    shapes: tuple[tuple[str, Rows], ...] = (("litellm_provider", litellm_rows), ("models", models_dev_rows))
    for key, rows in shapes:
        if sum(key in entry for entry in entries) * 2 > len(entries):
            yield from rows(data)
            return
    raise ConfigError(
        "this is neither a list in the shape of LiteLLM's (entries with `litellm_provider`) nor one in that of "
        "models.dev's (providers with `models`)"
    )


@cache
def _our_names() -> Mapping[str, str]:
    """Return another project's name of a provider -> ours."""
    path = Path(__file__).parents[1].joinpath("data", "provider_names.json")
    names: dict[str, str] = decode(path.read_bytes())
    return MappingProxyType(names)
