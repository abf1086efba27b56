"""The facts about models, read from data files. Code looks them up here and never compares a model's name.

Files are read on first use. A missing fact means not known, never zero or false.

Source: `data/openai.json`, whose rows name theirs; `sources.py` has the full names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.catalogue.schema import ROW_KEYS, check_file
from llmgate_core.errors import ConfigError
from llmgate_core.json_codec import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmgate_core.contract.call import ModelFacts

__all__ = ["ROW_KEYS", "Catalogue", "ModelRow"]

DATE = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")
MAX_REMEMBERED_LOOKUPS = 4096  # callers choose the names, so the cache is bounded
MAX_REMEMBERED_CHARACTERS = 200  # a longer name is looked up each time
SHIPPED_FILES = ("openai.json",)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model: the row found for a name, which may be its base model's.

    Attributes:
        name: the name of the row. provider: the provider of the model. mode: the endpoint that serves it.
        prefix: the routing prefix that serves that mode; None: no plugin is known to serve it.
        facts: the whole row, read-only. as_of: the date on which it was checked; empty: not known.
    """

    name: str
    provider: str
    mode: str
    prefix: str | None
    facts: ModelFacts
    as_of: str = ""


class Catalogue:
    """Rows of one or more providers. `shipped()` reads the files of this package."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Mapping[str, Any]]] = {}  # provider -> name -> row
        self._prefixes: dict[str, Mapping[str, str]] = {}
        self._dates: dict[str, str] = {}
        self._lookups: dict[tuple[str | None, str], ModelRow | None] = {}

    @classmethod
    def shipped(cls, override_file: str | None = None) -> Catalogue:
        """Return the catalogue of this package, with the rows of `override_file` merged over it.

        Raises:
            ConfigError: the override file cannot be read or has an unknown key or an invalid value.
        """
        catalogue = cls()
        folder = Path(__file__).with_name("data")
        for name in SHIPPED_FILES:
            catalogue._merge(decode((folder / name).read_bytes()), name)  # checked by a test, not at every start
        return catalogue if override_file is None else catalogue.with_overrides(override_file)

    @classmethod
    def load(cls, paths: Iterable[str | Path]) -> Catalogue:
        """Return a catalogue of only these files, later ones merged over earlier ones.

        Raises:
            ConfigError: a file cannot be read or has an unknown key or an invalid value.
        """
        catalogue = cls()
        for path in paths:
            catalogue._add_file(path)
        return catalogue

    def with_overrides(self, path: str | Path) -> Catalogue:
        """Return a copy with the rows of a JSON file merged deeply over it; lists are replaced whole.

        The file is one catalogue object with partial rows, or a list of them, one for each provider.

        Raises:
            ConfigError: the file cannot be read or has an unknown key or an invalid value.
        """
        copy = Catalogue()
        copy._rows = dict(self._rows)  # `_merge` replaces a provider's rows and changes none in place
        copy._prefixes = dict(self._prefixes)
        copy._dates = dict(self._dates)
        copy._add_file(path)
        return copy

    def add(self, data: Mapping[str, Any], source: str) -> None:
        """Merge a provider's file; its facts win over earlier ones.

        Raises:
            ConfigError: the file is not valid; the message has `source` and the key.
        """
        check_file(data, source)
        self._merge(data, source)

    def find(self, name: str) -> ModelRow | None:
        """Return the row for a model's name, of any provider, or else the row of its base model.

        A trailing date is ignored if the name has no row; `ft:base:organization:name:id` looks for `ft:base`,
        then for `base`.
        """
        return self._find_cached(None, name)

    def lookup(self, provider: str, model: str) -> ModelRow | None:
        """Return the row for a model of one provider, by the rules of `find`."""
        return self._find_cached(provider, model)

    def as_of(self, provider: str) -> str | None:
        """Return the date on which the provider's rows were checked; None: not known."""
        return self._dates.get(provider)

    def prefix_for(self, provider: str, mode: str) -> str | None:
        """Return the routing prefix that serves `mode` at `provider`; None: no plugin is known to serve it."""
        return self._prefixes.get(provider, {}).get(mode)

    def default_prefix(self, mode: str) -> str | None:
        """Return the prefix that serves `mode` at the first provider that has one, for calls without a model."""
        return next((prefixes[mode] for prefixes in self._prefixes.values() if mode in prefixes), None)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`, sorted."""
        return sorted({name for rows in self._rows.values() for name in rows if name.startswith(prefix)})

    def near(self, name: str) -> list[str]:
        """Return up to three names that look like `name`, for an error message."""
        import difflib

        return difflib.get_close_matches(name[:MAX_REMEMBERED_CHARACTERS], self.names(), 3)

    def _find_cached(self, provider: str | None, name: str) -> ModelRow | None:
        key = (provider, name)
        if key in (lookups := self._lookups):
            return lookups.get(key)
        row = self._find(provider, name)
        if len(name) <= MAX_REMEMBERED_CHARACTERS:
            if len(lookups) >= MAX_REMEMBERED_LOOKUPS:
                self._lookups = lookups = {}  # another thread may still read the old one
            lookups[key] = row
        return row

    def _find(self, provider: str | None, name: str) -> ModelRow | None:
        providers = self._rows if provider is None else (provider,)
        for candidate in _candidates(name):
            for owner in providers:
                facts = self._rows.get(owner, {}).get(candidate)
                if facts is not None:
                    mode = facts["mode"]
                    prefix, date = self.prefix_for(owner, mode), self._dates.get(owner, "")
                    return ModelRow(candidate, owner, mode, prefix, MappingProxyType(dict(facts)), date)
        return None

    def _add_file(self, path: str | Path) -> None:
        try:
            data = decode(Path(path).read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: cannot be read as a catalogue: {error}") from error
        for part in data if isinstance(data, list) else [data]:
            self.add(part, str(path))

    def _merge(self, data: Mapping[str, Any], source: str) -> None:
        provider = data["provider"]
        rows = dict(self._rows.get(provider, {}))
        for name, row in data["models"].items():
            rows[name] = merged = _merge_rows(rows[name], row) if name in rows else row
            if not merged.get("mode"):
                raise ConfigError(f"{source}: models.{name} is a new model, so it needs a `mode`")
        self._rows[provider] = rows
        self._prefixes[provider] = {**self._prefixes.get(provider, {}), **data.get("prefix_by_mode", {})}
        if "as_of" in data:
            self._dates[provider] = data["as_of"]
        self._lookups = {}


def _candidates(name: str) -> Iterator[str]:
    yield name
    base = name
    if name.startswith("ft:"):
        base = name.split(":", 2)[1]
        yield f"ft:{base}"
        yield base
    yield DATE.sub("", base)


def _merge_rows(old_row: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old_row)
    for key, value in new.items():
        old = merged.get(key)
        merged[key] = _merge_rows(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
