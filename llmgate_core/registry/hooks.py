"""Bind a loaded plugin's hooks, so that calling a hook costs no more than a function call.

The plugin is registered with pluggy and checked: API version, hook names, no async and no
keyword-only arguments. If no extension wraps a hook, its plain function is called; otherwise a
pluggy manager of this plugin and the extensions runs the wrappers around it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Mapping
from functools import cache
from types import MemberDescriptorType
from typing import Any

import pluggy

from llmgate_core.contract.call import API_VERSION, Call, Route
from llmgate_core.contract.hooks import PROJECT, ExtensionHooks, ProviderHooks
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.endpoints.compatible import OpenAICompatible
from llmgate_core.endpoints.openai import ENDPOINTS
from llmgate_core.errors import PluginLoadError
from llmgate_core.registry.bound_plugin import BoundPlugin, load_error
from llmgate_core.registry.extensions import Extension, ExtensionHook
from llmgate_core.registry.guards import BODY_CHECK_VARIABLE, checks_body, guarded
from llmgate_core.registry.hook_mistakes import of_arguments, of_hook_name, of_plugin
from llmgate_core.registry.hook_results import (
    PROBLEMS,
)
from llmgate_core.registry.provider_info import problem_of
from llmgate_core.registry.table_mistakes import of_tables
from llmgate_core.settings.environment import read

__all__ = ["HookBinder"]

REQUIRED_HOOKS = ("transform_request", "serve")
"""A plugin has one of them, or both."""
ASYNC_HOOKS = frozenset({"serve"})
MARKER = f"{PROJECT}_impl"
HOOKS_WITH_CALL = frozenset(
    {"exchange", "map_error", "serve", "stream_parser", "transform_request", "transform_response"}
)
UNCHANGED = frozenset({"transform_response", "stream_parser"})
"""Hooks of which `OpenAICompatible`'s own leave an answer as it is, as if the plugin had none."""


@cache
def _hooks_of(spec: type) -> Mapping[str, tuple[str, ...]]:
    """Return hook name -> argument names of a hook specification."""
    return {
        name: tuple(inspect.signature(function).parameters)[1:]
        for name, function in vars(spec).items()
        if inspect.isfunction(function)
    }


class _HookManager(pluggy.PluginManager):
    """A pluggy manager of our hooks, which looks for them only where one may be.

    For each attribute of a plugin pluggy walks through all of its classes, which takes longer than loading the plugin.
    """

    def __init__(self) -> None:
        super().__init__(PROJECT)
        self._names: frozenset[str] = frozenset()
        self.add_hookspecs(ProviderHooks)
        self.add_hookspecs(ExtensionHooks)

    def register(self, plugin: object, name: str | None = None) -> str | None:
        """Register a plugin, and return its name."""
        self._names = _possible_hooks(plugin)
        return super().register(plugin, name)

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Return the marker's options of an attribute; None: it has no marker."""
        return super().parse_hookimpl_opts(plugin, name) if name in self._names else None


