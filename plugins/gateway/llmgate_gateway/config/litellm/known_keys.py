"""Sort the keys of a config: ours, LiteLLM's other spellings, LiteLLM's that mean nothing here, and misspelt ones.

Changes the node tree in place: spellings become ours, keys that mean nothing here are removed. No key is dropped
silently: each is a warning, or a mistake if ignoring it would remove a protection.

Source: the table of `fates.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Final, get_args, get_origin

from llmgate_gateway.config.litellm.fates import fate_of, fate_of_value, litellm_keys, request_params
from llmgate_gateway.config.schema.config_model import ConfigModel
from llmgate_gateway.config.schema.deployment import Deployment, ModelInfo, Params
from llmgate_gateway.config.schema.file_schema import ConfigFile
from llmgate_gateway.config.yaml.document import Entry, Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = ["Note", "arrange"]

ANCHOR = "not a setting; only its anchors are read"
EXTENSION: Final = "x-"
"""What begins with it at the top of a file holds anchors, by the habit of other tools that read YAML."""
OUR_SECTIONS = ("params", "settings")
"""Sections whose spelling is ours, so their keys mean what our pages say; in LiteLLM's, a difference is a warning."""
OWN_NOTE = "not a fact that the gateway knows; it has no effect"
DELETE_ME = "not carried over. Delete this line when nothing is missing without it."
LIKE_A_SECRET = re.compile(r"api_?key|secret|password|credential|access_key|_token$|^token$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Note:
    """What was done with one key, for `llmgate migrate`."""

    line: int
    path: Path
    what: str
    why: str = ""


@dataclass(slots=True)
class _Sorting:
    problems: Problems
    keeps_refused: bool = False
    notes: list[Note] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    warned: dict[tuple[str, str, str], tuple[Entry, Path, int]] = field(default_factory=dict)

    def warn(self, entry: Entry, path: Path, table: str, message: str) -> None:
        """Remember a warning about a key: it is reported once, at its first place, for all entries that have it."""
        first = self.warned.get((table, entry.written, message), (entry, (*path, entry.written), 0))
        self.warned[table, entry.written, message] = (*first[:2], first[2] + 1)

    def report_warnings(self) -> None:
        for (_, _, message), (entry, path, count) in self.warned.items():
            more = f" (here and in {count - 1:,} more places)" if count > 1 else ""
            self.problems.warn((entry.line, entry.column), path, f"{message}{more}")

    def note(self, entry: Entry, path: Path, what: str, why: str = "") -> None:
        self.notes.append(Note(entry.line, (*path, entry.written), what, why))


def arrange(root: Node, problems: Problems, *, keeps_refused: bool = False) -> list[Note]:
    """Rewrite the keys of a whole config in our spelling, and return what was done with each.

    With `keeps_refused`, keys that are mistakes stay, with `DELETE_ME` as their value, so that the result is refused
    until somebody deletes them.
    """
    sorting = _Sorting(problems, keeps_refused)
    if isinstance(root.value, dict):
        _part(root, ConfigFile, (), sorting)
    sorting.report_warnings()
    return sorting.notes


def _part(node: Node, model: type[ConfigModel], path: Path, sorting: _Sorting) -> None:
    if id(node) in sorting.seen:  # a node that aliases share is sorted once
        return
    sorting.seen.add(id(node))
    if model is Deployment:
        _move_facts(node, path, sorting)
    entries: dict[str, Entry] = {}
    for key, entry in node.value.items():
        ours = model.familiar.get(key, key)
        if ours in entries:
            other = entries[ours]
            message = f"means the same as {other.written!r}" + (f" in line {other.line}" if other.line else "")
            sorting.problems.add((entry.line, entry.column), (*path, entry.written), f"{message}; keep one of them")
        elif ours in model.model_fields:
            if entry.node.value is not None:  # an empty value counts as absent
                entries[ours] = entry
                _note_own_key(entry, ours, model, path, sorting)
                _below(entry.node, model.model_fields[ours].annotation, (*path, entry.written), sorting)
        elif _sort_foreign_key(entry, model, path, sorting):
            entries[key] = entry
        elif sorting.keeps_refused and sorting.notes[-1].what in ("refused", "unknown"):
            entries[key] = Entry(key, entry.line, entry.column, Node(DELETE_ME, *entry.node.place))
    node.value = entries


def _note_own_key(entry: Entry, ours: str, model: type[ConfigModel], path: Path, sorting: _Sorting) -> None:
    """Note a key that has a meaning here, and whether LiteLLM's is another."""
    fate = fate_of(model.table, entry.written)
    is_litellms = bool(path) and path[-1] not in OUR_SECTIONS and not isinstance(entry.node.value, dict)
    if fate is not None and fate.what == "differs" and is_litellms:
        message = f"LiteLLM's {entry.written!r} differs: {fate.why}"
        sorting.warn(entry, path, model.table or "", message)
        sorting.note(entry, path, "differs", fate.why if ours == entry.written else f"now {ours}; {fate.why}")
    elif ours == entry.written:
        sorting.note(entry, path, "kept")
    else:
        sorting.note(entry, path, "spelled differently", ours)


def _below(node: Node, annotation: Any, path: Path, sorting: _Sorting) -> None:
    """Sort the sections below a key: one, a list of them, or a mapping of names to them."""
    model = _part_in(annotation)
    if model is None:
        return
    kind = get_origin(annotation)
    if isinstance(node.value, dict) and kind not in (dict, tuple):
        _part(node, model, path, sorting)
    elif isinstance(node.value, dict) and kind is dict:
        for key, entry in node.value.items():
            if isinstance(entry.node.value, dict):
                _part(entry.node, model, (*path, key), sorting)
    elif isinstance(node.value, list) and kind is tuple:
        for index, item in enumerate(node.value):
            if isinstance(item.value, dict):
                _part(item, model, (*path, index), sorting)


def _part_in(annotation: Any) -> type[ConfigModel] | None:
    # get_origin: Python 3.10 takes `tuple[...]` for a class
    if get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := _part_in(inner)) is not None), None)


