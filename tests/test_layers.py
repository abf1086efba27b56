"""The import rule: who may know whom. Imports inside functions and for type checkers count too.

Source: docs/architecture.md, "Import rule".
"""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
CORE = ROOT / "llmgate_core"

# Lowest first. A module imports lower levels only; a folder (types, transports, cli) is one name here,
# and its modules may import each other as long as no cycle comes of it.
LEVELS = (
    "errors sse secrets json_codec families",
    "deadline retry settings environment catalogue_shape discovery multipart atomic_file",
    "contracts transport_contract body",
    "ledger uploads cost message_extensions",
    "types events folding event_folding catalogue param_values",
    "hookspecs catalogue_rules responses_over_chat wire receive whole_answers",
    "binding openai_wire chat_over_responses",
    "params plugins",
    "plugin routing options",
    "transports streams carried stream_reader",
    "chunks",
    "prepared",
    "relay",
    "pipeline",
    "send forwarding",
    "run arun",
    "sync_calls async_calls",
    "client",
    "api serving",
    "cli testing",
    "__main__",
    "__main__",
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names.split()}

GIVEN_OUT = frozenset({"llmgate_core.testing.fake_upstream"})
"""Names that a package gives out although a module of it is called the same."""
CORE_MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in CORE.rglob("*.py")}
CORE_MODULES = {name.removesuffix(".__init__"): path for name, path in CORE_MODULES.items()}
SERVER = "llmgate_gateway"
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/llmgate_*/__init__.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of every module that the file names in an import."""
    package = path.relative_to(next(p for p in path.parents if not (p / "__init__.py").exists())).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            names = {f"{module}.{alias.name}" for alias in node.names}
            # `from llmgate_core import errors` means llmgate_core.errors; what a package gives out itself is its own
            submodules = {name for name in names & set(CORE_MODULES) if name not in GIVEN_OUT}
            yield from submodules
            if names - submodules:
                yield module


def core_imports(module: str) -> set[str]:
    return {name for name in imported(CORE_MODULES[module]) if name.split(".")[0] == "llmgate_core"}


def top(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("module", sorted(set(CORE_MODULES) - {"llmgate_core"}))
def test_a_module_imports_lower_levels_only(module: str) -> None:
    assert top(module) in LEVEL, f"give {top(module)} a level"
    others = {name for name in core_imports(module) if name == "llmgate_core" or top(name) != top(module)}
    assert "llmgate_core" not in others, "nothing inside imports the package root"
    assert {name for name in others if LEVEL[top(name)] >= LEVEL[top(module)]} == set()


def test_no_imports_form_a_cycle() -> None:
    graph = {module: core_imports(module) - {module} for module in CORE_MODULES if module != "llmgate_core"}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


@pytest.mark.parametrize("package", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_the_authors_surface_only(package: Path) -> None:
    # the gateway is no provider: it stands where any program stands that serves llmgate to others
    serving = {"llmgate_core", "llmgate_core.serving", "llmgate_core.testing"} if package.name == SERVER else set()
    surface = {package.name, *(serving or {"llmgate_core.plugin"})}
    assert _foreign(package, surface) == set()
    for_tests = surface | {"llmgate_core.testing", "llmgate_core", "llmgate_core.plugin"}
    assert _foreign(package.parent / "tests", for_tests) == set()


def _foreign(folder: Path, allowed: set[str]) -> set[str]:
    """Return the modules of ours that files in `folder` import beyond those allowed."""
    ours = {name for path in folder.rglob("*.py") for name in imported(path) if name.startswith("llmgate_")}
    return {name for name in ours if name not in allowed and name.split(".")[0] not in allowed - {"llmgate_core"}}
