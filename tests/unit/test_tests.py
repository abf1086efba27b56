"""What holds for every test: it stands alone, and it asserts no upper bound on elapsed time."""

from __future__ import annotations

import ast
import os
import re

import pytest

from llmgate_core.cli.working_directory import installed_providers
from llmgate_core.contract.provider import ProviderInfo
from tests.support.machine_variables import OF_PROVIDERS, forget_providers
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


def test_no_variable_of_the_machine_changes_where_a_test_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plugin reads is unset before the first test, and what it reads next year is noticed here."""
    read = {name for info in installed_providers() for name in variables(info)}
    assert {"AZURE_API_KEY", "AWS_REGION", "GROQ_API_BASE"} <= read
    assert sorted(name for name in read if not OF_PROVIDERS.fullmatch(name)) == []
    assert read & os.environ.keys() == set()
    for name in read:
        monkeypatch.setenv(name, "junk")
    forget_providers()
    assert read & os.environ.keys() == set()


def variables(info: ProviderInfo) -> set[str]:
    options = {name for option in info.options for name in option.env}
    return options.union(info.key_variables, info.env_base_url, info.env_organization, info.env_project)
