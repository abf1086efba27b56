"""Replace `os.environ/NAME` by environment variables.

Whole values only, once, never recursively: the value of a variable is not expanded again. Names in
`environment_variables` of the file are used where the process has none; the process's environment is never changed.

Source: row S21 of docs/reliability.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = ["PREFIX", "expand", "report_unset"]

PREFIX = "os.environ/"
SECTION = "environment_variables"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LIKE_A_REFERENCE = re.compile(r"os\.(environ|getenv)(\.get)?[.:\[(]\S*|\$?env[.:][A-Z][A-Z0-9_]*|\$\{env[.:]\w+\}")
"""How other programs and Python refer to a variable; here each would be taken for the value itself."""


def expand(root: Node, environment: Mapping[str, str], problems: Problems) -> Mapping[str, str]:
    """Replace every reference under `root`, in place, and take `environment_variables` out of it.

    Returns:
        All variables that a reference may name, for `report_unset`.
    """
    variables = dict(environment)
    file_variables, references = _file_variables(root, problems)
    variables.update({name: value for name, value in file_variables.items() if not variables.get(name)})
    used = set[str]()
    for path, node in list(_strings(root, ())):
        if node.variable is None and node.value.startswith(PREFIX):
            name = node.value.removeprefix(PREFIX)
            used.add(name)
            _replace(node, path, name, variables, problems)
        elif node.variable is None and LIKE_A_REFERENCE.fullmatch(node.value.strip()):
            problems.add(node.place, path, f"this is not how a variable is referred to here; write {PREFIX}NAME")
        elif node.variable is None and PREFIX in node.value:
            problems.warn(
                node.place, path, f"{PREFIX}NAME is expanded only if it is the whole value; here it is not expanded"
            )
    for name in sorted(references.keys() & used):
        problems.add(references[name], (SECTION, name), "a variable cannot refer to another one")
    for name in sorted((file_variables.keys() | references.keys()) - used):
        message = f"nothing in this file refers to {PREFIX}{name}, and the process never sees the variable"
        problems.warn(root.place, (SECTION, name), message)
    return variables


def report_unset(root: Node, variables: Mapping[str, str], problems: Problems) -> None:
    """Put every variable that is used and not set into `problems`; ignored keys have been removed by now."""
    for path, node in _strings(root, ()):
        if node.unset and node.variable is not None and NAME.fullmatch(node.variable):
            state = "is empty" if node.variable in variables else "is not set"
            near = problems.did_you_mean(node.variable, [other for other in variables if variables[other]], cutoff=0.8)
            problems.add(node.place, path, f"the environment variable {node.variable} {state}{near}")


def _file_variables(root: Node, problems: Problems) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """Return the file's variables, and the places of those that refer to another, a mistake only if they are used."""
    entry = root.value.pop(SECTION, None) if isinstance(root.value, dict) else None
    if entry is None or entry.node.value is None:
        return {}, {}
    if not isinstance(entry.node.value, dict):
        problems.add(entry.node.place, (SECTION,), "must be a mapping of names to strings")
        return {}, {}
    variables, references = dict[str, str](), dict[str, tuple[int, int]]()
    for name, item in entry.node.value.items():
        value = item.node.value
        if isinstance(value, dict | list):
            problems.add(item.node.place, (SECTION, name), "must be a string")
        elif isinstance(value, str) and value.startswith(PREFIX):
            references[name] = item.node.place
        elif value is not None:
            variables[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return variables, references


def _strings(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    if isinstance(node.value, dict):
        for entry in node.value.values():
            yield from _strings(entry.node, (*path, entry.written))
    elif isinstance(node.value, list):
        for index, item in enumerate(node.value):
            yield from _strings(item, (*path, index))
    elif isinstance(node.value, str):
        yield path, node


def _replace(node: Node, path: Path, name: str, variables: Mapping[str, str], problems: Problems) -> None:
    node.variable, node.unset = name, not variables.get(name)
    if not NAME.fullmatch(name):
        problems.add(
            node.place, path, f"{PREFIX} must be followed by the name of a variable, such as {PREFIX}OPENAI_API_KEY"
        )
    elif value := variables.get(name):
        node.value = value
