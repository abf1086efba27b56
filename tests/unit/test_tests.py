"""What holds for every test: it stands alone, and it asserts no upper bound on elapsed time."""

from __future__ import annotations

import ast
import re

from tests.support.paths import ROOT

MODULES = sorted([*ROOT.glob("tests/**/*.py"), *ROOT.glob("plugins/*/tests/**/*.py")])
WIRES = frozenset({"test_httpx_transport.py"})  # runs the tests of the other transports
UPPER_BOUND = re.compile(r"^ *assert .*time\.\w+\(\) - \w+.* <=? ", re.MULTILINE)


def is_test_module(module: str) -> bool:
    return module.rpartition(".")[2].startswith(("test_", "conftest"))


def test_no_test_module_imports_another_or_a_conftest() -> None:
    """Names that several of them need are in `tests/support`."""
    imports = {
        str(path.relative_to(ROOT)): [
            node.module
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module and is_test_module(node.module)
        ]
        for path in MODULES
        if path.name not in WIRES
    }
    assert {path: names for path, names in imports.items() if names} == {}


def test_no_test_asserts_how_long_something_takes_at_most() -> None:
    """A busy machine breaks such a bound; `benchmarks/` measures instead."""
    bounds = {str(path.relative_to(ROOT)): UPPER_BOUND.findall(path.read_text("utf-8")) for path in MODULES}
    assert {path: lines for path, lines in bounds.items() if lines} == {}
