"""The page of extensions names every field of an event and every hook, and no other."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature

from llmgate_core.contract.hooks import ExtensionHooks
from llmgate_core.plugin import CallEvent
from tests.support.pages import named, rows
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "plugins" / "extensions.md"


def test_every_field_of_an_event_has_a_row() -> None:
    listed = [named(row[0])[0] for row in rows(PAGE, "field of a `CallEvent`")]
    assert listed == [item.name for item in fields(CallEvent)]


def test_every_hook_of_extensions_has_a_row_with_its_arguments() -> None:
    hooks = [(name, hook) for name, hook in vars(ExtensionHooks).items() if not name.startswith("_")]
    written = {f"{name}({', '.join([*signature(hook).parameters][1:])})" for name, hook in hooks}
    assert {named(row[0])[0] for row in rows(PAGE, "extension hook")} == written
