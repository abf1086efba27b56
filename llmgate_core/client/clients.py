"""Clients: isolated instances with their own settings, plugins and connections.

The module functions in `functions.py` use a default client of each kind.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from llmgate_core.calls.async_driver import arun
from llmgate_core.calls.loop import call_steps
from llmgate_core.calls.observers import CallObservers
from llmgate_core.calls.prepare import CallPreparer, CallRequest
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import TypedReader
from llmgate_core.calls.sync_driver import run
from llmgate_core.client.async_media_calls import AsyncMediaCalls
from llmgate_core.client.async_text_calls import AsyncTextCalls
from llmgate_core.client.hidden_keys import hide_keys
from llmgate_core.client.media_calls import MediaCalls
from llmgate_core.client.text_calls import TextCalls
from llmgate_core.contract.limits import Limits, Timeouts
from llmgate_core.contract.transport import StreamedContent
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.reading.async_stream import AsyncStream
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.relay.forwarding import Forwarded, forward, forwarding
from llmgate_core.relay.relay import Relayed, RelayReader
from llmgate_core.secrets import Secret
from llmgate_core.settings.options import ClientOptions, Destination, destination_for, hide_key, secret_of, take_options
from llmgate_core.settings.settings import (
    ParamPolicy,
    PluginPolicy,
    Settings,
    TransportName,
    check_transport,
    module_settings,
)
from llmgate_core.transports.selection import AsyncTransportSelector, TransportSelector

if TYPE_CHECKING:
    import httpx
    from typing_extensions import Unpack

    from llmgate_core.settings.call_options import CallOptions

__all__ = ["AsyncClient", "Client"]


@hide_keys
class _Base(ABC):
    """What both kinds of client share: everything but sending."""

    _options = ClientOptions()  # until `__init__` is through: a traceback may show the client

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        api_base: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        timeout: float | Timeouts | httpx.Timeout | None = None,
        max_retries: int | None = None,
        param_policy: ParamPolicy | None = None,
        client_session: Any = None,
        aclient_session: Any = None,
        transport: TransportName | None = None,
        limits: Limits | None = None,
        plugins: PluginPolicy | None = None,
        extensions: Sequence[Any] | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Make a client. It connects to nothing and reads no file; the first call does.

        Args:
            api_key: the provider's key; None: the setting, then the environment.
            api_base: the base URL, such as `https://your-host/v1`; None: the setting, then the environment, then the
                provider's own.
            organization: sent as `OpenAI-Organization`; None: the setting, then the environment.
            project: sent as `OpenAI-Project`; None: the setting, then the environment.
            timeout: seconds for a whole call, a `Timeouts` or an `httpx.Timeout`; None: the setting.
            max_retries: further attempts after a failure that may pass, from 0; None: the setting.
            param_policy: `error`, `drop` or `forward` for a parameter that the model is known not to take; None: the
                setting.
            client_session: your own `httpx.Client` or `httpx2.Client` for synchronous calls; never closed by llmgate.
            aclient_session: your own asynchronous client of either; never closed by llmgate.
            transport: how requests are sent, see docs/guide/options.md; None: the setting.
            limits: sizes in bytes above which an answer is refused; None: the defaults of `Limits`.
            plugins: which installed plugins may be used; None: the setting.
            extensions: extensions to load, by entry-point name or as objects; None: the setting.
            settings: the settings for everything else; None: those of the module `llmgate_core`. With a `Settings` of
                its own the client shares nothing with the module.

        Raises:
            ConfigError: the transport is not known, or the key is not a string.
        """
        self.settings = module_settings() if settings is None else settings
        if transport is not None:
            check_transport(transport)
        self._options = ClientOptions(
            api_key=secret_of(api_key),
            api_base=api_base,
            organization=organization,
            project=project,
            timeout=timeout,
            max_retries=max_retries,
            param_policy=param_policy,
            client_session=client_session,
            aclient_session=aclient_session,
            transport=transport,
            limits=limits or Limits(),
        )
        self._plugins = plugins
        self._extensions = extensions
        self._built: tuple[CallPreparer, tuple[Any, ...]] | None = None  # and what it was built from
        self._building = threading.RLock()
        self._added: list[tuple[object, str, str]] = []
        self._open()

    @abstractmethod
    def _open(self) -> None:
        """Make what chooses and keeps the connections."""

    def add_plugin(self, plugin: object, *, family: str, prefix: str, replace: bool = False) -> None:
        """Serve model strings that begin with `prefix/` from a plugin object, for tests and plugins inside a program.

        Args:
            plugin: the object with the plugin's hooks.
            family: what it serves, such as `chat`.
            prefix: the prefix, with or without its last slash.
            replace: take the route from the plugin that has it.

        Raises:
            PluginConflictError: the route is taken and `replace` is False. PluginLoadError: the object is not a
                valid plugin. ConfigError: there is no such family.
        """
        with self._building:
            preparer = self.preparer
            preparer.plugins.add(plugin, family, prefix, replace=replace)
            preparer.router.forget()
            self._added.append((plugin, family, prefix))

    @property
    def preparer(self) -> CallPreparer:
        """The pure part of this client, made on first use and again when plugin settings change."""
        settings = self.settings
        plugins = settings.plugins if self._plugins is None else self._plugins
        extensions = settings.extensions if self._extensions is None else self._extensions
        wanted = (plugins, tuple(extensions), settings.catalogue_file)
        built = self._built
        if built is None or built[1] != wanted:
            with self._building:
                built = self._built
                if built is None or built[1] != wanted:
                    built = self._built = self._build(wanted), wanted
        return built[0]

    def _build(self, wanted: tuple[PluginPolicy, tuple[Any, ...], Any]) -> CallPreparer:
        plugins, extensions, _ = wanted
        registry = PluginRegistry(plugins, extensions)
        preparer = CallPreparer(self.settings, self._options, registry, CallObservers(registry))
        for plugin, family, prefix in self._added:
            registry.add(plugin, family, prefix, replace=True)
        return preparer

    def resolve(self, family: str, model: str, *, bridged: bool = False) -> ResolvedModel:
        """Return where calls of a model string go. Imports the plugin.

        Args:
            family: what is called, such as `chat`.
            model: a model string.
            bridged: resolve it in the family over which calls of `family` are bridged.

        Raises:
            LLMGateError: the model is not known, or no plugin serves it for the family.
        """
        return self.preparer.router.resolve(family, model, bridged=bridged)

    def load(self) -> None:
        """Read the catalogue and the list of installed plugins now; otherwise the first call does. Imports no plugin.

        Raises:
            ConfigError: the catalogue file cannot be read, or an extension is not installed. PluginLoadError: a
                plugin's file of models cannot be read, or an extension cannot be imported.
        """
        self.preparer  # noqa: B018  # building it reads them

    def installed(self) -> tuple[PluginEntryPoint, ...]:
        """Return the entry points of every installed plugin, sorted, including those that the settings switch off.

        Imports no plugin.

        Raises:
            LLMGateError: as `load`.
        """
        return self.preparer.plugins.installed()

    def knows_model(self, name: str) -> bool:
        """Return whether the catalogue has a row for a model, named without a prefix, as in `gpt-4o`."""
        return self.preparer.catalogue.find(name) is not None

    def default_prefix(self, mode: str) -> str | None:
        """Return the prefix of the default provider for a mode of the catalogue; None if no provider is the default.

        Args:
            mode: such as `chat` or `audio_speech`; see `llmgate_core.serving.FAMILY_OF_MODE`.
        """
        return self.preparer.catalogue.default_prefix(mode)

    def prefix_for(self, provider: str, mode: str) -> str | None:
        """Return the prefix under which a provider serves a mode of the catalogue; None if it is not known."""
        return self.preparer.catalogue.prefix_for(provider, mode)

    def destination(self, target: ResolvedModel, **arguments: Unpack[CallOptions]) -> Destination:
        """Return the base URL, key, organization and project of a call.

        Args:
            target: from `resolve`.
            **arguments: the options of the call, docs/guide/options.md.

        Returns:
            A `Destination`, whose `api_key` is None if there is no key.

        Raises:
            ConfigError: an option has a value that it cannot have.
        """
        preparer = self.preparer
        options = take_options(dict(arguments), preparer.client, preparer.settings)
        return destination_for(target.plugin.info, options, preparer.client, preparer.settings, require_key=False)

    def prepare(
        self,
        family: str,
        model: object,
        inputs: Mapping[str, Any],
        arguments: dict[str, Any],
        *,
        operation: str = "create",
    ) -> PreparedCall:
        """Return a call ready to be sent, without sending it. It needs no key. Used by `llmgate explain`.

        Args:
            family: what is called, such as `chat`.
            model: a model string; None for an operation that takes none.
            inputs: the family's inputs, such as `messages`.
            arguments: options and parameters; changed by this method.
            operation: what of the family is called.

        Raises:
            LLMGateError: whatever can be known to be wrong before sending.
        """
        hide_key(arguments)
        request = CallRequest(family, model, inputs, arguments, operation)
        return self.preparer.prepare(request, require_key=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(api_base={self._options.api_base!r})"


@hide_keys
class Client(_Base, TextCalls, MediaCalls):
    """A synchronous client. It may be shared by threads, and is a context manager that closes its connections."""

    def _open(self) -> None:
        self._transports = TransportSelector()

    def _call(
        self,
        family: str,
        model: str | None,
        inputs: Mapping[str, Any],
        arguments: Any,
        *,
        operation: str = "create",
    ) -> Any:
        preparer = self.preparer
        call = preparer.prepare(CallRequest(family, model, inputs, arguments, operation))
        observers = preparer.observers
        return run(call_steps(call, TypedReader(call, observers), observers), self._transports.choose(call))

    def close(self) -> None:
        """Close every connection of this client. Your own HTTP client stays open."""
        self._transports.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@hide_keys
class AsyncClient(_Base, AsyncTextCalls, AsyncMediaCalls):
    """The asynchronous twin of `Client`. Its connections belong to the event loop in which a call is made."""

    def _open(self) -> None:
        self._transports = AsyncTransportSelector()

    async def _call(
        self,
        family: str,
        model: str | None,
        inputs: Mapping[str, Any],
        arguments: Any,
        *,
        operation: str = "create",
    ) -> Any:
        preparer = self.preparer
        call = preparer.prepare(CallRequest(family, model, inputs, arguments, operation))
        observers = preparer.observers
        return await arun(call_steps(call, TypedReader(call, observers), observers), self._transports.choose(call))

    async def relay(
        self,
        family: str,
        model: str | None,
        body: Mapping[str, Any],
        *,
        content: bytes | None = None,
        operation: str = "create",
        **arguments: Any,
    ) -> Relayed | AsyncStream[bytes]:
        """Pass on a request of another program: the result is not typed, and bytes that need no change are kept.

        Args:
            family: what is called, such as `chat`.
            model: the model string that says where the request goes.
            body: the parsed request; its own `model` is ignored. Files are `FilePart`s.
            content: the bytes that `body` was parsed from, which are sent as they are if possible.
            operation: what of the family is called, such as `create`.
            **arguments: options, docs/guide/options.md, and parameters that the request does not have.

        Returns:
            A `Relayed`; for a stream an `AsyncStream` of bytes, which has had its first event. The bytes for an error
            in it are `llmgate_core.serving.error_tail`.

        Raises:
            LLMGateError: as `completion`.
        """
        preparer = self.preparer
        request = CallRequest(
            family, model, body, arguments, operation, content, allows_local_files=False, streams_bytes=True
        )
        call = preparer.prepare(request)
        steps = call_steps(call, RelayReader(call, preparer.observers), preparer.observers)
        result: Relayed | AsyncStream[bytes] = await arun(steps, self._transports.choose(call))
        return result

    async def forward(
        self,
        target: ResolvedModel,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str],
        content: bytes | StreamedContent = b"",
        **arguments: Any,
    ) -> Forwarded:
        """Send a request unchanged to a provider, with its key. Returns when the head of the answer is there.

        Args:
            target: the provider, from `resolve`.
            method: the HTTP method.
            path: the path below the base URL, percent-encoded, with a `/` at its start.
            query: the query, without `?`.
            headers: the headers to send besides ours.
            content: the body. A streamed body is read once.
            **arguments: options, docs/guide/options.md.

        Returns:
            A `Forwarded`, whose body is read from it.

        Raises:
            APIError: the provider cannot be reached or is too slow, or there is no key. PluginError: the plugin signs
                requests in its own way.
        """
        request = UpstreamRequest(method, path, headers=headers)
        outgoing = forwarding(self.preparer, target, request, content, query, arguments)
        return await forward(outgoing, self._transports.choose(outgoing))

    async def aclose(self) -> None:
        """Close the connections of the running event loop. Your own HTTP client stays open."""
        await self._transports.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
