"""The keys of a config as Markdown, read from the JSON Schema that editors use.

Pure. A key's words are its description in the schema; nothing about it is written twice.

Source: `llmgate_gateway.config.json_schema`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmgate_gateway.config import json_schema
from llmgate_gateway.config.litellm.fates import environment_fates, fate_of, litellm_keys, request_params
from llmgate_gateway.config.schema.config_model import ConfigModel
from llmgate_gateway.config.schema.deployment import Deployment, ModelInfo, Params
from llmgate_gateway.config.schema.file_schema import CallSettings, ConfigFile, RouterSettings
from llmgate_gateway.config.schema.general import GeneralSettings

from tests.support.paths import ROOT

__all__ = ["Key", "documented", "keys", "keys_part", "litellm_table", "works"]

FAMILIAR = "LiteLLM's spelling of `"
REFERENCE = "^os.environ/"
SIZES = ((1024 * 1024, "MiB"), (1024, "KiB"))
DOCUMENTED = ROOT / "plugins" / "gateway" / "tests" / "data" / "litellm_keys.json"
MODELS: Mapping[str, type[ConfigModel]] = {
    "": ConfigFile,
    "model_list": Deployment,
    "params": Params,
    "model_info": ModelInfo,
    "general_settings": GeneralSettings,
    "settings": CallSettings,
    "router_settings": RouterSettings,
}
SECTIONS: Mapping[str, str] = {
    "": "the top",
    "model_list": "an entry of `model_list`",
    "params": "`litellm_params`",
    "model_info": "`model_info`",
    "general_settings": "`general_settings`",
    "settings": "`litellm_settings`",
    "router_settings": "`router_settings`",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its path, and what the page says below its heading."""

    path: str
    kind: str
    default: str
    meaning: str
    spellings: tuple[str, ...]

    def section(self) -> str:
        """Return the key's heading and what stands below it."""
        also = f" Also written `{'`, `'.join(self.spellings)}`." if self.spellings else ""
        return f"### `{self.path}`\n\n{self.kind}; {self.default}. {self.meaning}{also}\n"


def keys() -> list[Key]:
    """Return every key of ours, in the schema's order. Keys of a part that stands in several places stand once."""
    return list(_Reader(json_schema()).below("", json_schema()))


def keys_part(section: str) -> str:
    """Return the keys of one top-level key, as they stand on the page."""
    found = [key for key in keys() if key.path.replace("[]", "").split(".")[0] == section]
    return "\n".join(key.section() for key in found)


def litellm_table() -> str:
    """Return what becomes of LiteLLM's keys: a row for each reason."""
    lines = ["| LiteLLM's keys at | fate | how, why, or where to | keys |", "|---|---|---|---|"]
    for part, names in documented().items():
        reasons: dict[tuple[str, str], list[str]] = {}
        for name in names:
            if works(part, name):
                reasons.setdefault(("works", ""), []).append(f"`{name}`")
        for key, fate in litellm_keys()[part].items():
            reasons.setdefault((fate.what, fate.why), []).append(f"`{key}`")
        lines += [f"| {SECTIONS[part]} | {what} | {why} | {', '.join(keys)} |" for (what, why), keys in reasons.items()]
    lines += [
        f"| its environment | {fate.what} | {fate.why} | `{name}` |" for name, fate in environment_fates().items()
    ]
    return "\n".join(lines) + "\n"


def documented() -> Mapping[str, list[str]]:
    """Return section -> the keys that LiteLLM documents or declares."""
    sections: Mapping[str, list[str]] = json.loads(DOCUMENTED.read_bytes())["sections"]
    return sections


def works(part: str, name: str) -> bool:
    """Return whether a documented key of LiteLLM's means the same here; a request parameter of a deployment does."""
    if fate_of(part, name) is not None:
        return False
    model = MODELS[part]
    return name in model.model_fields or name in model.familiar or (part == "params" and name in request_params())


