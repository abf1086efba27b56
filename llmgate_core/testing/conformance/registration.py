"""Checks that the plugin loads: its facts, its hooks and their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from llmgate_core.contract.hooks import PROJECT, ProviderHooks
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import PluginError
from llmgate_core.registry.hooks import HookBinder
from llmgate_core.testing.conformance.base import Checks, loaded_plugin
from llmgate_core.testing.conformance.check import Findings, check

__all__ = ["RegistrationChecks"]


class RegistrationChecks(Checks):
    """What core finds when it loads the plugin."""

    @check
    def test_loads(self) -> Findings:
        """The plugin is an object, and core takes it: hooks that are known, marked, and not async.

        The attribute of the entry point must be an instance (`plugin = Acme()`), and every hook marked `@hookimpl`.
        """
        plugin = loaded_plugin(self.plugin)
        if isinstance(plugin, type):
            name = plugin.__name__
            yield f"{self.plugin} is the class {name}, not an object of it: write plugin = {name}()"
            return
        if plugin is None:
            yield "the class of checks has no `plugin`"
            return
        try:
            HookBinder().bind(plugin, name=type(plugin).__name__, distribution=self.distribution, version=None)
        except PluginError as error:
            yield str(error)

    @check
    def test_info(self) -> Findings:
        """`info` has a name, a base URL and the API that you wrote for, each of the right type.

        `ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")`.
        """
        info: Any = getattr(loaded_plugin(self.plugin), "info", None)
        if not isinstance(info, ProviderInfo):
            yield f"info is {type(info).__name__}, not a ProviderInfo"
            return
        api: Any = info.api
        if not (isinstance(api, tuple) and len(api) == 2 and all(type(number) is int for number in api)):
            yield f"info.api must be (major, minor), not {api!r}"
        name: Any = info.name
        if not isinstance(name, str) or not name or not name.isprintable():
            yield f"info.name must be a name, not {name!r}"
        yield from _of_urls(info)
        yield from _of_variables(info)

    @check
    def test_hook_arguments(self) -> Findings:
        """Each hook names arguments of its specification only, without defaults.

        An argument that core does not have is never filled in.
        """
        plugin = loaded_plugin(self.plugin)
        for name, specification in vars(ProviderHooks).items():
            function: Any = getattr(plugin, name, None)
            if not inspect.isfunction(specification) or not hasattr(_plain(function), f"{PROJECT}_impl"):
                continue
            known = set(inspect.signature(specification).parameters)
            unknown = [argument for argument in inspect.signature(function).parameters if argument not in known]
            if unknown:
                yield f"{name} has the argument {unknown[0]!r}; it may have {', '.join(sorted(known - {'self'}))}"

    @check
    def test_serves_the_family(self) -> Findings:
        """The plugin can make a request of its family.

        `transform_request` gets calls of every family that an entry point names.
        """
        self.bench.prepare(self.samples[0])
        yield from ()


def _plain(function: Any) -> Any:
    return getattr(function, "__func__", function)


def _of_urls(info: ProviderInfo) -> Iterator[str]:
    urls: list[tuple[str, Any]] = [("base_url", info.base_url), *(("hosts", host) for host in info.hosts)]
    for name, url in urls:
        if url == "" and name == "base_url":
            continue  # it has no upstream
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("https", "http") or not parts.netloc:
            yield f"info.{name} must be a URL such as https://api.acme.example, not {url!r}"
        elif parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            yield f"info.{name} {url!r} would carry keys without TLS: use https"


def _of_variables(info: ProviderInfo) -> Iterator[str]:
    names: list[Any] = [*info.key_variables, *info.env_base_url, *info.env_organization, *info.env_project]
    names += [name for option in info.options for name in option.env]
    for name in names:
        if not isinstance(name, str) or not name.isidentifier() or name != name.upper():
            yield f"{name!r} is not the name of an environment variable, such as ACME_API_KEY"
