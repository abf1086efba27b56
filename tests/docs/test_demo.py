"""The steps of the demo that send nothing; those with a real model run in `make demo` alone."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.support.paths import ROOT


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the program as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "demo"))
    found = importlib.util.spec_from_file_location("demo_program", ROOT / "demo" / "demo.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "demo_program", module)
    found.loader.exec_module(module)
    return module


def test_the_catalogue_answers_without_a_request(demo: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    demo.known_facts(demo.CLAUDE)
    assert "pictures: True" in capsys.readouterr().out


def test_what_a_row_refuses_is_shown_with_its_source(demo: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    demo.explained_call(demo.GROQ)
    (refused,) = (line for line in capsys.readouterr().out.splitlines() if "REFUSED" in line)
    assert "[Groq" in refused