def _move_facts(node: Node, path: Path, sorting: _Sorting) -> None:
    """Move prices, which LiteLLM also accepts among the parameters, to the other facts."""
    params = next((node.value[key] for key in ("params", "litellm_params") if key in node.value), None)
    if params is None or not isinstance(params.node.value, dict):
        return
    moved = {key: entry for key, entry in params.node.value.items() if _is_moved(key)}
    if not moved:
        return
    info = node.value.get("model_info")
    if info is None or info.node.value is None:
        line, column = params.node.place
        info = node.value["model_info"] = Entry("model_info", line, column, Node({}, line, column))
    if isinstance(info.node.value, dict):
        params.node.value = {key: entry for key, entry in params.node.value.items() if key not in moved}
        info.node.value = {**moved, **info.node.value}
        for entry in moved.values():
            sorting.note(entry, (*path, params.written), "spelled differently", f"model_info.{entry.written}")


def _is_moved(key: str) -> bool:
    fate = fate_of("params", key)
    return fate is not None and fate.what == "moved"


def _sort_foreign_key(entry: Entry, model: type[ConfigModel], path: Path, sorting: _Sorting) -> bool:
    """Report a key that is not ours; return whether to keep it, as a request parameter."""
    key, place, at = entry.written, (entry.line, entry.column), (*path, entry.written)
    fate = fate_of_value(model.table, key, entry.node.plain())
    if fate is not None and model is ModelInfo and (near := _misspelt_price(key, sorting.problems)):
        sorting.problems.add(place, at, near)
        sorting.note(entry, path, "unknown", near)
    elif fate is not None and fate.what == "refused":
        sorting.problems.add(place, at, f"LiteLLM's {key!r} is refused: {fate.why}")
        sorting.note(entry, path, "refused", fate.why)
    elif fate is not None:
        sorting.warn(entry, path, model.table or "", f"LiteLLM's {key!r} is ignored: {fate.why}")
        sorting.note(entry, path, "ignored", fate.why)
    elif message := _unseen(key):
        sorting.problems.add(place, at, message)
        sorting.note(entry, path, "unknown", message)
    elif model is Params:
        return entry.node.value is not None and _is_request_param(entry, path, sorting)
    else:
        _sort_unknown_key(entry, model, path, sorting)
    return False


