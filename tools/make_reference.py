"""Write docs/reference.md: every function of llmgate, its arguments and results. `--check` compares instead.

Reads the source with `ast` and imports none of our modules, so types that exist for type checkers only are seen too.
A function's arguments are its own parameters and, where it takes `**arguments: Unpack[SomeArguments]`, the fields of
that TypedDict with the string below each field.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference.md"
CLIENT = "Client"
OPTIONS = "CallOptions"
OVERLOADED = frozenset({"stream", "response_format", "text_format", "file"})
"""Parameters by which overloads tell results apart; the docstring and the table describe them."""

LISTS = frozenset({"Args", "Raises"})
"""Sections of a docstring that list names, rather than describe one result."""

HEAD = """# Reference: functions and their arguments

You want to know which function takes which arguments. This page is made from signatures and docstrings
(`make reference`).

Each function below is a name of `llmgate_core` and a method of `Client`. Its asynchronous twin has the same arguments
and an `a` in front (`acompletion`); on `AsyncClient` the method has the plain name and is awaited. Every function also
takes the [options of a call](guide/options.md). A request parameter that is not listed is sent as it is.

"""
TAIL = """
See also: [options](guide/options.md), [errors](guide/errors.md), [quickstart](quickstart.md)
"""


@dataclass
class Field:
    """One argument of a table."""

    name: str
    type: str
    meaning: str


@dataclass
class Function:
    """All definitions of one method: its overloads, and last the implementation."""

    definitions: list[ast.FunctionDef]

    @property
    def name(self) -> str:
        """The method's name."""
        return self.definitions[0].name

    def results(self) -> str:
        """Return the result types, each once; the last of several overloads repeats the others."""
        overloads = self.definitions[:-1] or self.definitions
        types = [ast.unparse(item.returns) for item in overloads if item.returns is not None]
        single = [name for name in dict.fromkeys(types) if " | " not in name] or types
        return " or ".join(f"`{name}`" for name in single)

    def signature(self) -> str:
        """Return the call without `self`, types, and the parameters that tell overloads apart."""
        arguments = self.definitions[-1].args
        named = arguments.args[1:]
        defaults = [None] * (len(named) - len(arguments.defaults)) + list(arguments.defaults)
        parts = [_parameter(item, default) for item, default in zip(named, defaults, strict=True)]
        keyword_only = [
            _parameter(item, default)
            for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if item.arg not in OVERLOADED
        ]
        parts += ["*", *keyword_only] if keyword_only else []
        parts += ["**arguments"] if arguments.kwarg else []
        return f"{self.name}({', '.join(parts)})"

    def typed_arguments(self) -> str | None:
        """Return the TypedDict of its keyword arguments, if they have one."""
        for definition in reversed(self.definitions):
            keywords = definition.args.kwarg
            if keywords is not None and keywords.annotation is not None:
                match = re.fullmatch(r"Unpack\[(\w+)\]", ast.unparse(keywords.annotation))
                if match:
                    return match[1]
        return None


def _parameter(item: ast.arg, default: ast.expr | None) -> str:
    return item.arg if default is None else f"{item.arg}={ast.unparse(default)}"


def parsed_modules() -> list[ast.Module]:
    """Return every module of core."""
    return [ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "llmgate_core").rglob("*.py"))]


def classes_of(modules: list[ast.Module]) -> dict[str, ast.ClassDef]:
    """Return the classes of the modules by name."""
    return {node.name: node for module in modules for node in ast.walk(module) if isinstance(node, ast.ClassDef)}


def functions_of(node: ast.ClassDef) -> list[Function]:
    """Return the public methods of a class, in the order of the source."""
    functions: dict[str, Function] = {}
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            functions.setdefault(item.name, Function([])).definitions.append(item)
    return list(functions.values())


def fields_of(name: str, classes: dict[str, ast.ClassDef]) -> list[Field]:
    """Return the fields of a TypedDict and its bases, except the options, which have a section of their own."""
    if name == OPTIONS or name not in classes:
        return []
    node = classes[name]
    inherited = [field for base in node.bases for field in fields_of(ast.unparse(base), classes)]
    return inherited + annotated_fields(node)


