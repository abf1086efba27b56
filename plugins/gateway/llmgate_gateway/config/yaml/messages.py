"""Describe pydantic's errors in plain words, at their place in the file. Never shows a value.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = ["explain"]

MESSAGES = {
    "string_type": "must be a string; put it in quotes",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "mapping_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
}
BOUNDS = {
    "greater_than": ("gt", "must be greater than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}


def explain(mistake: Mapping[str, Any], root: Node, problems: Problems) -> None:
    """Put one entry of `ValidationError.errors()` into `problems`."""
    location: Path = tuple(mistake["loc"])
    place, written = root.find(location)
    node = _node_at(root, location)
    if node is not None and node.unset:
        return  # reported already as not set
    if node is not None and node.variable is not None:
        problems.add(place, written, f"{_message(mistake, None, problems)} (the value of {node.variable})")
    elif mistake["type"] == "missing":
        problems.add(place, (*written, location[-1]), "is missing")
    else:
        problems.add(place, written, _message(mistake, node, problems))


def _node_at(root: Node, location: Path) -> Node | None:
    """Return the node at a location, or the last one on the way to it."""
    node = root
    for part in location:
        if isinstance(node.value, dict) and part in node.value:
            node = node.value[part].node
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            break
    return node


def _message(mistake: Mapping[str, Any], node: Node | None, problems: Problems) -> str:
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "string_type" and node is not None and isinstance(node.value, list | dict):
        return f"must be a string, not a {'list' if isinstance(node.value, list) else 'mapping'}"
    if kind in MESSAGES:
        return MESSAGES[kind]
    if kind in BOUNDS:
        name, message = BOUNDS[kind]
        return f"{message} {context[name]:g}"
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind == "literal_error":
        expected = str(context["expected"])
        names = [name.strip("' ") for name in expected.replace(" or ", ", ").split(",")]
        near = problems.did_you_mean(node.value, names) if node is not None and isinstance(node.value, str) else ""
        return f"must be {expected}{near}"
    if kind == "extra_forbidden":
        return "unknown key"
    return "is not valid here"