def _sort_unknown_key(entry: Entry, model: type[ConfigModel], path: Path, sorting: _Sorting) -> None:
    """Report an unknown key: a mistake, but for one that holds anchors and a note about a model."""
    place, at = (entry.line, entry.column), (*path, entry.written)
    message, harmless = _unknown(entry.written, model, sorting.problems), ""
    if model is ConfigFile and (entry.written.startswith(EXTENSION) or _has_anchor(entry.node)):
        harmless = ANCHOR
    elif model is ModelInfo:
        harmless = OWN_NOTE
    if harmless and "did you mean" not in message:  # a misspelt section would lose its settings
        sorting.problems.warn(place, at, harmless)
        sorting.note(entry, path, "ignored", harmless)
    else:
        sorting.problems.add(place, at, message)
        sorting.note(entry, path, "unknown", message)


def _is_request_param(entry: Entry, path: Path, sorting: _Sorting) -> bool:
    place, at = (entry.line, entry.column), (*path, entry.written)
    message = _likely_mistake(entry.written, sorting.problems)
    if message:
        sorting.problems.add(place, at, message)
    elif entry.written not in request_params():
        sorting.problems.warn(
            place, at, "not a setting of the gateway; it is sent upstream with every request of this deployment"
        )
    sorting.note(entry, path, "unknown" if message else "kept", message)
    return not message


def _has_anchor(node: Node) -> bool:
    inner: list[Node] = []
    if isinstance(node.value, dict):
        inner = [entry.node for entry in node.value.values()]
    elif isinstance(node.value, list):
        inner = node.value
    return node.is_anchor or any(_has_anchor(each) for each in inner)


def _misspelt_price(key: str, problems: Problems) -> str:
    """Return what a key is meant to be that only looks like one of LiteLLM's many prices, else an empty string."""
    if key in litellm_keys()["model_info"]:
        return ""
    near = problems.did_you_mean(key, ModelInfo.model_fields, cutoff=0.93)
    return f"unknown key{near}" if near else ""


def _unseen(key: str) -> str:
    """Return what is wrong with a key that has a character which no editor shows, else an empty string."""
    for position, character in enumerate(key, 1):
        if character != " " and not character.isprintable():
            name = unicodedata.name(character, "control character")
            return f"character {position} of the key cannot be seen: it is {name} (U+{ord(character):04X})"
    return ""


def _unknown(key: str, model: type[ConfigModel], problems: Problems) -> str:
    names = [*model.model_fields, *model.familiar]
    litellm_names = [name for name in litellm_keys().get(model.table or "", {}) if not name.endswith("*")]
    if near := problems.did_you_mean(key, names) or problems.did_you_mean(key, litellm_names, cutoff=0.85):
        return f"unknown key{near}"
    homes = sorted(name for name, other in _parts().items() if other is not model and key in other.model_fields)
    if homes:
        return f"unknown key here; it belongs in {' or '.join(homes)}"
    return f"unknown key; the keys here are {', '.join(model.model_fields)}"


def _likely_mistake(key: str, problems: Problems) -> str:
    """Return why a key of a deployment is probably not meant as a request parameter, else an empty string."""
    if key in request_params():
        return ""
    way_out = "; to send it upstream unchanged, put it under extra_body"
    names = [*Params.model_fields, *Params.familiar, "litellm_params"]
    near = problems.did_you_mean(key, names, cutoff=0.75) or problems.did_you_mean(key, request_params(), cutoff=0.85)
    if near:
        return f"unknown key{near}{way_out}"
    if problems.is_exhausted:
        return "one of too many unknown keys; put request parameters under extra_body"
    if LIKE_A_SECRET.search(key):
        return "looks like a secret, and would go upstream in every request's body; use api_key or extra_headers"
    homes = sorted(name for name, other in _parts().items() if other is not Params and key in other.model_fields)
    return f"unknown key here; it belongs in {' or '.join(homes)}{way_out}" if homes else ""


@cache
def _parts() -> Mapping[str, type[ConfigModel]]:
    """Return the name of each section of the file, or of a deployment -> its schema."""
    sections: dict[str, type[ConfigModel]] = {"the root of the file": ConfigFile, "model_list[]": Deployment}
    for model in (ConfigFile, Deployment):
        for name, info in model.model_fields.items():
            inner = _part_in(info.annotation)
            if inner is not None and inner is not Deployment:
                sections[name] = inner
    return MappingProxyType(sections)
