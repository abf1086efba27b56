"""Make `client/arguments.py`: the keyword arguments of each function besides its own parameters, for type checkers.

The names and types come from the table of request parameters, `endpoints/parameters.py`; those that core
itself interprets, from `CORE_ARGUMENTS`; which function calls which operation, from `client/async_*_calls.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from llmgate_core.catalogue.values import ValueRule
from llmgate_core.endpoints.parameters import OPENAI_INPUTS, OPENAI_PARAMETERS

__all__ = ["arguments_of"]

HEAD = '''"""The keyword arguments of each function besides its own parameters, for type checkers and editors.

At run time a function also takes parameters that are not listed here and sends them; for a type checker such a
parameter goes into `extra_body`. The classes named `Any...` add the parameters by which overloads tell results apart.

Source: `llmgate_core.endpoints.parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from llmgate_core.settings.call_options import CallOptions

if TYPE_CHECKING:
    from pydantic import BaseModel

    from llmgate_core.client.inputs import FileValue, ImageValue, OutputValue
'''
TYPES = MappingProxyType(
    {"number": "float", "integer": "int", "boolean": "bool", "string": "str", "object": "Mapping[str, Any]"}
)
OUTPUT_TYPE = "OutputValue | None"
TOOLS_TYPE = "Sequence[Mapping[str, Any] | BaseModel] | None"
CORE_ARGUMENTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "chat": {"response_format": OUTPUT_TYPE, "file": "FileValue", "tools": TOOLS_TYPE},
        "responses": {"response_format": OUTPUT_TYPE, "text_format": OUTPUT_TYPE, "tools": TOOLS_TYPE},
        "embedding": {"input_type": "str | None"},
        "image.edit": {"mask": "ImageValue | None"},
        "speech": {"stream": "bool | None"},
        "video": {"input_reference": "ImageValue | None"},
        "video.content": {"stream": "bool | None"},
    }
)
"""Family or operation -> types of parameters that core adds to the reference, or takes in more shapes."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def arguments_of(methods: list[Function]) -> str:
    """Return the module's source for the methods of the asynchronous client."""
    parts = [HEAD]
    for name in dict.fromkeys(method.name for method in methods):
        *overloads, method = (method for method in methods if method.name == name)
        parts += _classes_of(method, overloads)
    return "\n\n".join(parts)


def _classes_of(method: Function, overloads: list[Function]) -> Iterator[str]:
    """Yield the class of a method's arguments and, if it has overloads, the class with all of theirs."""
    called = _called_by(method)
    named = {argument.arg for argument in (*method.args.args, *method.args.kwonlyargs)}
    separate = {argument.arg for overload in overloads for argument in overload.args.kwonlyargs} - named
    types = {name: entry for name, entry in _types_of(called).items() if name not in named}
    shared = {name: entry for name, entry in types.items() if name not in separate}
    if not shared and not separate:
        return
    name = "".join(word.capitalize() for word in called.replace(".", "_").split("_"))
    yield _class(f"{name}Arguments", "CallOptions", f"Arguments of `{method.name}`.", shared)
    if separate:
        rest = {name: types[name] for name in sorted(separate)}
        yield _class(f"Any{name}Arguments", f"{name}Arguments", f"All arguments of `{method.name}`.", rest)


def _called_by(method: Function) -> str:
    """Return the key of the parameter table for what a method calls last: a family, or `family.operation`."""
    calls = [node for node in ast.walk(method) if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._call"]
    call = max(calls, key=lambda node: node.lineno)
    family = ast.literal_eval(call.args[0])
    operations = [ast.literal_eval(word.value) for word in call.keywords if word.arg == "operation"]
    return ".".join([family, *operations])


def _types_of(called: str) -> dict[str, tuple[str, str]]:
    """Return parameter -> its type, and a sentence on the range of its values."""
    rules = {**OPENAI_PARAMETERS.get(called, {}), **OPENAI_INPUTS.get(called, {})}
    types = {name: (f"{_type(rule)} | None", _range(rule)) for name, rule in rules.items()}
    types |= {name: (text, "") for name, text in CORE_ARGUMENTS.get(called, {}).items()}
    return dict(sorted(types.items()))


def _type(rule: ValueRule) -> str:
    return " | ".join(_type_of_kind(rule, kind) for kind in rule.types)


def _type_of_kind(rule: ValueRule, kind: str) -> str:
    if kind == "string" and rule.choices:
        return f"Literal[{', '.join(map(repr, rule.choices))}]"
    if kind == "list":
        return f"Sequence[{_type(rule.items) if rule.items else 'Any'}]"
    if kind == "object" and rule.items:
        return f"Mapping[str, {_type(rule.items)}]"
    return TYPES[kind]


def _range(rule: ValueRule) -> str:
    """Return the bounds of a number or of a string's length as a sentence; empty if it has none."""
    if rule.types == ("string",) and rule.max_length is not None:
        return f"At most {rule.max_length} characters."
    if not {*rule.types} <= {"number", "integer"} or rule.low is None:
        return ""
    return f"{rule.low:g} or more." if rule.high is None else f"From {rule.low:g} to {rule.high:g}."


def _class(name: str, base: str, docstring: str, types: Mapping[str, tuple[str, str]]) -> str:
    lines = [f"class {name}({base}, total=False):", f'    """{docstring}"""', ""]
    for parameter, (text, bounds) in types.items():
        lines.append(f"    {parameter}: {text}")
        lines += [f'    """{bounds}"""', ""] if bounds else []
    return "\n".join(lines)
