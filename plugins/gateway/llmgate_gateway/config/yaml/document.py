"""Read YAML into nodes that know their place. Refuses what a config never needs.

No tags, no duplicate keys, no second document, and limits on size, depth, aliases and values, with merged ones counted
in full; so no file makes this slow or runs code. Keys are strings as written. Values are read as in YAML 1.1, except
dates and base-60 numbers, which stay strings.

Source: row S22 of docs/reliability.md; YAML 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from llmgate_gateway.config.yaml.problems import Path, Problems, shown_key

__all__ = ["Entry", "Node", "node_of", "parse"]

MAX_DEPTH = 50
MAX_ALIASES = 10_000
MAX_VALUES = 200_000
"""With aliases and merged keys counted in full: 10,000 deployments of a dozen keys each, read in some seconds."""
PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is 10 times faster; the marks are the same
AT_CONTEXT = ("quoted scalar", "simple key")
EXPLANATIONS = (
    (re.compile("alias"), 'a value that begins with * is an alias; put it in quotes, such as "*" or "openai/*"'),
    (re.compile("cannot start any token"), "a value cannot begin with this character; put it in quotes"),
    (re.compile("mapping values are not allowed"), "a ':' where there can be no key; put the value in quotes"),
    (re.compile("quoted scalar.*unexpected end", re.DOTALL), "this quote is never closed"),
    (re.compile("simple key"), "this line has no ':' after its key"),
    (re.compile("flow (sequence|mapping|node)"), "this bracket is never closed"),
    (re.compile("block (collection|mapping)|document start"), "this line is not indented like the lines it belongs to"),
)


@dataclass(slots=True, eq=False)
class Entry:
    """A key of a mapping: the key as written, its place, its value."""

    written: str
    line: int
    column: int
    node: Node


@dataclass(slots=True, eq=False)
class Node:
    """A value: a string, a number, a boolean, None, a list of nodes, or a dict of entries.

    Attributes:
        values: how many values it holds in total, itself included. height: how deep it is nested.
        variable: the environment variable that the value came from; None: it is in the file.
        unset: there is no such variable, so the value is not checked.
        is_anchor: it has an anchor, so its only use may be that others refer to it.
    """

    value: Any
    line: int = 0
    column: int = 0
    values: int = 1
    height: int = 1
    variable: str | None = None
    unset: bool = False
    is_anchor: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """Line and column, counted from 1; zeros without a file."""
        return self.line, self.column

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def find(self, path: Path) -> tuple[tuple[int, int], Path]:
        """Return the place of the value at `path`, and the path as the file spells it, as far as the file has it."""
        node, place, written = self, self.place, list[str | int]()
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                entry = node.value[part]
                place, node = (entry.line, entry.column), entry.node
                written.append(entry.written)
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                place = node.place
                written.append(part)
            else:
                break
        if isinstance(node.value, dict | list) or not written:
            return place, tuple(written)
        return node.place, tuple(written)

    def is_unset(self, path: Path) -> bool:
        """Return whether the value at `path` is a reference to a variable that is not set."""
        node: Node | None = self
        for part in path:
            holder = None if node is None else node.value
            if isinstance(holder, dict) and part in holder:
                node = holder[part].node
            elif isinstance(holder, list) and isinstance(part, int) and part < len(holder):
                node = holder[part]
            else:
                return False
        return node is not None and node.unset

    def leave_out_unset(self, path: Path) -> bool:
        """Take a value out whose variable is not set, the last on the way to `path`; return whether there was one."""
        node: Node = self
        for part in path:
            holder = node.value
            if isinstance(holder, dict) and part in holder:
                node = holder[part].node
                if node.unset:
                    del holder[part]
            elif isinstance(holder, list) and isinstance(part, int) and part < len(holder):
                node = holder[part]
                if node.unset:
                    del holder[part]
            else:
                return False
            if node.unset:
                return True
        return False


def node_of(value: Any) -> Node:
    """Return a node without places for a value of this process."""
    if isinstance(value, Mapping):
        return Node({str(key): Entry(str(key), 0, 0, node_of(item)) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return Node([node_of(item) for item in value])
    return Node(value)


def parse(text: str, problems: Problems) -> Node | None:
    """Return the root of a YAML document, or None if it cannot be read; mistakes go into `problems`."""
    builder = _Builder(problems)
    loader = None
    try:
        loader = PARSER(text)
        while loader.check_event():
            if not builder.take(loader.get_event()):
                break
    except yaml.reader.ReaderError as error:
        place = _place_at(text, error.position)
        builder.root = None
        problems.add(place, (), "a control character; a config must be plain text")
    except yaml.MarkedYAMLError as error:
        builder.root = None
        problems.add(*_explain(error, text, builder.stack))
    finally:
        if loader is not None:
            loader.dispose()
    return builder.root


def _explain(error: yaml.MarkedYAMLError, text: str, stack: list[_Open]) -> tuple[tuple[int, int], Path, str]:
    """Return place, path and message for a parser error: where the mistake begins, not where it was noticed."""
    description = f"{error.context or ''}: {error.problem or ''}"
    at_context = error.context_mark is not None and any(part in description for part in AT_CONTEXT)
    mark: Any = error.context_mark if at_context and "escape" not in description else error.problem_mark
    place = (mark.line + 1, mark.column + 1)
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        return (place[0], indentation.index("\t") + 1), (), "a tab; YAML is indented with spaces"
    if " flow " in description:
        place = next((opened.node.place for opened in reversed(stack) if opened.flow), place)
    return (
        place,
        (),
        next(
            (message for pattern, message in EXPLANATIONS if pattern.search(description)), f"not YAML: {error.problem}"
        ),
    )


def _place_at(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


@dataclass(slots=True)
class _Open:
    """A list or mapping that is still open.

    Attributes:
        key: of a mapping, the key that waits for its value. skip: that value is dropped.
        merge: the key `<<`. merged: its value; the keys of the mapping itself override it.
    """

    node: Node
    anchor: str | None
    flow: bool
    key: Entry | None = None
    skip: bool = False
    merge: Entry | None = None
    merged: Node | None = None


class _Scalars(yaml.constructor.SafeConstructor, yaml.resolver.Resolver):
    """PyYAML's conversion of plain scalars, without its parser."""

    def __init__(self) -> None:
        yaml.constructor.SafeConstructor.__init__(self)
        yaml.resolver.Resolver.__init__(self)
        prefix = "tag:yaml.org,2002:"
        self._makers: dict[str, Any] = {
            f"{prefix}null": self.construct_yaml_null,
            f"{prefix}bool": self.construct_yaml_bool,
            f"{prefix}int": self.construct_yaml_int,
            f"{prefix}float": self.construct_yaml_float,
        }

    def read(self, event: Any) -> Any:
        """Return the value of a scalar; quoted ones, dates and those with a colon are strings."""
        if event.style or not event.implicit[0] or ":" in event.value:
            return event.value
        tag: Any = self.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call]  # no stub
        maker = self._makers.get(tag)
        if maker is None:
            return event.value
        try:
            return maker(yaml.ScalarNode(tag, event.value))
        except ValueError:  # looks like a number but is not one, such as 0_
            return event.value


