"""A row: what one provider that speaks the OpenAI API is, and in what it differs from OpenAI. Pure data.

A row is JSON, so that it can be written without Python; `row.schema.json` says what it may have, and the page
docs/providers/openai-compatible.md explains it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import Option, ProviderInfo, Route, decode, errors
from llmgate_providers.row_schema import first_problem

__all__ = ["FamilyRow", "Quirk", "Row", "read_row", "row_of"]

API = (1, 1)
NOTHING: Mapping[str, Any] = MappingProxyType({})
COMMON = frozenset({"do", "families", "models", "reason", "source"})


@dataclass(frozen=True, slots=True)
class Quirk:
    """One thing in which a provider differs from OpenAI.

    Attributes:
        do: what is done about it: a name of `row.schema.json`, such as `rename`.
        families: of which calls.
        models: a pattern of the whole model name; None: all models.
        reason: why, for the ledger and for errors. source: the document that says so.
        given: whatever else the row says about it, by name.
    """

    do: str
    families: tuple[str, ...]
    models: re.Pattern[str] | None
    reason: str
    source: str
    given: Mapping[str, Any] = field(hash=False)

    def concerns(self, route: Route) -> bool:
        """Return whether the model of a route is one of those that it is about."""
        return self.models is None or self.models.fullmatch(route.model) is not None


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """How a provider serves one family.

    Attributes:
        base_url: where, if it is another place than the row's.
        path: below the base URL, if it is not OpenAI's.
        operations: those that it serves besides `create`.
        key_header, key_prefix, headers: as of the row, where this family has others.
        plugin: `module:object` of a plugin that serves it by code; only of rows that are shipped.
    """

    base_url: str | None = None
    path: str | None = None
    operations: tuple[str, ...] = ()
    key_header: str | None = None
    key_prefix: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    plugin: str | None = None

    @property
    def is_apart(self) -> bool:
        """Whether it needs a plugin object of its own: another base URL, another header of the key, other headers."""
        return bool(self.base_url or self.key_header or self.headers)


@dataclass(frozen=True, slots=True)
class Row:
    """One provider.

    Attributes:
        name: the prefix, and the provider's name in errors and the ledger.
        label: the name for people.
        aliases: further prefixes.
        base_url: as of `ProviderInfo`; empty: there is none, the caller gives one.
        headers: sent with every request; `{option}` in a value stands for an option, and a header whose option is not
            set is left out.
        is_local: a server that the user runs: no key is needed, and it is reached by http.
        tier: `verified` (somebody has called it, on `checked`), `documented` or `unverified`.
        base_urls_seen: other base URLs that a source has, and which.
    """

    name: str
    label: str
    base_url: str
    aliases: tuple[str, ...] = ()
    env_base_url: tuple[str, ...] = ()
    env_key: tuple[str, ...] = ()
    env_project: tuple[str, ...] = ()
    project_header: str | None = None
    key_optional: bool = False
    key_header: str = "authorization"
    key_prefix: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    options: tuple[Option, ...] = ()
    families: Mapping[str, FamilyRow] = field(default_factory=dict, hash=False)
    quirks: tuple[Quirk, ...] = ()
    encodes_vectors: bool | None = None
    is_local: bool = False
    request_id_header: str = "x-request-id"
    cost_field: str = ""
    source: str = ""
    checked: str = ""
    tier: str = "unverified"
    docs: str = ""
    note: str = ""
    base_urls_seen: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return (self.name, *self.aliases)

    def info(self, family: str | None = None) -> ProviderInfo:
        """Return what core needs to know: of a family that is apart, or of all others."""
        part = self.families[family] if family is not None else FamilyRow()
        served = (family,) if family is not None else tuple(it for it, row in self.families.items() if not row.is_apart)
        return ProviderInfo(
            api=API,
            name=self.name,
            base_url=part.base_url or self.base_url,
            env_key=self.env_key or None,
            env_base_url=() if part.base_url else self.env_base_url,
            env_project=self.env_project,
            env_key_optional=self.key_optional,
            project_header=self.project_header,
            operations=frozenset(f"{it}.{name}" for it in served for name in self.families[it].operations),
            headers={name: value for name, value in {**self.headers, **part.headers}.items() if "{" not in value},
            key_header=part.key_header or self.key_header,
            key_prefix=part.key_prefix if part.key_header else self.key_prefix,
            request_id_header=self.request_id_header,
            options=self.options,
            cost_field=self.cost_field,
        )

    def header_templates(self, family: str | None = None) -> Mapping[str, str]:
        """Return the headers that depend on options: name -> value with `{option}`."""
        headers = {**self.headers, **(self.families[family].headers if family is not None else NOTHING)}
        return MappingProxyType({name: value for name, value in headers.items() if "{" in value})


def read_row(content: bytes, where: str) -> Row:
    """Return the row that a file has.

    Args:
        content: JSON.
        where: the file's name, for errors.

    Raises:
        ConfigError: it is not JSON, or not a row; the message says where, and what is accepted there.
    """
    try:
        document = decode(content)
    except ValueError as error:
        raise errors.ConfigError(f"{where}: not JSON: {error}") from None
    return row_of(document, where)


def row_of(document: Any, where: str, *, is_shipped: bool = False) -> Row:
    """Return the row that a JSON object is.

    Args:
        document: the parsed object. It is not changed.
        where: where it comes from, for errors.
        is_shipped: it comes with this package, so that it may name code.

    Raises:
        ConfigError: it is not a row; the message says where, and what is accepted there.
    """
    problem = first_problem(document) or _problem_of(document, is_shipped=is_shipped)
    if problem is not None:
        raise errors.ConfigError(f"{where}: {problem}")
    plain = {name: value for name, value in document.items() if name in PLAIN}
    lists: dict[str, Any] = {name: tuple(document[name]) for name in LISTS if name in document}
    key = document.get("key", NOTHING)
    return Row(
        **plain,
        **lists,
        label=document.get("label") or document["name"],
        key_header=key.get("header", "authorization"),
        key_prefix=key.get("prefix"),
        options=tuple(_option(it) for it in document.get("options", ())),
        families={name: _family(it) for name, it in document["families"].items()},
        quirks=tuple(_quirk(it, document) for it in document.get("quirks", ())),
    )


PLAIN = frozenset(
    {
        "name",
        "base_url",
        "project_header",
        "key_optional",
        "headers",
        "encodes_vectors",
        "is_local",
        "request_id_header",
        "cost_field",
        "source",
        "checked",
        "tier",
        "docs",
        "note",
        "base_urls_seen",
    }
)
NOT_OF_ROWS = frozenset({"authorization", "host", "content-length", "content-type", "transfer-encoding", "connection"})
LISTS = ("aliases", "env_base_url", "env_key", "env_project")


def _option(given: Mapping[str, Any]) -> Option:
    return Option(**{**given, "env": tuple(given.get("env", ()))})


def _family(given: Mapping[str, Any]) -> FamilyRow:
    key = given.get("key", NOTHING)
    return FamilyRow(
        base_url=given.get("base_url"),
        path=given.get("path"),
        operations=tuple(given.get("operations", ())),
        key_header=key.get("header"),
        key_prefix=key.get("prefix"),
        headers=given.get("headers", {}),
        plugin=given.get("plugin"),
    )


def _quirk(given: Mapping[str, Any], document: Mapping[str, Any]) -> Quirk:
    pattern = given.get("models")
    return Quirk(
        do=given["do"],
        families=tuple(given.get("families", ("chat",))),
        models=None if pattern is None else re.compile(pattern, re.IGNORECASE),
        reason=given["reason"],
        source=given.get("source") or document.get("source") or f"the row {document['name']}",
        given=MappingProxyType({name: value for name, value in given.items() if name not in COMMON}),
    )


def _problem_of(document: Mapping[str, Any], *, is_shipped: bool) -> str | None:
    """Return what a schema cannot say: a pattern that does not compile, a header that is not the row's to set."""
    for index, quirk in enumerate(document.get("quirks", ())):
        if "models" in quirk and (problem := _problem_of_pattern(quirk["models"])) is not None:
            return f"quirks[{index}].models: {problem}"
    for family, part in document["families"].items():
        if "plugin" in part and not is_shipped:
            return f"families.{family}.plugin: only the rows of llmgate-providers may name code; leave it out"
    for part in (document, *document["families"].values()):
        for name, value in part.get("headers", NOTHING).items():
            if (problem := _problem_of_header(name, value, part.get("key", NOTHING), document)) is not None:
                return f"headers.{name}: {problem}"
    return None


def _problem_of_header(name: str, value: str, key: Mapping[str, Any], document: Mapping[str, Any]) -> str | None:
    if name.lower() in {
        *NOT_OF_ROWS,
        key.get("header", "").lower(),
        document.get("key", key).get("header", "").lower(),
    }:
        return "it is set by llmgate itself; `key` says how the key is sent"
    options = {option["name"]: option for option in document.get("options", ())}
    for option in re.findall(r"\{(\w*)\}", value):
        if option not in options:
            return f"{{{option}}} is not one of the row's options: {', '.join(options) or 'none'}"
        if options[option].get("secret"):
            return f"the option {option!r} is secret, and only the key is sent; `key` says in which header"
    return None


def _problem_of_pattern(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"must be a regular expression of the whole model name, not {pattern!r}: {error}"
    return None
