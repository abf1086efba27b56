"""Every input that fuzzing has kept, through its target again: what once failed stays mended."""

from __future__ import annotations

import importlib

import pytest

from tests.support.paths import ROOT

CORPUS = ROOT / "fuzz" / "corpus"
TARGETS = sorted(path.stem for path in (ROOT / "fuzz" / "targets").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", TARGETS)
def test_a_kept_input_breaks_nothing(name: str) -> None:
    target = importlib.import_module(f"fuzz.targets.{name}")
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs
    for path in inputs:
        target.check(path.read_bytes())


def test_every_corpus_and_dictionary_has_its_target() -> None:
    dictionaries = {path.stem for path in (ROOT / "fuzz" / "dictionaries").iterdir()}
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert dictionaries <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_breaks_nothing_on_the_smallest_inputs(name: str) -> None:
    target = importlib.import_module(f"fuzz.targets.{name}")
    for data in (b"", b"\0", b"\n", b"\xff", b"{}"):
        target.check(data)