class _Reader:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._parts: Mapping[str, Any] = schema["$defs"]
        self._told: dict[str, str] = {}

    def below(self, path: str, part: Mapping[str, Any]) -> Iterator[Key]:
        """Yield the keys of a part and of all parts in it."""
        properties: Mapping[str, Any] = part["properties"]
        needed = {*part.get("required", ()), *(name for rule in part.get("allOf", ()) for name in _one_of(rule))}
        ours = {
            name: schema
            for name, schema in properties.items()
            if not schema.get("deprecated") and not _is_spelling(schema, properties)
        }
        for name, schema in ours.items():
            spellings = tuple(
                other for other, said in properties.items() if said.get("description") == f"{FAMILIAR}{name}`."
            )
            yield from self._key(f"{path}.{name}".lstrip("."), schema, name in needed, spellings)

    def _key(self, path: str, schema: Mapping[str, Any], is_needed: bool, spellings: tuple[str, ...]) -> Iterator[Key]:
        options = list(_options(schema))
        part, suffix = self._part_of(options)
        meaning = str(schema["description"])
        known = self._told.get(part or "")
        if known is not None:
            meaning += f" The keys below it are those of `{known}`."
        default = "required" if is_needed else f"default {_default(schema, part)}"
        yield Key(path, self._kind(options), default, meaning, spellings)
        if part is not None and known is None:
            self._told[part] = path
            yield from self.below(f"{path}{suffix}", self._mapping_of(part))

    def _part_of(self, options: list[Mapping[str, Any]]) -> tuple[str | None, str]:
        """Return the part that a key holds, and what stands in a path for one of several."""
        for option in options:
            for inner, suffix in (
                (option, ""),
                (option.get("items"), "[]"),
                (option.get("additionalProperties"), ".NAME"),
            ):
                if isinstance(inner, dict) and "$ref" in inner:
                    return inner["$ref"].rpartition("/")[2], suffix
        return None, ""

    def _mapping_of(self, part: str) -> Mapping[str, Any]:
        return next(option for option in _options(self._parts[part]) if "properties" in option)

    def _kind(self, options: list[Mapping[str, Any]]) -> str:
        words = [_words(inner) for option in options for inner in self._short_forms(option)]
        if "bytes" in words:
            words = ["bytes", "a size such as `25MB` or `64KiB`"]
        elif "a list of strings" in words:
            words = ["a list of strings", "a single string"]
        text = " or ".join(dict.fromkeys(words))
        return text[0].upper() + text[1:]

    def _short_forms(self, option: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        if "$ref" in option:
            yield from _options(self._parts[option["$ref"].rpartition("/")[2]])
        else:
            yield option


def _options(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the alternatives of a schema but for null and references to variables, which stand for any value."""
    if "anyOf" in schema:
        for option in schema["anyOf"]:
            yield from _options(option)
    elif schema.get("type") != "null" and not str(schema.get("pattern", "")).startswith(REFERENCE):
        yield schema


def _words(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        *most, last = (f"`{value}`" for value in schema["enum"])
        return f"{', '.join(most)} or {last}"
    kind = schema.get("type")
    if kind == "array":
        inner = schema["items"]
        return "a list of mappings" if "$ref" in inner else "a list of strings"
    if kind == "number" and schema.get("minimum") == 0:
        return "a number from 0"
    if kind == "integer":
        least = schema.get("minimum", schema.get("ge"))
        return "bytes" if least is None else f"a whole number from {least}"
    return {
        "boolean": "`true` or `false`",
        "number": "seconds above 0",
        "string": "a string",
        "object": "a mapping",
    }[str(kind)]


def _default(schema: Mapping[str, Any], part: str | None) -> str:
    value = schema.get("default")
    if value is None or (part is not None and isinstance(value, dict)):
        return "none" if part is None or value is None else "as below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value) or "none"
    if isinstance(value, int):
        size = next((f" ({value // unit} {name})" for unit, name in SIZES if value >= unit and value % unit == 0), "")
        return f"`{value}`{size}"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _is_spelling(schema: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    words = str(schema.get("description", ""))
    return words.startswith(FAMILIAR) and words.removeprefix(FAMILIAR).rstrip("`.") in properties


def _one_of(rule: Mapping[str, Any]) -> list[str]:
    return [name for option in rule.get("oneOf", ()) for name in option["required"]]
