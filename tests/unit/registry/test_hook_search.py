"""Our quick search for hooks finds what pluggy's own finds, on every kind of object that can be a plugin."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pluggy
import pytest

from llmgate_core.contract.hooks import PROJECT, ExtensionHooks, ProviderHooks
from llmgate_core.plugin import hookimpl
from llmgate_core.registry.hooks import _HookManager, _marked_hooks


@hookimpl
def auth(route: Any) -> None: ...


class Base:
    @hookimpl
    def transform_request(self, call: Any, route: Any) -> None: ...

    @hookimpl
    def map_error(self, call: Any) -> None: ...

    @property
    def list_models(self) -> Any:
        raise AssertionError("a property was evaluated")


class Heir(Base):
    def map_error(self, call: Any) -> None: ...  # without the marker: no hook any more

    @staticmethod
    @hookimpl
    def auth(route: Any) -> None: ...

    @classmethod
    @hookimpl(specname="stream_parser")
    def another_name(cls, call: Any) -> None: ...

    @hookimpl
    @staticmethod
    def transport(route: Any) -> None: ...


class Slotted:
    __slots__ = ("auth", "map_error")

    def __init__(self) -> None:
        self.auth = auth


def module() -> ModuleType:
    made = ModuleType("made")
    made.auth = auth  # type: ignore[attr-defined]
    made.transport = lambda route: None  # type: ignore[attr-defined]
    return made


def with_a_method_of_its_own() -> Heir:
    heir = Heir()
    heir.map_error = Base().map_error  # type: ignore[method-assign]
    return heir


PLUGINS = {
    "instance": Base(),
    "heir": Heir(),
    "class": Heir,
    "slots": Slotted(),
    "module": module(),
    "namespace": SimpleNamespace(auth=auth, transport=1),
    "attribute of the instance": with_a_method_of_its_own(),
    "nothing": object(),
}


def found(manager: pluggy.PluginManager, plugin: object) -> dict[str, list[Any]]:
    manager.register(plugin)
    callers = manager.get_hookcallers(plugin) or ()
    return {caller.name: [each.function for each in caller.get_hookimpls()] for caller in callers}


@pytest.mark.parametrize("plugin", PLUGINS.values(), ids=PLUGINS)
def test_the_same_hooks_are_found(plugin: object) -> None:
    plain = pluggy.PluginManager(PROJECT)
    plain.add_hookspecs(ProviderHooks)
    plain.add_hookspecs(ExtensionHooks)
    assert found(_HookManager(), plugin) == found(plain, plugin)


def test_the_check_before_sees_each_of_them() -> None:
    assert set(_marked_hooks(Heir())) == {"transform_request", "auth", "another_name", "transport"}
    assert set(_marked_hooks(Base())) == {"transform_request", "map_error"}
    assert set(_marked_hooks(with_a_method_of_its_own())) >= {"map_error"}
