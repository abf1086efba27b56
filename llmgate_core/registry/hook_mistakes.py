"""Say what is wrong with a plugin object and its hooks when it is loaded, and what is right. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from types import ModuleType
from typing import Any

from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.settings.near_name import near_name

__all__ = ["copy_of", "of_arguments", "of_hook_name", "of_plugin"]


def of_plugin(plugin: object) -> str | None:
    """Return why an object cannot be a plugin; None: it may be one."""
    if isinstance(plugin, type):
        return f"it is the class {plugin.__name__}, not an object of it: write `plugin = {plugin.__name__}()`"
    if isinstance(plugin, ModuleType):
        return f"it is the module {plugin.__name__}, not an object in it: write '{plugin.__name__}:plugin'"
    if inspect.isroutine(plugin):
        return f"it is the function {plugin.__name__}, not an object with hooks: write `plugin = {plugin.__name__}()`"
    info = getattr(plugin, "info", None)
    if isinstance(info, ProviderInfo):
        return None
    found = "no `info`" if info is None else f"an `info` of type {type(info).__name__}"
    return f"it has {found}: write `info = ProviderInfo(api=(1, 1), name=..., base_url=...)`"


def of_hook_name(hook: str, hooks: Collection[str]) -> str:
    """Return what is wrong with the name of a hook that there is not."""
    near = near_name(hook, hooks)
    return f"unknown hook {hook!r}; " + (
        f"did you mean {near!r}?" if near else f"known hooks: {', '.join(sorted(hooks))}"
    )


def of_arguments(hook: str, function: Callable[..., Any], known: Sequence[str]) -> str | None:
    """Return what is wrong with the arguments of a hook; None: nothing."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            return f"hook {hook!r} has the keyword-only argument {parameter.name!r}; make it positional"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return f"hook {hook!r} takes *{parameter.name}; name the arguments that it uses"
        if parameter.name not in known and parameter.default is parameter.empty:
            near = near_name(parameter.name, known)
            hint = f"did you mean {near!r}?" if near else f"it may have any of {', '.join(known)}"
            return f"hook {hook!r} has no argument {parameter.name!r}; {hint}"
    return None


def copy_of(value: Any) -> Any:
    """Return a copy of JSON data; other values, such as open files, stay the same objects."""
    if isinstance(value, dict):
        return {name: copy_of(item) for name, item in value.items()}
    return [copy_of(item) for item in value] if isinstance(value, list) else value
