"""`llmgate migrate litellm.yaml`: report what becomes of each line, and write the config in llmgate's spelling.

Reads one file, and writes one with `--output`. References to variables stay as they are and are not looked up; a key
in the file is never written: a reference takes its place. What is refused, and what is not understood, stays in the
written file under its name, without its value: the gateway refuses that file until somebody has deleted the line.

Exit status: that of `llmgate config check --no-env` for the written config: 0 the gateway takes it, 1 it does not;
2 the file cannot be read.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import yaml

from llmgate_core import Client
from llmgate_core.serving import ResolvedModel, say, say_error
from llmgate_gateway.config import ConfigProblems
from llmgate_gateway.config.declared_options import OPTIONS, move_options, secret_options
from llmgate_gateway.config.litellm.known_keys import LIKE_A_SECRET, Note, arrange
from llmgate_gateway.config.load import load_config_text, read_document
from llmgate_gateway.config.routes import client_of_tree, targets_of
from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.environment import PREFIX, SECTION
from llmgate_gateway.config.yaml.problems import Path, Problem, Problems, shown_path

__all__ = ["command"]

WORDS: Mapping[str, str] = {"kept": "carried over", "unknown": "not understood"}
ORDER = ("refused", "unknown", "differs", "ignored", "spelled differently")
"""What a report begins with: losses first. What is carried over unchanged is at its end, and only on request."""
RESULT = "the written config"
COMPATIBLE = frozenset(
    {"hosted_vllm", "vllm", "openai_like", "custom_openai", "litellm_proxy", "lm_studio", "llamafile"}
)
"""LiteLLM's prefixes of servers with OpenAI's API, whose address is in `api_base`."""
LIKE_A_HEADER_SECRET = re.compile(r"auth|key|token|secret|cookie", re.IGNORECASE)


class MigrateCommand:
    """Rewrite a LiteLLM config in llmgate's spelling."""

    help = "report what becomes of each line of a LiteLLM config.yaml, and write it as a config of llmgate"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", help="the LiteLLM config")
        parser.add_argument("--all", action="store_true", help="report what is carried over unchanged, too")
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
        if given.output is not None and not _write(given.output, migration.text):
            return 2
        report = say if given.output else say_error
        for line in migration.report(show_all=given.all):
            report(line)
        if given.output is None:
            say(migration.text, end="")
        return 0 if not migration.mistakes else 1


@dataclass(slots=True)
class Migration:
    """What became of a config.

    Attributes:
        notes: what was done with each key, in the order of the file. text: the config in our spelling.
        mistakes: why the gateway refuses it, with lines of `text`; empty: it takes it. warnings: likewise.
    """

    notes: tuple[Note, ...]
    text: str
    mistakes: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    def report(self, *, show_all: bool = False) -> Iterator[str]:
        """Yield the report: losses, what is different, the verdict on the result."""
        for what in ORDER:
            yield from (_line(note) for note in self.notes if note.what == what)
        kept = [note for note in self.notes if note.what == "kept"]
        if show_all:
            yield from map(_line, kept)
        elif kept:
            yield f"{len(kept)} keys are carried over unchanged; --all lists them"
        for problem in self.mistakes:
            yield f"the written config is refused: {problem.show(RESULT)}"
        if self.mistakes:
            yield "The gateway refuses the written config until this is settled."
        else:
            yield f"The gateway takes the written config; llmgate config check warns {len(self.warnings)} times."


def migrate(root: Node, problems: Problems) -> Migration:
    """Return what becomes of a config; changes `root`."""
    client = client_of_tree(root)
    targets = partial(targets_of, client) if client is not None else _no_targets
    moved = move_options(root, targets, problems)
    notes = [*moved, *arrange(root, problems, keeps_refused=True)]
    variables = _Variables(secret_options(root, targets))
    variables.take_from(root)
    notes = [note for note in notes if note.path[0] != SECTION]
    notes += variables.notes
    notes += _add_prefixes(root)
    content = root.plain()
    content.pop(SECTION, None)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    mistakes, warnings = _verdict(text)
    return Migration(tuple(sorted(notes, key=lambda note: note.line)), text, mistakes, warnings)


