"""Checks that core can load the plugin, and that it serves what it says."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from llmgate_core.errors import PluginError
from llmgate_core.registry.hooks import HookBinder
from llmgate_core.settings.base_url import is_metadata_service
from llmgate_core.testing.conformance.base import Checks, loaded_plugin
from llmgate_core.testing.conformance.check import Findings, check

__all__ = ["RegistrationChecks"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class RegistrationChecks(Checks):
    """What core finds when it loads the plugin."""

    @check
    def test_loads(self) -> Findings:
        """The plugin is an object, and core takes it: its facts, its hooks and their arguments.

        The attribute of the entry point must be an instance (`plugin = Acme()`), its `info` a `ProviderInfo`, and every
        hook marked `@hookimpl`, not async, with arguments that core knows.
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
    def test_keys_travel_encrypted(self) -> Findings:
        """The provider's URLs are https: over http everyone on the way can read the key.

        `ProviderInfo(base_url="https://…", hosts=("https://…",))`; http only for this machine and for the metadata
        service of its cloud.
        """
        info: Any = getattr(loaded_plugin(self.plugin), "info", None)
        for url in (getattr(info, "base_url", ""), *getattr(info, "hosts", ())):
            parts = urlsplit(str(url))
            host = parts.hostname or ""
            if parts.scheme == "http" and host not in LOOPBACK and not is_metadata_service(host):
                yield f"info names {url!r}"

    @check
    def test_serves_the_family(self) -> Findings:
        """The plugin can make a request of its family.

        `transform_request` gets calls of every family that an entry point names.
        """
        self.bench.prepare(self.samples[0])
        yield from ()
