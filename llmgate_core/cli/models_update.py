"""`llmgate models update`: take facts and prices from a list that the user has downloaded. Nothing is fetched."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from llmgate_core.catalogue.conversion.convert import Conversion, convert, merge_parts
from llmgate_core.catalogue.schema import check_file
from llmgate_core.client.sync_client import Client
from llmgate_core.errors import ConfigError
from llmgate_core.files.atomic import AtomicFile
from llmgate_core.json_codec import decode, encode
from llmgate_core.terminal import say, say_error

__all__ = ["update"]

MAX_BYTES = 64 * 1024 * 1024
OUTPUT = "catalogue.json"


def update(given: argparse.Namespace) -> int:
    """Write the rows of a list to a catalogue file, or with `--split` to one file a provider, and print how many.

    Raises:
        ConfigError: the list cannot be read, has an unknown shape, or has no model that was asked for.
    """
    path = Path(given.file or "")
    if not given.file:
        raise ConfigError("name the list to read: llmgate models update FILE")
    content = _read(path)
    conversion = convert(content, as_of=_as_of(given, path), wanted=_wanted(given.provider))
    if not conversion.parts:
        asked = ", ".join(given.provider) or "a provider whose plugin is installed"
        raise ConfigError(f"{path} has no model of {asked}; --provider NAME asks for others")
    for provider, part in conversion.parts.items():
        check_file(part, f"{path}, {provider}")
    if given.split:
        written = _write_split(Path(given.split), conversion.parts)
    else:
        written = _write_merged(Path(given.output or OUTPUT), conversion.parts)
    _print(conversion, given)
    say_error(f"wrote {written}")
    return 0


def _as_of(given: argparse.Namespace, path: Path) -> date:
    try:
        return date.fromisoformat(given.as_of) if given.as_of else date.fromtimestamp(path.stat().st_mtime)
    except ValueError:
        raise ConfigError(f"--as-of must be a date such as 2026-11-29, not {given.as_of!r:.40}") from None


def _wanted(named: Iterable[str]) -> Callable[[str], bool]:
    """Return the test for providers: those that are named, else those whose prefix is installed."""
    names = frozenset(named) or frozenset(claim.prefix.split("/")[0] for claim in Client().installed())
    return names.__contains__


def _write_merged(path: Path, parts: Mapping[str, dict[str, Any]]) -> str:
    old: list[Any] = []
    if path.exists():
        content = _read(path)
        old = content if isinstance(content, list) else [content]
        for part in old:
            check_file(part, str(path))
    _write(path, merge_parts(old, parts.values()))
    return f"{path}; use it: Client(settings=Settings(catalogue_file={str(path)!r}))"


def _write_split(folder: Path, parts: Mapping[str, dict[str, Any]]) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror or type(error).__name__}") from None
    for provider, part in parts.items():
        modes = sorted({row["mode"] for row in part["models"].values()})
        prefixes = dict.fromkeys(modes, provider)
        _write(folder / f"{provider}.json", {**part, "prefix_by_mode": prefixes, "models": part["models"]})
    return f"{len(parts)} files in {folder}"


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES // 1024 // 1024} MiB")
        return decode(content)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ConfigError(f"{path} cannot be read: {reason}") from None


def _write(path: Path, content: Any) -> None:
    """Write JSON with one row a line, so that a change of one price is a change of one line."""
    try:
        with AtomicFile(path) as file:
            file.write(_lines(content).encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or type(error).__name__}") from None


def _lines(content: Any) -> str:
    if isinstance(content, list):
        return "[\n" + ",\n".join(_lines(part).rstrip("\n") for part in content) + "\n]\n"
    heads = [f"  {_json(name)}: {_json(value)}" for name, value in content.items() if name != "models"]
    rows = [f"    {_json(name)}: {_json(row)}" for name, row in sorted(content["models"].items())]
    return "{\n" + ",\n".join([*heads, '  "models": {\n' + ",\n".join(rows) + "\n  }"]) + "\n}\n"


def _json(value: Any) -> str:
    return encode(value).decode()


def _print(conversion: Conversion, given: argparse.Namespace) -> None:
    for provider, part in conversion.parts.items():
        if given.json:
            say(encode({"provider": provider, "models": len(part["models"])}).decode())
        else:
            say(f"{provider:<28} {len(part['models']):>5} models")
    for reason, number in sorted(conversion.left_out.items(), key=lambda item: -item[1]):
        say_error(f"left out: {number} {reason}")