class HookBinder:
    """A client's pluggy manager, for provider plugins and extensions."""

    def __init__(self) -> None:
        self._manager = _HookManager()
        self._provider_hooks = _hooks_of(ProviderHooks)
        self._extension_hooks = _hooks_of(ExtensionHooks)
        self._extensions: list[Extension] = []

    def bind(self, plugin: object, *, name: str, distribution: str | None, version: str | None) -> BoundPlugin:
        """Check and register `plugin`.

        Raises:
            PluginLoadError: wrong API version, no `info`, an invalid hook or table.
        """

        def refuse(reason: str) -> PluginLoadError:
            return load_error(reason, name=name, distribution=distribution, version=version)

        if (problem := of_plugin(plugin)) is not None:
            raise refuse(problem)
        info: ProviderInfo = plugin.info  # type: ignore[attr-defined]  # judged above
        if (problem := problem_of(info, serves=hasattr(plugin, "serve"))) is not None:
            raise refuse(problem)
        _check_version(info, refuse)
        if isinstance(plugin, OpenAICompatible) and (problem := of_tables(plugin)) is not None:
            raise refuse(problem)
        self._check_hooks(plugin, self._provider_hooks, refuse, wrappers=False)
        if not any(hasattr(plugin, hook) for hook in REQUIRED_HOOKS):
            raise refuse(f"it implements neither of the hooks {' and '.join(REQUIRED_HOOKS)}")
        if not self._manager.is_registered(plugin):
            self._register(plugin, refuse)
        bound = BoundPlugin(info, name, distribution, version)
        bound.instance = plugin
        if isinstance(plugin, OpenAICompatible):
            bound.inputs = plugin.inputs
            bound.encodes_vectors = plugin.encodes_vectors is True
        bound.serves_async = _is_async(getattr(plugin, "serve", None))
        wrapped = frozenset(hook for hook in self._provider_hooks if self._is_wrapped(hook))
        for hook, arguments in self._provider_hooks.items():
            is_own = hook not in wrapped and _is_compatibles(plugin, hook)
            is_idle = is_own and hook in UNCHANGED and not _packs_numbers(plugin, hook)
            function = None if is_idle else self._caller(plugin, hook, arguments, wrapped)
            setattr(bound, hook, None if function is None else _bound_hook(bound, hook, function, is_own=is_own))
        if isinstance(plugin, OpenAICompatible) and "transform_request" not in wrapped and _has_own_requests(plugin):
            bound.canonical_endpoint = guarded(bound, "transform_request", plugin.canonical_endpoint)
        if isinstance(plugin, OpenAICompatible) and not wrapped and bound.map_error is None:
            bound.passes_answers = plugin.passes_answers
        return bound

    def add_extension(self, extension: Extension) -> None:
        """Check and register an extension: its own hooks, and its wrappers around provider hooks.

        Raises:
            PluginLoadError: an invalid hook, or none at all.
        """
        plugin, refuse = extension.object, extension.load_error
        self._check_hooks(plugin, {**self._provider_hooks, **self._extension_hooks}, refuse, wrappers=True)
        marked = _marked_hooks(plugin)
        if not marked:
            raise refuse(f"it has no hook; those of extensions are {', '.join(sorted(self._extension_hooks))}")
        for attribute, options in marked.items():
            hook = options.get("specname") or attribute
            is_wrapper = bool(options.get("wrapper") or options.get("hookwrapper"))
            if is_wrapper and hook in self._extension_hooks:
                raise refuse(f"hook {hook!r} cannot be a wrapper: it is called for each extension by itself")
            if not is_wrapper and hook in self._provider_hooks:
                raise refuse(f"hook {hook!r} belongs to providers; an extension may wrap it: @hookimpl(wrapper=True)")
        self._register(plugin, refuse)
        self._extensions.append(extension)

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """The extensions that were added."""
        return tuple(self._extensions)

    def extension_hooks(self, hook: str) -> tuple[ExtensionHook, ...]:
        """Return the implementations of an extension hook, in the order in which the extensions were enabled."""
        caller = getattr(self._manager.hook, hook)
        by_plugin = {id(impl.plugin): impl for impl in caller.get_hookimpls()}
        found: list[ExtensionHook] = []
        for extension in self._extensions:
            if (impl := by_plugin.get(id(extension.object))) is not None:
                function = _with_arguments(impl.function, tuple(impl.argnames), self._extension_hooks[hook])
                found.append(ExtensionHook(extension, hook, function))
        return tuple(found)

    def _register(self, plugin: object, refuse: Callable[[str], PluginLoadError]) -> None:
        try:
            self._manager.register(plugin)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise refuse(str(error).splitlines()[-1]) from error

    def _is_wrapped(self, hook: str) -> bool:
        return any(impl.wrapper or impl.hookwrapper for impl in getattr(self._manager.hook, hook).get_hookimpls())

    def _caller(
        self, plugin: object, hook: str, arguments: tuple[str, ...], wrapped: Container[str]
    ) -> Callable[..., Any] | None:
        caller = getattr(self._manager.hook, hook)
        impl = next((impl for impl in caller.get_hookimpls() if impl.plugin is plugin), None)
        if impl is None:
            return None
        if hook not in wrapped:
            return _with_arguments(impl.function, tuple(impl.argnames), arguments)
        caller_of_one = getattr(self._manager_of_one(plugin).hook, hook)

        def call_wrapped(*values: Any) -> Any:
            return caller_of_one(**dict(zip(arguments, values, strict=True)))

        return _with_model(call_wrapped) if hook == "transform_request" else call_wrapped

    def _manager_of_one(self, plugin: object) -> pluggy.PluginManager:
        """Return a manager of one provider and all extensions; in a shared one, other providers would answer too."""
        manager = _HookManager()
        for each in (plugin, *(extension.object for extension in self._extensions)):
            manager.register(each)
        return manager

    def _check_hooks(
        self,
        plugin: object,
        specs: Mapping[str, tuple[str, ...]],
        refuse: Callable[[str], PluginLoadError],
        *,
        wrappers: bool,
    ) -> None:
        marked = _marked_hooks(plugin)
        for attribute, options in marked.items():
            function = getattr(plugin, attribute)
            hook = options.get("specname") or attribute
            if hook not in specs:
                raise refuse(of_hook_name(hook, specs))
            if hook not in ASYNC_HOOKS and _is_async(function):
                raise refuse(f"hook {hook!r} is async; hooks only transform data, and core does the waiting")
            if (options.get("wrapper") or options.get("hookwrapper")) and not wrappers:
                raise refuse(f"hook {hook!r} is a wrapper; only extensions may wrap")
            if (problem := of_arguments(hook, function, specs[hook])) is not None:
                raise refuse(problem)
        for hook in specs:  # pluggy would ignore it silently
            if hook not in marked and callable(getattr(plugin, hook, None)):
                raise refuse(f"{hook!r} lacks the @hookimpl marker")


