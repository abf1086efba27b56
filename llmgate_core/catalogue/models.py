"""The facts about models, read from data files. Code looks them up here and never compares a model's name.

Files are read on first use. A missing fact means not known, never zero or false.

Source: `data/openai.json`, whose rows name theirs; `sources.py` has the full names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.catalogue.prices import ModelPrices
from llmgate_core.catalogue.schema import ROW_KEYS, check_file
from llmgate_core.errors import ConfigError
from llmgate_core.json_codec import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from llmgate_core.contract.call import ModelFacts

__all__ = ["ROW_KEYS", "Catalogue", "ModelRow"]

DATE = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")
MAX_REMEMBERED_LOOKUPS = 4096  # callers choose the names, so the cache is bounded
MAX_REMEMBERED_CHARACTERS = 200  # a longer name is looked up each time
SHIPPED_FILES = ("openai.json",)
FINE_TUNED = "ft:"
NOT_OF_FINE_TUNED = frozenset({"pricing", "status", "shutdown_date", "announce_shutdown"})
"""Facts of a base model that say nothing of a model fine-tuned from it, which has prices and an end of its own."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model: the row found for a name, which may be its base model's.

    Attributes:
        name: the name of the row. provider: the provider of the model. mode: the endpoint that serves it.
        prefix: the routing prefix that serves that mode; None: no plugin is known to serve it.
        facts: the whole row, read-only. as_of: the date on which it was checked; empty: not known.
        prices: the prices in it.
    """

    name: str
    provider: str
    mode: str
    prefix: str | None
    facts: ModelFacts
    as_of: str = ""
    prices: ModelPrices = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prices", ModelPrices(self.facts, self.as_of))


class Catalogue:
    """Rows of one or more providers. `shipped()` reads the files of this package."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Mapping[str, Any]]] = {}  # provider -> name -> row
        self._prefixes: dict[str, Mapping[str, str]] = {}
        self._dates: dict[str, str] = {}
        self._of_plugins: frozenset[str] = frozenset()  # providers of which we ship no rows
        self._unread: dict[str, Callable[[], Mapping[str, Any] | None]] = {}  # provider -> reads its plugin's file
        self.unused_rows: tuple[str, ...] = ()
        """Rows of the user's file that correct a model that no installed plugin gives."""
        self._lookups: dict[tuple[str | None, str], ModelRow | None] = {}

    @classmethod
    def shipped(cls) -> Catalogue:
        """Return the catalogue of this package."""
        catalogue = cls()
        for name in SHIPPED_FILES:
            catalogue._merge(_shipped_file(name), name)  # checked by a test, not at every start
        return catalogue

    @classmethod
    def load(cls, paths: Iterable[str | Path]) -> Catalogue:
        """Return a catalogue of only these files, later ones merged over earlier ones.

        Raises:
            ConfigError: a file cannot be read or has an unknown key or an invalid value.
        """
        catalogue = cls()
        for path in paths:
            for part in _parts(path):
                catalogue.add(part, str(path))
        return catalogue

    def with_overrides(self, path: str | Path) -> Catalogue:
        """Return a copy with the rows of a JSON file merged deeply over it; lists are replaced whole.

        The file is one catalogue object with partial rows, or a list of them, one for each provider. A partial row of
        a model that its provider's plugin does not give, because it is not installed or broken, goes to `unused_rows`.

        Raises:
            ConfigError: the file cannot be read or has an unknown key or an invalid value.
        """
        copy = Catalogue()
        copy._rows = dict(self._rows)  # `_merge` replaces a provider's rows and changes none in place
        copy._prefixes = dict(self._prefixes)
        copy._dates = dict(self._dates)
        copy._of_plugins = self._of_plugins
        copy._unread = dict(self._unread)
        for part in _parts(path):
            copy.add(copy._without_unused(part, str(path)), str(path))
        return copy

    def add_unread(self, provider: str, read: Callable[[], Mapping[str, Any] | None]) -> None:
        """Add a plugin's file that is read when a model of its provider is looked up, or a name that no row has.

        `read` returns what `add_of_plugin` takes, or None. Of two threads both may call it.
        """
        self._unread[provider] = read

    def read_all(self) -> None:
        """Read every file that was added and has not been read."""
        for provider in tuple(self._unread):
            self._read(provider)

    def _read(self, provider: str) -> None:
        read = self._unread.get(provider)
        if read is not None:
            data = read()
            if data is not None:
                self.add_of_plugin(data)
            self._unread.pop(provider, None)  # last, so that no other thread finds neither the file nor its rows

    def add_of_plugin(self, data: Mapping[str, Any]) -> None:
        """Merge a plugin's file, checked by `usable_part`. Its bare names never win over those of shipped rows."""
        if data["provider"] not in self._rows:
            self._of_plugins |= {data["provider"]}
        self._merge(data, data["provider"])

    def add(self, data: Mapping[str, Any], source: str) -> None:
        """Merge a provider's file; its facts win over earlier ones.

        Raises:
            ConfigError: the file is not valid; the message has `source` and the key.
        """
        check_file(data, source)
        self._read(data["provider"])  # whose rows come before these
        self._merge(data, source)

    def find(self, name: str) -> ModelRow | None:
        """Return the row for a model's name, of any provider, or else the row of its base model.

        A trailing date is ignored if the name has no row; `ft:base:organization:name:id` looks for `ft:base`,
        then for `base`, of which it has no prices and no date of its end. Rows of plugins come last, so that
        installing one redirects no name; a name that several of them serve has no row here, see `rivals`.
        """
        return self._find_cached(None, name)

    def rivals(self, name: str) -> list[str]:
        """Return the prefixes of the plugins that each serve a name, if there are several; else an empty list."""
        self.read_all()
        prefixes = [row.prefix for row in self._rows_of_plugins(name) if row.prefix is not None]
        return sorted(prefixes) if len(prefixes) > 1 else []

    def owners(self, name: str) -> list[str]:
        """Return the providers that have a row for a name or its base model, sorted."""
        self.read_all()
        return sorted({row.provider for row in self._matches(name, tuple(self._rows))})

    def lookup(self, provider: str, model: str) -> ModelRow | None:
        """Return the row for a model of one provider, by the rules of `find`."""
        return self._find_cached(provider, model)

    def lookup_by_prefix(self, prefix: str, mode: str, model: str) -> ModelRow | None:
        """Return the row for a model of the provider that serves `mode` under a prefix; None: no such row."""
        self._read(prefix.partition("/")[0])
        owners = [owner for owner, prefixes in self._prefixes.items() if prefixes.get(mode) == prefix]
        return next(filter(None, (self.lookup(owner, model) for owner in owners)), None)

    def base(self, provider: str, name: str) -> ModelRow | None:
        """Return the row that a caller names as the base of another model: the provider's own, else anybody's.

        A prefix in front of the name, as in model strings, counts only if the whole name has no row.
        """
        bare = name.rpartition("/")[2]
        for candidate in dict.fromkeys((name, bare)):
            row = self.lookup(provider, candidate) or self.find(candidate)
            if row is not None:
                return row
        return None

    def as_of(self, provider: str) -> str | None:
        """Return the date on which the provider's rows were checked; None: not known."""
        self._read(provider)
        return self._dates.get(provider)

    def prefix_for(self, provider: str, mode: str) -> str | None:
        """Return the routing prefix that serves `mode` at `provider`; None: no plugin is known to serve it."""
        self._read(provider)
        return self._prefixes.get(provider, {}).get(mode)

    def default_prefix(self, mode: str) -> str | None:
        """Return the prefix that serves `mode` at the first provider that has one, for calls without a model."""
        first = next((prefixes[mode] for prefixes in self._prefixes.values() if mode in prefixes), None)
        if first is None and self._unread:
            self.read_all()
            return self.default_prefix(mode)
        return first

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`, sorted."""
        self.read_all()
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
        if provider is not None:
            self._read(provider)
            return next(self._matches(name, (provider,)), None)
        first = next(self._matches(name, [owner for owner in self._rows if owner not in self._of_plugins]), None)
        if first is not None:
            return first
        self.read_all()
        rows = self._rows_of_plugins(name)
        serving = [row for row in rows if row.prefix is not None]
        return next(iter(serving or rows), None) if len(serving) < 2 else None

    def _rows_of_plugins(self, name: str) -> list[ModelRow]:
        """Return the rows of plugins' providers for the form of a name that fits best, one a provider at most."""
        rows = list(self._matches(name, sorted(self._of_plugins)))
        return [row for row in rows if row.name == rows[0].name]

    def _matches(self, name: str, providers: Iterable[str]) -> Iterator[ModelRow]:
        for candidate in dict.fromkeys(_candidates(name)):
            for owner in providers:
                facts = self._rows.get(owner, {}).get(candidate)
                if facts is not None:
                    mode = facts["mode"]
                    prefix, date = self.prefix_for(owner, mode), self._dates.get(owner, "")
                    is_base = name.startswith(FINE_TUNED) and not candidate.startswith(FINE_TUNED)
                    left_out = NOT_OF_FINE_TUNED if is_base else frozenset()
                    known = {key: fact for key, fact in facts.items() if key not in left_out}
                    yield ModelRow(candidate, owner, mode, prefix, MappingProxyType(known), date)

    def _without_unused(self, part: Any, source: str) -> Any:
        """Return a part of the user's file without the rows that only correct a model of which there is no row."""
        check_file(part, source)
        provider, rows = part["provider"], part["models"]
        self._read(provider)
        known = self._rows.get(provider, {})
        if provider in self._rows and provider not in self._of_plugins:
            return part
        unused = [name for name, row in rows.items() if name not in known and not row.get("mode")]
        self.unused_rows += tuple(
            f"{source}: models.{name} is not used: it has no `mode`, and no installed plugin gives a model of that "
            f"name for {provider!r}"
            for name in unused
        )
        return {**part, "models": {name: row for name, row in rows.items() if name not in unused}}

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


@cache
def _shipped_file(name: str) -> Mapping[str, Any]:
    """Return a file of this package. All catalogues share its rows, since merging makes new ones."""
    content: Mapping[str, Any] = decode(Path(__file__).with_name("data").joinpath(name).read_bytes())
    return content


def _parts(path: str | Path) -> list[Any]:
    try:
        data = decode(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a catalogue: {error}") from error
    return data if isinstance(data, list) else [data]


def _candidates(name: str) -> Iterator[str]:
    yield name
    base = name
    if name.startswith(FINE_TUNED):
        base = name.split(":", 2)[1]
        yield f"{FINE_TUNED}{base}"
        yield base
    yield DATE.sub("", base)


def _merge_rows(old_row: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old_row)
    for key, value in new.items():
        old = merged.get(key)
        merged[key] = _merge_rows(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
