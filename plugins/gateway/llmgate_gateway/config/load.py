"""Read a config: a file or a mapping in, a frozen `GatewayConfig` out, or one error with every mistake.

The only module here that touches the disk. It reads the environment once, for `os.environ/NAME`.

Source: rows R35 and S22 of docs/reliability.md.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from llmgate_gateway.config.checks import check
from llmgate_gateway.config.litellm.fates import environment_fate
from llmgate_gateway.config.litellm.known_keys import arrange
from llmgate_gateway.config.schema.file_schema import ConfigFile
from llmgate_gateway.config.schema.model import GatewayConfig
from llmgate_gateway.config.yaml.document import Node, node_of, parse
from llmgate_gateway.config.yaml.environment import expand, report_unset
from llmgate_gateway.config.yaml.messages import explain
from llmgate_gateway.config.yaml.problems import Problems

__all__ = [
    "MAX_BYTES",
    "STANDARD_INPUT",
    "ConfigSource",
    "config_for_model",
    "config_of",
    "load_config",
    "load_config_dict",
    "load_config_text",
    "read_document",
]

ConfigSource = str | os.PathLike[str] | Mapping[str, Any] | GatewayConfig
"""What a config may be given as."""
MAX_BYTES = 1024 * 1024
LITELLMS_MASTER_KEY = "LITELLM_MASTER_KEY"
STANDARD_INPUT = "-"
"""The name of the file that means standard input."""


def config_of(source: ConfigSource) -> GatewayConfig:
    """Return the config in a file or a mapping; one that is loaded already is returned unchanged.

    Raises:
        ConfigProblems: it is not valid. TypeError: it is none of the three.
    """
    if isinstance(source, GatewayConfig):
        return source
    if isinstance(source, (str, os.PathLike)):
        return load_config(source)
    if isinstance(source, Mapping):
        return load_config_dict(source)
    kind = type(source).__name__  # type: ignore[unreachable]  # for programs that no type checker reads
    raise TypeError(f"a config is the name of a file, a mapping or a GatewayConfig, not an object of the class {kind}")


def load_config(
    path: str | os.PathLike[str] | Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    plugins: bool = False,
    has_variables: bool = True,
) -> GatewayConfig:
    """Return the config in a YAML file, or in a mapping with the same keys.

    Args:
        path: the file, of at most 1 MiB; `-` is standard input.
        environment: for `os.environ/NAME`; default: the process's.
        plugins: also check that installed plugins serve the models, which imports those plugins, and that the
            extensions are installed.
        has_variables: False: the variables of `os.environ/NAME` are not here, as in a check before a deployment. What
            refers to one is taken to be right, and the config is not one to serve.

    Raises:
        ConfigProblems: the config is not valid; the message has a line `file:line:col: path: message` for each mistake.
    """
    if isinstance(path, Mapping):
        problems = Problems("")
        return _load(node_of(path), problems, environment, plugins=plugins, has_variables=has_variables)
    problems = Problems("standard input" if path == STANDARD_INPUT else os.fspath(path))
    root = read_document(path, problems)
    return _load(root, problems, environment, plugins=plugins, has_variables=has_variables)


def load_config_dict(
    content: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, source: str = ""
) -> GatewayConfig:
    """Return the config in a mapping, which has the same keys as a file.

    Raises:
        ConfigProblems: the config is not valid; the message has a line `path: message` for each mistake.
    """
    problems = Problems(source)
    return _load(node_of(content), problems, environment, plugins=False)


def load_config_text(text: str, *, source: str) -> GatewayConfig:
    """Return the config in YAML text, checked without its variables and with the installed plugins; not one to serve.

    Raises:
        ConfigProblems: the config is not valid.
    """
    problems = Problems(source)
    return _load(parse(text, problems), problems, {}, plugins=True, has_variables=False)


def config_for_model(model: str) -> GatewayConfig:
    """Return the config of `llmgate --model NAME`: this one model, whatever name a client sends.

    Raises:
        ConfigProblems: the name is not a valid model string.
    """
    entries = [{"model_name": name, "params": {"model": model}} for name in dict.fromkeys((model, "*"))]
    return load_config_dict({"model_list": entries}, source="--model")


def read_document(path: str | os.PathLike[str], problems: Problems) -> Node | None:
    """Return the nodes of a file, or None, with the reason in `problems`, if it cannot be read."""
    content = _read_input(problems) if path == STANDARD_INPUT else _read(FilePath(path), problems)
    if content is None:
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        problems.add((before.count(b"\n") + 1, column), (), "not UTF-8 text")
        return None
    return parse(text, problems)


def _read(path: FilePath, problems: Problems) -> bytes | None:
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                problems.add((0, 0), (), f"{problems.source} is not a regular file")
                return None
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        problems.add((0, 0), (), f"cannot read {problems.source}: {reason}")
        return None
    if len(content) > MAX_BYTES:
        problems.add((0, 0), (), f"{problems.source} is larger than 1 MiB")
        return None
    if os.name == "posix" and state.st_mode & stat.S_IWOTH:
        problems.warn((1, 1), (), "every user of this machine can write this file; chmod o-w it")
    return content


def _read_input(problems: Problems) -> bytes | None:
    try:
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
    except (OSError, ValueError, AttributeError):  # closed
        problems.add((0, 0), (), "cannot read standard input")
        return None
    if len(content) > MAX_BYTES:
        problems.add((0, 0), (), "standard input is larger than 1 MiB")
        return None
    return content


def _load(
    root: Node | None,
    problems: Problems,
    environment: Mapping[str, str] | None,
    *,
    plugins: bool,
    has_variables: bool = True,
) -> GatewayConfig:
    if root is None:
        if not problems.mistakes:
            problems.add((1, 1) if problems.source else (0, 0), (), "the config is empty; it needs a model_list")
        raise problems.error()
    if not isinstance(root.value, dict):
        problems.add(root.place, (), "a config must be a mapping that begins with 'model_list:'")
        raise problems.error()
    if not has_variables:
        environment = {}
    variables = expand(root, os.environ if environment is None else environment, problems)
    _move_options(root, problems)
    arrange(root, problems)
    if has_variables:
        report_unset(root, variables, problems)
    file = _validate(root, problems, without_unset=not has_variables)
    if file is not None:
        check(file, root, problems)
    if file is not None and has_variables:
        _warn_of_litellms_master_key(file, variables, problems)
    if file is not None and plugins:
        from llmgate_gateway.config.extensions import check_extensions  # reads the disk

        check_extensions(file, root, problems, loads=has_variables)
    if plugins:
        from llmgate_gateway.config.routes import check_tree  # loads the client and reads the disk

        check_tree(root, problems, has_variables=has_variables)
    if file is None or problems.mistakes:
        raise problems.error()
    return GatewayConfig.of(file, root, problems)


def _move_options(root: Node, problems: Problems) -> None:
    from llmgate_gateway.config.declared_options import has_foreign_keys, move_options

    if not has_foreign_keys(root):
        return
    from llmgate_gateway.config.routes import client_of_tree, targets_of  # loads the client and reads the disk

    client = client_of_tree(root)
    if client is not None:
        move_options(root, partial(targets_of, client), problems)


def _warn_of_litellms_master_key(file: ConfigFile, variables: Mapping[str, str], problems: Problems) -> None:
    if file.general_settings.master_key is None and variables.get(LITELLMS_MASTER_KEY):
        message = f"{LITELLMS_MASTER_KEY} is set: {environment_fate(LITELLMS_MASTER_KEY).why}"
        problems.warn((0, 0), ("general_settings", "master_key"), message)


def _validate(root: Node, problems: Problems, *, without_unset: bool = False) -> ConfigFile | None:
    """Return the valid file, or None, with the mistakes in `problems`; a wrong value of no variable can be left out."""
    try:
        return ConfigFile.model_validate(root.plain())
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False, include_context=True)
    left_out = [root.leave_out_unset(tuple(mistake["loc"])) for mistake in mistakes] if without_unset else []
    if any(left_out):
        return _validate(root, problems, without_unset=True)
    for mistake in mistakes:
        explain(mistake, root, problems)
    return None
