"""`llmgate migrate litellm.yaml`: report what becomes of each line, and write the config in llmgate's spelling.

Reads one file, and writes one with `--output`. References to variables stay as they are and are not looked up; a key
in the file is never written: a reference takes its place.

Exit status: 0 everything was carried over or ignored, 1 something was refused or not understood, 2 the file cannot be
read.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from llmgate_core.serving import say, say_error
from llmgate_gateway.config.litellm.known_keys import LIKE_A_SECRET, Note, arrange
from llmgate_gateway.config.load import read_document
from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.environment import PREFIX, SECTION
from llmgate_gateway.config.yaml.problems import Path, Problem, Problems, shown_path

__all__ = ["command"]

WORDS: Mapping[str, str] = {"kept": "carried over", "unknown": "not understood"}
LIKE_A_HEADER_SECRET = re.compile(r"auth|key|token|secret|cookie", re.IGNORECASE)


class MigrateCommand:
    """Rewrite a LiteLLM config in llmgate's spelling."""

    help = "report what becomes of each line of a LiteLLM config.yaml, and write it as a config of llmgate"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", help="the LiteLLM config")
        parser.add_argument("-o", "--output", metavar="FILE", help="write the config here; default: stdout")

    def run(self, given: argparse.Namespace) -> int:
        """Run the command, and return the exit status."""
        problems = Problems(given.file)
        root = read_document(given.file, problems)
        if root is None or not isinstance(root.value, dict) or problems.mistakes:
            for problem in problems.mistakes or (Problem(1, 1, "", "not a mapping that begins with 'model_list:'"),):
                say_error(problem.show(given.file))
            return 2
        migration = migrate(root, problems)
        report = say if given.output else say_error
        for line in migration.report:
            report(line)
        if given.output is None:
            say(migration.text, end="")
        elif not _write(given.output, migration.text):
            return 2
        return 0 if migration.whole else 1


@dataclass(slots=True)
class Migration:
    """The report, the text of the config, and whether everything that matters was carried over."""

    report: tuple[str, ...]
    text: str
    whole: bool


def migrate(root: Node, problems: Problems) -> Migration:
    """Return what becomes of a config; changes `root`."""
    notes = arrange(root, problems)
    variables = _Variables()
    variables.take_from(root)
    notes = [note for note in notes if note.path[0] != SECTION]
    notes += variables.notes
    content = root.plain()
    content.pop(SECTION, None)
    reported = {(note.line, shown_path(note.path)) for note in notes if note.what in ("refused", "unknown")}
    others = [problem for problem in problems.mistakes if (problem.line, problem.path) not in reported]
    report = [*map(_line, sorted(notes, key=lambda note: note.line))]
    report += [f"{problem.show(problems.source)}" for problem in others]
    whole = not problems.mistakes
    return Migration(tuple(report), yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120), whole)


def _line(note: Note) -> str:
    what = WORDS.get(note.what, note.what)
    return f"line {note.line}: {shown_path(note.path)}: {what}{f': {note.why}' if note.why else ''}"


@dataclass(slots=True)
class _Variables:
    """Puts references in place of keys, one variable a key."""

    notes: list[Note] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def take_from(self, root: Node) -> None:
        section = root.value.get(SECTION)
        if section is not None and isinstance(section.node.value, dict):
            self.notes.append(Note(section.line, (SECTION,), "ignored", "see its variables"))
            for name, entry in section.node.value.items():
                why = "values are not written; set them in the environment, or copy this section by hand"
                self.notes.append(Note(entry.line, (SECTION, name), "ignored", why))
        for path, node, wanted in _keys(root):
            if isinstance(node.value, str) and not node.value.startswith(PREFIX):
                name = self._name(node.value, wanted)
                node.value = f"{PREFIX}{name}"
                why = f"the key itself is not written; set {name} to the value in this line"
                self.notes.append(Note(node.line, path, "spelled differently", why))

    def _name(self, key: str, wanted: str) -> str:
        if key not in self.names:
            used_names = set(self.names.values())
            name = wanted
            for number in range(2, len(used_names) + 3):
                if name not in used_names:
                    break
                name = f"{wanted}_{number}"
            self.names[key] = name
        return self.names[key]


def _keys(root: Node) -> Iterator[tuple[Path, Node, str]]:
    """Yield path, node and a name for a variable, for every value that is a key by its place."""
    for index, item in enumerate(_list(root, "model_list")):
        name = _variable(_text(item, "model_name"))
        params: Any = item.value.get("params") if isinstance(item.value, dict) else None
        if params is not None and isinstance(params.node.value, dict):
            yield from _secrets(params.node, ("model_list", index, params.written), name)
    general, settings = root.value.get("general_settings"), root.value.get("settings")
    if general is not None and isinstance(general.node.value, dict):
        if (master := general.node.value.get("master_key")) is not None:
            yield ("general_settings", "master_key"), master.node, "LLMGATE_MASTER_KEY"
        for index, item in enumerate(_list(general.node, "keys")):
            if isinstance(item.value, dict) and (key := item.value.get("key")) is not None:
                name = _variable(_text(item, "name"))
                yield ("general_settings", "keys", index, "key"), key.node, f"LLMGATE_{name}_KEY"
    if settings is not None and isinstance(settings.node.value, dict):
        yield from _secrets(settings.node, (settings.written,), "LLMGATE")


def _secrets(node: Node, path: Path, name: str) -> Iterator[tuple[Path, Node, str]]:
    for key, entry in node.value.items():
        if key == "api_key" or (LIKE_A_SECRET.search(key) and isinstance(entry.node.value, str)):
            yield (*path, entry.written), entry.node, f"{name}_{_variable(key)}"
        elif key == "extra_headers" and isinstance(entry.node.value, dict):
            for header, inner in entry.node.value.items():
                if LIKE_A_HEADER_SECRET.search(header):
                    yield (*path, entry.written, header), inner.node, f"{name}_{_variable(header)}"


def _list(node: Node, key: str) -> list[Node]:
    entry = node.value.get(key) if isinstance(node.value, dict) else None
    return entry.node.value if entry is not None and isinstance(entry.node.value, list) else []


def _text(node: Node, key: str) -> str:
    entry = node.value.get(key) if isinstance(node.value, dict) else None
    return entry.node.value if entry is not None and isinstance(entry.node.value, str) else ""


def _variable(text: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_") or "LLMGATE"
    return f"_{name}" if name[0].isdigit() else name


def _write(path: str, text: str) -> bool:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        say_error(f"llmgate migrate: cannot write {path}: {error.strerror}")
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return True


command = MigrateCommand()
