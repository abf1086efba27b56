"""The schema of a catalogue file, as data, and the check of a file against it.

Pure. A test checks our own file; the files of plugins and users are checked when they are added, so that
a misspelt fact is reported with its place, and is not a rule that never applies. A mistake in a user's file is
an error; of a plugin's file the row is left out, since its user cannot mend it.

Source: the fields of `data/openai.json`; `tests/data/models.schema.json` is the same as JSON Schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.errors import ConfigError

__all__ = ["FILE_KEYS", "ROW_KEYS", "check_file", "usable_part"]

STRING, FLAG, NUMBER, COUNT = "a string", "true or false", "a number", "a whole number"
STRINGS, ANYTHING = "a list of strings", "anything"
ANY_KEY = "*"
CACHE_WRITE_OF_A_LIFETIME = "cache_write_<lifetime>"
"""Stands for every key such as `cache_write_5m` or `cache_write_1h`."""
LIFETIME = re.compile(r"cache_write_[1-9][0-9]{0,3}[smhd]")
OWN_FACTS = "x-"
"""Begins the key of facts that only the plugin reads: `x-acme` in the rows of the provider `acme`."""

_PRICES = dict.fromkeys(("input", "output", "cached_input", "cache_write", CACHE_WRITE_OF_A_LIFETIME), NUMBER)
_TIER = {**_PRICES, "long_context": {**_PRICES, "above_input_tokens": COUNT}}
_SAMPLING = ("free", "only_1", "free_when_effort_none", "unsupported")
_EACH_NUMBER = {ANY_KEY: NUMBER}

_ROW: Mapping[str, Any] = MappingProxyType(
    {
        "mode": STRING,
        "endpoints": STRINGS,
        "sources": STRINGS,
        "status": ("active", "deprecated", "retired", "unlisted"),
        "snapshot_of": STRING,
        "shutdown_date": STRING,
        "announce_shutdown": FLAG,
        "limits": {
            "context_window": COUNT,
            "max_input_tokens": COUNT,
            "max_output_tokens": COUNT,
            "context_window_derivation": STRING,
            "embedding_dimensions": COUNT,
        },
        "modalities": {"input": STRINGS, "output": STRINGS},
        "capabilities": {ANY_KEY: FLAG},
        "reasoning": {
            "efforts": STRINGS,
            "default_effort": STRING,
            "efforts_source": STRING,
            "efforts_only_in_litellm": STRINGS,
            "efforts_contested": STRINGS,
            "summaries": STRINGS,
            "summaries_source": STRING,
            "modes": STRINGS,
            "contexts": STRINGS,
        },
        "verbosity": {"supported": FLAG, "source": STRING, "values": STRINGS, "default": STRING},
        "params": {
            "max_tokens_param": ("max_tokens", "max_completion_tokens"),
            "temperature": _SAMPLING,
            "top_p": _SAMPLING,
            "unsupported": STRINGS,
            "ignored": STRINGS,
            "effort_none_only": STRINGS,
            "allowlist": STRINGS,
            "values": {ANY_KEY: STRINGS},
            "function_tools_with_reasoning_on_chat": ("drop_effort", "bridge"),
            "note": STRING,
        },
        "pricing": {
            **dict.fromkeys(("standard", "batch", "flex", "priority", "ultrafast", "decisions"), _TIER),
            "audio_tokens": _EACH_NUMBER,
            "image_tokens": _EACH_NUMBER,
            "web_search_usd_per_call": _EACH_NUMBER,
            "regional_uplift": _EACH_NUMBER,
            "usd_per_audio_second": NUMBER,
            "usd_per_audio_second_in": NUMBER,
            "usd_per_audio_second_out": NUMBER,
            "usd_per_million_characters": NUMBER,
            "usd_per_video_second": NUMBER,
            "per_image": ANYTHING,
        },
        "notes": STRINGS,
        "unverified": STRINGS,
    }
)

_FILE: Mapping[str, Any] = MappingProxyType(
    {
        "schema_version": COUNT,
        "as_of": STRING,
        "provider": STRING,
        "price_unit": STRING,
        "sources": ANYTHING,
        "precedence": STRINGS,
        "counts": ANYTHING,
        "openapi_ids_without_facts": STRINGS,
        "tool_prices": _EACH_NUMBER,
        "routing": ANYTHING,
        "conflicts": ANYTHING,
        "prefix_by_mode": {ANY_KEY: STRING},
        "models": {ANY_KEY: _ROW},
    }
)

FILE_KEYS = frozenset(_FILE)
ROW_KEYS = frozenset(_ROW)


def check_file(data: object, source: str) -> None:
    """Check a whole or partial catalogue file; `source` names it in the message.

    Raises:
        ConfigError: `source`, the path of the key, and what is wrong with it.
    """
    try:
        file = _file(data)
        _check(file, {**_FILE, "models": {ANY_KEY: _row_of(file)}}, "")
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def usable_part(data: object) -> tuple[dict[str, Any], list[str]]:
    """Return a catalogue file without its wrong rows, and for each of them the key and what is wrong with it.

    Raises:
        ConfigError: the mistake is not in a row; the message has the key.
    """
    file = _file(data)
    _check({**file, "models": {}}, _FILE, "")
    if not isinstance(file["models"], Mapping):
        raise ConfigError(f"models must be an object, not {file['models']!r:.80}")
    rows: dict[str, Any] = {}
    mistakes: list[str] = []
    shape = _row_of(file)
    for name, row in file["models"].items():
        try:
            _check(row, shape, f"models.{name}")
        except ConfigError as error:
            mistakes.append(str(error))
            continue
        if row.get("mode"):
            rows[name] = row
        else:
            mistakes.append(f"models.{name} needs a `mode`")
    return {**file, "models": rows}, mistakes


def _file(data: object) -> Mapping[str, Any]:
    if isinstance(data, Mapping) and isinstance(data.get("provider"), str) and "models" in data:
        return data
    raise ConfigError("a catalogue is an object with `provider` (a string) and `models` (an object)")


def _row_of(file: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the shape of the file's rows: ours, and the namespace of its provider."""
    return {**_ROW, f"{OWN_FACTS}{file['provider']}": {ANY_KEY: ANYTHING}}


def _check(value: object, shape: Any, path: str) -> None:
    if isinstance(shape, Mapping):
        _check_object(value, shape, path)
    elif isinstance(shape, tuple):
        if value not in shape:
            raise ConfigError(f"{path} must be one of {', '.join(shape)}, not {value!r:.80}")
    elif value is not None and not _is(value, shape):  # null means not known
        raise ConfigError(f"{path} must be {shape}, not {value!r:.80}")


def _check_object(value: object, shape: Mapping[str, Any], path: str) -> None:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} must be an object, not {value!r:.80}")
    for key, item in value.items():
        place = f"{path}.{key}" if path else str(key)
        wanted = shape.get(key, shape.get(ANY_KEY))
        if isinstance(key, str) and LIFETIME.fullmatch(key):
            wanted = shape.get(CACHE_WRITE_OF_A_LIFETIME, wanted)
        if wanted is None:
            raise ConfigError(f"{place} is not a key of a catalogue{_nearest(key, shape)}")
        _check(item, wanted, place)


def _nearest(key: object, shape: Mapping[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(str(key), shape, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(shape))}"


def _is(value: object, kind: str) -> bool:
    if kind == STRING:
        return isinstance(value, str)
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == COUNT:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return kind == ANYTHING or (isinstance(value, list) and all(isinstance(item, str) for item in value))
