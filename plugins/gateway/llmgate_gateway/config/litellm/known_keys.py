"""Sort the keys of a config: ours, LiteLLM's other spellings, LiteLLM's that mean nothing here, and misspelt ones.

Changes the node tree in place: spellings become ours, keys that mean nothing here are removed. No key is dropped
silently: each is a warning, or a mistake if ignoring it would remove a protection.

Source: `litellm_keys.json` and `request_params.json` beside this file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any, get_args, get_origin

from llmgate_gateway.config.schema.config_model import ConfigModel
from llmgate_gateway.config.schema.deployment import Deployment, Params
from llmgate_gateway.config.schema.file_schema import ConfigFile
from llmgate_gateway.config.yaml.document import Entry, Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = ["Fate", "Note", "arrange", "fate_of", "litellm_keys", "request_params"]

ANCHOR = "not a setting; only its anchor is read"
LIKE_A_SECRET = re.compile(r"api_?key|secret|password|credential|access_key|_token$|^token$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a LiteLLM key: `ignored`, `refused` or `moved`; and why, or where to."""

    what: str
    why: str


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
    notes: list[Note] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def note(self, entry: Entry, path: Path, what: str, why: str = "") -> None:
        self.notes.append(Note(entry.line, (*path, entry.written), what, why))


@cache
def litellm_keys() -> Mapping[str, Mapping[str, Fate]]:
    """Return section -> key -> its fate; a key may end in `*`. Read from a data file, once."""
    tables = _data("litellm_keys.json")
    return MappingProxyType(
        {
            part: MappingProxyType(
                {
                    key: Fate(what, why)
                    for what, reasons in fates.items()
                    for why, keys in reasons.items()
                    for key in keys
                }
            )
            for part, fates in tables.items()
            if part not in ("source", "guard_callbacks")
        }
    )


@cache
def request_params() -> frozenset[str]:
    """Return the names of all known request parameters."""
    data = _data("request_params.json")
    return frozenset(data["openai"]) | frozenset(data["others"])


def arrange(root: Node, problems: Problems) -> list[Note]:
    """Rewrite the keys of a whole config in our spelling, and return what was done with each."""
    sorting = _Sorting(problems)
    if isinstance(root.value, dict):
        _part(root, ConfigFile, (), sorting)
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
                sorting.note(entry, path, "kept" if ours == key else "spelled differently", "" if ours == key else ours)
                _below(entry.node, model.model_fields[ours].annotation, (*path, entry.written), sorting)
        elif _sort_foreign_key(entry, model, path, sorting):
            entries[key] = entry
    node.value = entries


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


def fate_of(table: str | None, key: str) -> Fate | None:
    """Return what happens to a LiteLLM key in a section, or None if the key is not known."""
    fates = litellm_keys().get(table, {}) if table is not None else {}
    if (fate := fates.get(key)) is not None:
        return fate
    return next((fates[f"{start}*"] for start in _starts(table or "") if key.startswith(start)), None)


@cache
def _starts(table: str) -> tuple[str, ...]:
    return tuple(key[:-1] for key in litellm_keys().get(table, {}) if key.endswith("*"))


def _sort_foreign_key(entry: Entry, model: type[ConfigModel], path: Path, sorting: _Sorting) -> bool:
    """Report a key that is not ours; return whether to keep it, as a request parameter or a fact."""
    key, place, at = entry.written, (entry.line, entry.column), (*path, entry.written)
    fate = _fate_by_value(model.table, entry)
    if fate is not None and fate.what == "refused":
        sorting.problems.add(place, at, f"LiteLLM's {key!r} is refused: {fate.why}")
        sorting.note(entry, path, "refused", fate.why)
    elif fate is not None:
        sorting.problems.warn(place, at, f"LiteLLM's {key!r} is ignored: {fate.why}")
        sorting.note(entry, path, "ignored", fate.why)
    elif model.model_config.get("extra") != "allow":
        message = _unknown(key, model, sorting.problems)
        if model is ConfigFile and entry.node.is_anchor and "did you mean" not in message:
            sorting.problems.warn(place, at, ANCHOR)  # a misspelt section would lose its settings
            sorting.note(entry, path, "ignored", ANCHOR)
            return False
        sorting.problems.add(place, at, message)
        sorting.note(entry, path, "unknown", message)
    elif entry.node.value is not None:
        message = _likely_mistake(key, sorting.problems) if model is Params else ""
        if message:
            sorting.problems.add(place, at, message)
        elif model is Params and key not in request_params():
            sorting.problems.warn(
                place, at, "not a setting of the gateway; it is sent upstream with every request of this deployment"
            )
        sorting.note(entry, path, "unknown" if message else "kept", message)
        return not message
    return False


def _fate_by_value(table: str | None, entry: Entry) -> Fate | None:
    """Return the fate of a key. One that is switched off can be ignored, since that removes no protection."""
    fate = fate_of(table, entry.written)
    if table == "settings" and entry.written == "callbacks":
        names = entry.node.plain()
        names = names if isinstance(names, list) else [names]
        guards = _data("litellm_keys.json")["guard_callbacks"]
        if any(isinstance(name, str) and ("." in name or name in guards) for name in names):
            return Fate("refused", "it may check or change requests, which would then go unchecked; write a middleware")
        return Fate("ignored", "there are no logging callbacks; the gateway writes its own log, metrics and spans")
    if fate is not None and fate.what == "refused" and not entry.node.value:
        return Fate("ignored", "it is switched off")
    return fate


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


def _data(name: str) -> Any:
    return json.loads(FilePath(__file__).with_name(name).read_bytes())