def _no_targets(model: str, mode: str | None) -> tuple[ResolvedModel, ...]:  # as the others
    """Return nothing: which plugins the config allows is not known."""
    return ()


def _verdict(text: str) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Return the mistakes and warnings of a config, as `llmgate config check --no-env` finds them."""
    try:
        config = load_config_text(text, source=RESULT)
    except ConfigProblems as error:
        return error.problems, error.warnings
    return (), config.warned


def _add_prefixes(root: Node) -> list[Note]:
    """Write the prefix before a model's bare name or star, where only one can be meant: that of the default provider.

    A bare name that the catalogue has needs none. A star alone would let clients choose the plugin.
    """
    notes: list[Note] = []
    client = Client()
    for index, item in enumerate(_list(root, "model_list")):
        params: Any = item.value.get("params") if isinstance(item.value, dict) else None
        model = params.node.value.get("model") if params is not None and isinstance(params.node.value, dict) else None
        name = _text(item, "model_name")
        prefix = client.default_prefix("chat")
        if params is None or model is None or prefix is None or not isinstance(model.node.value, str):
            continue
        hosted = {"api_base", "api_key"} <= params.node.value.keys()  # else the provider's own key would be sent there
        written = model.node.value
        if written == "*" and name == "*":
            why = f"now {prefix}/*, since a star alone would let clients choose the plugin"
        elif written.partition("/")[0] in COMPATIBLE and "/" in written and hosted:
            why = f"now {prefix}/{written.partition('/')[2]}: a server with OpenAI's API at the address in api_base"
        else:
            continue
        model.node.value = f"{prefix}/{'*' if written == '*' else written.partition('/')[2]}"
        notes.append(Note(model.line, ("model_list", index, params.written, "model"), "spelled differently", why))
    return notes


def _line(note: Note) -> str:
    what = WORDS.get(note.what, note.what)
    return f"line {note.line}: {shown_path(note.path)}: {what}{f': {note.why}' if note.why else ''}"


@dataclass(slots=True)
class _Variables:
    """Puts references in place of keys, one variable a key."""

    secret_options: frozenset[str] = frozenset()
    notes: list[Note] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def take_from(self, root: Node) -> None:
        section = root.value.get(SECTION)
        if section is not None and isinstance(section.node.value, dict):
            self.notes.append(Note(section.line, (SECTION,), "ignored", "see its variables"))
            for name, entry in section.node.value.items():
                why = "values are not written; set them in the environment, or copy this section by hand"
                self.notes.append(Note(entry.line, (SECTION, name), "ignored", why))
        for path, node, wanted in _keys(root, self.secret_options):
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


def _keys(root: Node, secret_options: frozenset[str]) -> Iterator[tuple[Path, Node, str]]:
    """Yield path, node and a name for a variable, for every value that is a key by its place."""
    for index, item in enumerate(_list(root, "model_list")):
        name = _variable(_text(item, "model_name"))
        params: Any = item.value.get("params") if isinstance(item.value, dict) else None
        if params is not None and isinstance(params.node.value, dict):
            yield from _secrets(params.node, ("model_list", index, params.written), name, secret_options)
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


def _secrets(
    node: Node, path: Path, name: str, secret_options: frozenset[str] = frozenset()
) -> Iterator[tuple[Path, Node, str]]:
    for key, entry in node.value.items():
        if key == "api_key" or (LIKE_A_SECRET.search(key) and isinstance(entry.node.value, str)):
            yield (*path, entry.written), entry.node, f"{name}_{_variable(key)}"
        elif key == "extra_headers" and isinstance(entry.node.value, dict):
            for header, inner in entry.node.value.items():
                if LIKE_A_HEADER_SECRET.search(header):
                    yield (*path, entry.written, header), inner.node, f"{name}_{_variable(header)}"
        elif key == OPTIONS and isinstance(entry.node.value, dict):
            for option, inner in entry.node.value.items():
                if option in secret_options or LIKE_A_SECRET.search(option):
                    yield (*path, entry.written, option), inner.node, f"{name}_{_variable(option)}"


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