@dataclass(slots=True)
class _Builder:
    """Builds nodes from events; after a mistake that does not affect the rest, it goes on."""

    problems: Problems
    root: Node | None = None
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, Node | None] = field(default_factory=dict)
    aliases: int = 0
    values: int = 0
    documents: int = 0
    scalars: _Scalars = field(default_factory=_Scalars)

    def take(self, event: Any) -> bool:
        """Take the next event; return False if there is no point in going on."""
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.DocumentStartEvent):
            return self._document(place)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place)
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event.tag, place)
            return self._scalar(event, place)
        if isinstance(event, yaml.CollectionStartEvent):
            self._refuse_tag(event.tag, place)
            return self._open(event, place)
        if isinstance(event, yaml.CollectionEndEvent):
            self._merge(self.stack[-1])
            closed = self.stack.pop()
            if closed.anchor:
                self.anchors[closed.anchor] = closed.node
                closed.node.is_anchor = True
            return self._put(closed.node)
        return True

    def _document(self, place: tuple[int, int]) -> bool:
        self.documents += 1
        if self.documents > 1:
            return self._stop(place, "a second document begins here; a config must be a single document")
        return True

    def _refuse_tag(self, tag: str | None, place: tuple[int, int]) -> None:
        if tag is not None:
            self.problems.add(place, (), "tags (words that begin with '!') are not allowed; put the value in quotes")

    def _alias(self, anchor: str, place: tuple[int, int]) -> bool:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            return self._stop(place, f"more than {MAX_ALIASES:,} aliases")
        node = self.anchors.get(anchor)
        if node is None and anchor in self.anchors:
            return self._stop(place, "this alias refers to a value that contains it")
        if node is None:
            return self._stop(
                place, 'an alias without an anchor; put a value that begins with * in quotes, such as "*"'
            )
        if self._wants_key():
            return self._stop(place, "a key must be a string, not an alias")
        if len(self.stack) + node.height > MAX_DEPTH:
            return self._stop(place, f"nested deeper than {MAX_DEPTH} levels")
        return self._count(node.values, place) and self._put(node)

    def _scalar(self, event: Any, place: tuple[int, int]) -> bool:
        if self._wants_key():
            return self._key(event, place)
        node = Node(self.scalars.read(event), *place)
        if event.anchor:
            self.anchors[event.anchor] = node
            node.is_anchor = True
        return self._count(1, place) and self._put(node)

    def _open(self, event: Any, place: tuple[int, int]) -> bool:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if self._wants_key():
            return self._stop(place, "a key must be a string, not a list or a mapping")
        if len(self.stack) >= MAX_DEPTH:
            return self._stop(place, f"nested deeper than {MAX_DEPTH} levels")
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(Node({} if is_mapping else [], *place), event.anchor, bool(event.flow_style)))
        return self._count(1, place)

    def _key(self, event: Any, place: tuple[int, int]) -> bool:
        holder = self.stack[-1]
        text = event.value
        is_merge = text == "<<" and event.implicit[0]
        other = holder.merge if is_merge else holder.node.value.get(text)
        holder.key = Entry(text, *place, Node(None, *place))
        holder.skip = other is not None
        if other is not None:
            at = self._path(holder)
            self.problems.add(place, at, f"the key {shown_key(text)!r} is here twice, first in line {other.line}")
        elif is_merge:
            holder.merge = holder.key
        return True

    def _merge(self, holder: _Open) -> None:
        """Merge the value of `<<` into a complete mapping; of several mappings the first wins."""
        if holder.merge is None or holder.merged is None:
            return
        sources = holder.merged.value if isinstance(holder.merged.value, list) else [holder.merged]
        if not all(isinstance(source.value, dict) for source in sources):
            place = holder.merge.line, holder.merge.column
            self.problems.add(place, self._path(holder), "'<<' takes a mapping, or a list of mappings")
            return
        for source in sources:
            for key, entry in source.value.items():
                holder.node.value.setdefault(key, entry)

    def _wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].node.value, dict) and self.stack[-1].key is None

    def _put(self, node: Node) -> bool:
        if not self.stack:
            self.root = node
            return True
        holder = self.stack[-1]
        holder.node.values += node.values
        holder.node.height = max(holder.node.height, node.height + 1)
        if isinstance(holder.node.value, list):
            holder.node.value.append(node)
        elif holder.key is not None:
            holder.key.node = node
            if holder.key is holder.merge:
                holder.merged = node
            elif not holder.skip:
                holder.node.value[holder.key.written] = holder.key
            holder.key = None
        return True

    def _count(self, values: int, place: tuple[int, int]) -> bool:
        self.values += values
        return self.values <= MAX_VALUES or self._stop(
            place, f"more than {MAX_VALUES:,} values, with aliases counted in full"
        )

    def _stop(self, place: tuple[int, int], message: str) -> bool:
        self.problems.add(place, (), message)
        self.root = None
        return False

    def _path(self, holder: _Open) -> Path:
        path: list[str | int] = []
        for above in self.stack[: self.stack.index(holder)]:
            if isinstance(above.node.value, list):
                path.append(len(above.node.value))
            elif above.key is not None:
                path.append(above.key.written)
        return tuple(path)
