"""The import rule: which room may import which. Imports inside functions and for type checkers count too.

Source: docs/architecture.md, "Rooms".
"""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from llmgate_core import Client, Settings
from tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator


CORE_LAYERS = (
    "errors secrets json_codec terminal",
    "contract",
    "files catalogue settings",
    "types endpoints",
    "registry reading",
    "bridges transports",
    "calls plugin",
    "relay",
    "client serving",
    "__init__",
    "testing",
    "cli",
    "__main__",
)
"""Rooms of core, lowest first: a room imports lower layers only. A room is a folder, or a module at the top."""

GATEWAY_LAYERS = (
    "config",
    "telemetry",
    "http",
    "access",
    "calls",
    "dialects",
    "pages",
    "app",
    "server",
    "inprocess",
    "__init__",
    "commands",
)
SERVER = "llmgate_gateway"
PACKAGES = {
    "llmgate_core": (ROOT / "llmgate_core", CORE_LAYERS),
    SERVER: (ROOT / "plugins" / "gateway" / SERVER, GATEWAY_LAYERS),
}
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/llmgate_*/__init__.py"))


def modules_of(folder: Path) -> dict[str, Path]:
    """Return the full name of every module below a package's folder, and its file."""
    names = {".".join(path.relative_to(folder.parent).with_suffix("").parts): path for path in folder.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


ALL_MODULES = {name: path for folder, _ in PACKAGES.values() for name, path in modules_of(folder).items()}


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of every module that the file names in an import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:  # the tests of a plugin import their neighbours so
                continue
            module = node.module or ""
            for alias in node.names:
                name = f"{module}.{alias.name}"
                # a package may give out a name that one of its modules has too: `testing.fake_upstream`
                yield name if name in ALL_MODULES and name != "llmgate_core.testing.fake_upstream" else module


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_room_imports_lower_layers_only(package: str) -> None:
    folder, layers = PACKAGES[package]
    layer_of = {name: layer for layer, names in enumerate(layers) for name in names.split()}
    assert {room(module) for module in modules_of(folder)} == set(layer_of), "every room has a layer"
    upward = [
        f"{module} -> {other}"
        for module, path in modules_of(folder).items()
        for other in sorted(set(imported(path)))
        if other.split(".")[0] == package
        and room(other) != room(module)
        and layer_of[room(other)] >= layer_of[room(module)]
    ]
    assert upward == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_imports_form_a_cycle(package: str) -> None:
    modules = modules_of(PACKAGES[package][0])
    graph = {
        module: {name for name in imported(path) if name in modules} - {module, package}
        for module, path in modules.items()
        if module != package
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_says_what_lives_there(package: str) -> None:
    folder = PACKAGES[package][0]
    rooms = [path for path in folder.rglob("*.py") if path.name == "__init__.py"]
    assert [str(path) for path in rooms if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


def test_plugins_import_the_authors_surface_and_the_wires_that_they_depend_on() -> None:
    offenders = []
    for package in PLUGINS:
        # the gateway is not a provider: it is a program that serves llmgate to others
        serving = {"llmgate_core", "llmgate_core.serving", "llmgate_core.testing"} if package.name == SERVER else set()
        surface = serving or {"llmgate_core.plugin", *_wires_of(package)}
        for_tests = surface | {"llmgate_core.testing", "llmgate_core", "llmgate_core.plugin"}
        offenders += _foreign(package, package.name, surface)
        offenders += _foreign(package.parent / "tests", package.name, for_tests)
    assert offenders == []


def _wires_of(package: Path) -> set[str]:
    """Return the packages of other plugins that a plugin may import: the wire of each that it depends on."""
    project = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {Requirement(text).name.replace("-", "_") for text in project["dependencies"]}
    return {f"{name}.wire" for name in names - {"llmgate_core"}}


def _foreign(folder: Path, own: str, allowed: set[str]) -> list[str]:
    """Return the imports of our modules in `folder` beyond those allowed, with the file of each."""
    return [
        f"{path.relative_to(ROOT)} -> {name}"
        for path in sorted(folder.rglob("*.py"))
        for name in sorted(set(imported(path)))
        if name.startswith("llmgate_") and name not in allowed and name.split(".")[0] != own
    ]


def test_core_decides_nothing_by_a_providers_name() -> None:
    providers = ("openai", "anthropic", "gemini", "google", "azure", "bedrock", "vertex", "local", "ollama", "mistral")
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value!r}"
        for path in modules_of(ROOT / "llmgate_core").values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.strip("/").lower() in providers or node.value.lower().startswith(("openai/", "azure/"))
    ]
    assert offenders == []


def test_the_gateway_reads_no_attribute_behind_a_door() -> None:
    # an import rule does not see `client.preparer.router`: what a server needs is a method of the client
    inner = {name for name in vars(Client(settings=Settings())) if name != "settings"} | {"preparer"}
    reached = [
        f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}"
        for path in sorted((ROOT / "plugins" / "gateway" / SERVER).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in inner and not _is_self(node.value)
    ]
    assert reached == []


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"