def _check_version(info: ProviderInfo, refuse: Callable[[str], PluginLoadError]) -> None:
    major, minor = info.api
    if major != API_VERSION[0] or minor > API_VERSION[1]:
        ours = ".".join(map(str, API_VERSION))
        way_out = "upgrade llmgate-core" if info.api > API_VERSION else "upgrade the plugin"
        raise refuse(f"it was written for plugin API {major}.{minor}, but this core has {ours}: {way_out}")


def _has_own_requests(plugin: OpenAICompatible) -> bool:
    """Return whether a plugin's requests are those of `OpenAICompatible`."""
    kind = type(plugin)
    return (
        kind.transform_request is OpenAICompatible.transform_request
        and kind.canonical_endpoint is OpenAICompatible.canonical_endpoint
    )


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _marked_hooks(plugin: object) -> dict[str, dict[str, Any]]:
    """Return attribute -> options of those with our `hookimpl` marker, without evaluating any property."""
    possible = _possible_hooks(plugin)
    options = {
        attribute: _marker_of(inspect.getattr_static(plugin, attribute))
        for attribute in dir(plugin)
        if attribute in possible
    }
    return {attribute: marker for attribute, marker in options.items() if isinstance(marker, dict)}


def _possible_hooks(plugin: object) -> frozenset[str]:
    """Return the attributes that have a marker on the object or one of its classes, or whose value is in a slot."""
    owners = plugin.__mro__ if isinstance(plugin, type) else (plugin, *type(plugin).__mro__)
    return frozenset(
        name
        for owner in owners
        for name, value in getattr(owner, "__dict__", {}).items()
        if isinstance(value, MemberDescriptorType) or isinstance(_marker_of(value), dict)
    )


def _marker_of(value: Any) -> Any:
    marker = getattr(value, MARKER, None)
    return getattr(getattr(value, "__func__", None), MARKER, None) if marker is None else marker


def _with_arguments(function: Callable[..., Any], names: tuple[str, ...], spec: tuple[str, ...]) -> Callable[..., Any]:
    """Adapt `function`, which may take fewer arguments or another order, to all arguments of its specification."""
    if names == spec:
        return function
    indexes = tuple(spec.index(name) for name in names if name in spec)
    return lambda *values: function(*[values[index] for index in indexes])


def _with_model(transform_request: Callable[..., Any]) -> Callable[..., Any]:
    """Return a hook that extensions wrap, so that a body which one of them replaced has the model as the plugin's has.

    Core adds it to the call's own body only; a new dict that goes to the same place needs it as well.
    """

    def with_model(call: Call, route: Route) -> Any:
        request = transform_request(call, route)
        if not isinstance(request, UpstreamRequest) or not isinstance(request.body, dict) or request.body is call.body:
            return request
        endpoint = ENDPOINTS.get(call.family, {}).get(call.operation)
        is_canonical = endpoint is not None and (endpoint.method, endpoint.path) == (request.method, request.path)
        if not is_canonical or not route.model or "model" in request.body:
            return request
        return request.with_body({"model": route.model, **request.body})

    return with_model


def _is_compatibles(plugin: object, hook: str) -> bool:
    """Return whether a hook of a plugin is the one of `OpenAICompatible`, whatever its arguments."""
    own = vars(OpenAICompatible).get(hook)
    return own is not None and getattr(getattr(plugin, hook, None), "__func__", None) is own


def _packs_numbers(plugin: object, hook: str) -> bool:
    """Return whether the hook of `OpenAICompatible` changes answers all the same: vectors for callers of base64."""
    return hook == "transform_response" and isinstance(plugin, OpenAICompatible) and plugin.encodes_vectors is False


def _bound_hook(bound: BoundPlugin, hook: str, function: Callable[..., Any], *, is_own: bool) -> Callable[..., Any]:
    """Return a hook, guarded. A request that `OpenAICompatible` itself makes need not be judged."""
    if is_own:
        return guarded(bound, hook, function)
    if hook in HOOKS_WITH_CALL and read(BODY_CHECK_VARIABLE) is not None:
        function = checks_body(bound, hook, function)
    return guarded(bound, hook, function, PROBLEMS.get(hook))
