"""Put a provider into a gateway's config without touching anything else in it. Reads the file; the caller writes.

YAML cannot be written back with its comments, so the lines are inserted as text, and the result is read again: it must
say what the file said before, and the new provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmgate_core.errors import ConfigError

__all__ = ["add_to_config"]

SECTION = "providers"
HEAD = re.compile(rf"^{SECTION}\s*:\s*(#.*)?$")


def add_to_config(path: Path, name: str, declared: Mapping[str, Any]) -> str:
    """Return the text of a config with one more provider.

    Raises:
        ConfigError: the file cannot be read, has a provider of that name, or writes its providers in a way that lines
            cannot be added to; the message then says what to add by hand.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    before = _parsed(path, text)
    present = before.get(SECTION) or {}
    if isinstance(present, dict) and name in present:
        raise ConfigError(f"{path} has a provider {name!r} already")
    has_head = any(HEAD.match(line) for line in text.splitlines())
    made = _inserted(text, name, declared) if has_head or SECTION not in before else ""
    wanted = {**before, SECTION: {**present, name: dict(declared)}} if isinstance(present, dict) else None
    if wanted is None or _quietly_parsed(made) != wanted:
        lines = "".join(_lines(name, declared, "  "))
        raise ConfigError(f"{path}: its section {SECTION} is written in a way that cannot be added to: write {lines!r}")
    return made


def _inserted(text: str, name: str, declared: Mapping[str, Any]) -> str:
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if HEAD.match(line.rstrip("\r\n")):
            following = next((it for it in lines[index + 1 :] if it.strip() and not it.lstrip().startswith("#")), "")
            indent = following[: len(following) - len(following.lstrip(" "))] or "  "
            head = line if line.endswith("\n") else f"{line}\n"
            return "".join([*lines[:index], head, *_lines(name, declared, indent), *lines[index + 1 :]])
    gap = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{gap}\n{SECTION}:\n{''.join(_lines(name, declared, '  '))}"


def _lines(name: str, declared: Mapping[str, Any], indent: str) -> list[str]:
    """Return the lines of a provider; values are JSON, which is YAML."""
    body = [f"{indent}{indent}{key}: {json.dumps(value)}\n" for key, value in declared.items()]
    return [f"{indent}{json.dumps(name) if not name.isalnum() else name}:\n", *body]


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import yaml  # takes 20 ms, and most commands need none

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark is not None else str(path)
        raise ConfigError(f"{place}: not YAML") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a config of the gateway: it must be a mapping that begins with 'model_list:'")
    return content


def _quietly_parsed(text: str) -> Any:
    import yaml  # as above

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
