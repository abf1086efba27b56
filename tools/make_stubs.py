"""Write the stubs and tables from which editors and type checkers learn the functions and settings.

`make twins` writes them, `make check` compares. They are made from the methods of `client/async_*_calls.py` and their
twins, and from the fields of `Settings`:

* `client/arguments.py`: the typed keyword arguments of the methods, see `argument_types.py`;
* `client/functions.pyi`: the module functions, with the signatures and docstrings of the methods;
* `__init__.pyi`: every public name and every setting;
* the tables `_METHODS` and `_SETTINGS` of `__init__.py`, by which names are imported on first use.
"""

from __future__ import annotations

import argparse
import ast
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from argument_types import arguments_of
from make_twins import ROOT, formatted

CORE = ROOT / "llmgate_core"
KINDS_OF_CALLS = ("text", "message", "score", "media")
CALLS = [CORE / "client" / f"async_{kind}_calls.py" for kind in KINDS_OF_CALLS]
HEAD = "# Made by tools/make_stubs.py from {}: edit there, then run `make twins`.\n"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def methods_of(*paths: Path) -> list[Function]:
    """Return the public methods of the classes of some modules, overloads included, in their order."""
    kinds = [node for path in paths for node in _tree(path).body if isinstance(node, ast.ClassDef)]
    functions = [node for kind in kinds for node in kind.body if isinstance(node, Function)]
    return [function for function in functions if not function.name.startswith("_")]


def function_stubs() -> str:
    """Return `client/functions.pyi`."""
    twins = [CORE / "client" / path.name.removeprefix("async_") for path in CALLS]
    parts = [
        HEAD.format("async_*_calls.py"),
        "from llmgate_core.client.async_client import AsyncClient",
        "from llmgate_core.client.sync_client import Client",
    ]
    parts += [*_imports_of(*twins, *CALLS), 'OutputT = TypeVar("OutputT")']
    parts.append("def default_client() -> Client: ...\ndef default_async_client() -> AsyncClient: ...")
    parts += [*_stubs_of(methods_of(*twins), ""), *_stubs_of(methods_of(*CALLS), "a")]
    return "\n".join(parts) + "\n"


def _stubs_of(methods: list[Function], prefix: str) -> Iterator[str]:
    """Yield methods as functions. Overloads replace their method; the first overload has its docstring."""
    docstrings = {method.name: ast.get_docstring(method) for method in methods}  # the last of a name is the method
    overloaded = {method.name for method in methods if method.decorator_list}
    for method in methods:
        if bool(method.decorator_list) == (method.name in overloaded):
            docstring = docstrings.pop(method.name, None)
            yield _stub(method, f"{prefix}{method.name}", docstring)


def _stub(method: Function, name: str, docstring: str | None) -> str:
    decorators = "".join(f"@{ast.unparse(decorator)}\n" for decorator in method.decorator_list)
    keyword = "async def" if isinstance(method, ast.AsyncFunctionDef) else "def"
    arguments = ast.unparse(method.args).removeprefix("self, ")
    body = " ..." if docstring is None else textwrap.indent(f'\n"""{docstring}\n"""', "    ")
    return f"{decorators}{keyword} {name}({arguments}) -> {ast.unparse(method.returns or ast.Name('object'))}:{body}"


def package_stub() -> str:
    """Return `__init__.pyi`."""
    source = CORE / "__init__.py"
    tree = _tree(source)
    parts = [HEAD.format("__init__.py and settings/settings.py"), f'"""{ast.get_docstring(tree)}\n"""']
    exported = dict(sorted(_exports(tree)))
    parts += [f"from llmgate_core.{module} import {name} as {name}" for name, module in exported.items()]
    settings = CORE / "settings" / "settings.py"
    fields = list(_fields_of(settings))
    names = {node.id for field in fields for node in ast.walk(field) if isinstance(node, ast.Name)}
    defined = {node.name for node in _tree(settings).body if isinstance(node, ast.ClassDef)}
    defined |= {ast.unparse(node.targets[0]) for node in _tree(settings).body if isinstance(node, ast.Assign)}
    parts += [
        f"from llmgate_core.settings.settings import {name}" for name in sorted((names & defined) - set(exported))
    ]
    parts += [line for line in _imports_of(settings) if not line.startswith("from llmgate_core")]
    parts.append("__version__: str\n__all__: list[str]")
    parts += [f"{ast.unparse(field.target)}: {ast.unparse(field.annotation)}" for field in fields]
    return "\n".join(parts) + "\n"


def _exports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield every public name of the package and the module that it comes from."""
    for method in _method_names():
        yield method, "client.functions"
        yield f"a{method}", "client.functions"
    for module, names in ast.literal_eval(_assigned(tree, "_EXPORTS").value).items():
        for name in names.split():
            yield name, module


def package_source() -> str:
    """Return `__init__.py` with up-to-date tables of methods and settings."""
    source = (CORE / "__init__.py").read_text(encoding="utf-8")
    settings = [ast.unparse(field.target) for field in _fields_of(CORE / "settings" / "settings.py")]
    for name, words in (("_METHODS", _method_names()), ("_SETTINGS", settings)):
        node = _assigned(ast.parse(source), name)
        lines = source.splitlines(keepends=True)
        rows = textwrap.wrap(" ".join(words), 110)
        table = "\n".join(f'    "{row} "' for row in rows)
        lines[node.lineno - 1 : node.end_lineno] = [f"{name} = (\n{table}\n)\n"]
        source = "".join(lines)
    return source


def _method_names() -> list[str]:
    return list(dict.fromkeys(method.name for method in methods_of(*CALLS)))


def _fields_of(path: Path) -> Iterator[ast.AnnAssign]:
    """Yield the fields of the class `Settings`."""
    for node in _tree(path).body:
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            yield from (field for field in node.body if isinstance(field, ast.AnnAssign))


def _imports_of(*paths: Path) -> Iterator[str]:
    """Yield every import of some modules, those for type checkers included; formatting drops unused ones."""
    nodes = (node for path in paths for node in ast.walk(_tree(path)))
    imports = (node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)))
    lines = (ast.unparse(node) for node in imports)
    yield from dict.fromkeys(line for line in lines if not line.startswith("from __future__"))


def _assigned(tree: ast.Module, name: str) -> ast.Assign:
    return next(node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def arguments_source() -> str:
    """Return `client/arguments.py`."""
    return HEAD.format("endpoints/parameters.py") + arguments_of(methods_of(*CALLS))


GENERATED = {
    CORE / "client" / "arguments.py": arguments_source,
    CORE / "client" / "functions.pyi": function_stubs,
    CORE / "__init__.pyi": package_stub,
    CORE / "__init__.py": package_source,
}
"""A file -> the function that returns its content."""


def main() -> int:
    """Write the files, or with `--check` only compare them. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not up to date")
    is_check = parser.parse_args().check
    is_stale = False
    for path, make in GENERATED.items():
        content = formatted(make(), path)
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            is_stale = True
            if not is_check:
                path.write_text(content, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: {'not up to date, run make twins' if is_check else 'written'}")
    return int(is_stale and is_check)


if __name__ == "__main__":
    sys.exit(main())