def annotated_fields(node: ast.ClassDef) -> list[Field]:
    """Return the annotated names of a class, each with the string below it."""
    fields: list[Field] = []
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            fields.append(Field(item.target.id, ast.unparse(item.annotation), ""))
        elif fields and isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant):
            fields[-1].meaning = str(item.value.value)
    return fields


def table(fields: list[Field]) -> str:
    """Return a table of arguments; a column that is empty throughout is left out."""
    described = any(field.meaning for field in fields)
    head = "| argument | type | meaning |\n|---|---|---|\n" if described else "| argument | type |\n|---|---|\n"
    rows = (
        [f"`{field.name}`", f"`{_cell(field.type)}`", *([_cell(field.meaning)] if described else [])]
        for field in sorted(fields, key=lambda field: field.name)
    )
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def section(function: Function, classes: dict[str, ast.ClassDef]) -> str:
    """Return the part of the page on one function."""
    parts = [f"## `{function.name}`\n\n`{function.signature()}` returns {function.results()}.\n"]
    docstring = ast.get_docstring(function.definitions[-1]) or ""
    parts.append(prose_of(docstring))
    name = function.typed_arguments()
    fields = fields_of(name, classes) if name else []
    if fields:
        parts.append(table(fields))
    return "\n".join(parts)


def client_section(classes: dict[str, ast.ClassDef], bases: list[str]) -> str:
    """Return the part of the page on making a client."""
    makers = [item for base in bases for item in classes[base].body if isinstance(item, ast.FunctionDef)]
    maker = Function([next(item for item in makers if item.name == "__init__")])
    signature = maker.signature().replace("__init__", CLIENT)
    docstring = prose_of(ast.get_docstring(maker.definitions[0]) or "")
    return f"\n## `{CLIENT}`\n\n`{signature}`; the same for `AsyncClient`.\n\n{docstring}"


def prose_of(docstring: str) -> str:
    """Return a Google-style docstring as markdown: its sections become lists."""
    lines: list[str] = []
    section = ""
    for line in docstring.splitlines():
        heading = re.fullmatch(r"(Args|Returns|Raises|Yields):", line)
        if heading:
            section = heading[1]
            lines += [f"{section}:", ""]
        elif not section or not line.startswith(" "):
            lines.append(line)
        elif section in LISTS:
            lines.append(f"* {_named(line.strip())}" if re.match(r" {4}\S", line) else f"  {line.strip()}")
        else:
            lines.append(line.strip())
    return re.sub(r"docs/(guide/\w+)\.md", r"[\1](\1.md)", "\n".join(lines)) + "\n"


def _named(text: str) -> str:
    name, colon, meaning = text.partition(": ")
    return f"`{name.replace('*', '')}`: {meaning}" if colon and " " not in name else text


def page() -> str:
    """Return the whole page."""
    classes = classes_of(parsed_modules())
    bases = [ast.unparse(base) for base in classes[CLIENT].bases]
    functions = [function for base in bases if base.endswith("Calls") for function in functions_of(classes[base])]
    parts = [HEAD]
    parts += [f"[`{function.name}`](#{function.name}) ·\n" for function in functions[:-1]]
    parts += [f"[`{functions[-1].name}`](#{functions[-1].name})\n\n"]
    if OPTIONS in classes:
        parts.append("## Options of every call\n\nNone of them is sent as a parameter.\n\n")
        parts.append(table(annotated_fields(classes[OPTIONS])) + "\n")
    parts.append("\n".join(section(function, classes) for function in functions))
    parts.append(client_section(classes, bases))
    return re.sub(r"\n{3,}", "\n\n", "".join(parts) + TAIL)


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="exit 1 if the page differs from the source")
    content = page()
    if not parser.parse_args().check:
        PAGE.write_text(content, "utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text("utf-8") == content:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is out of date: run `make reference`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
