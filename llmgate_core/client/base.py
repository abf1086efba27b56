"""What both clients share: their settings and plugins, and everything but sending."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from llmgate_core.calls.addresses import destination_of
from llmgate_core.calls.call_request import CallRequest
from llmgate_core.calls.event_delivery import EventDelivery, InlineDelivery
from llmgate_core.calls.observers import CallObservers
from llmgate_core.calls.prepare import CallPreparer
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.client.hidden_keys import hide_keys
from llmgate_core.contract.limits import Limits, Timeouts
from llmgate_core.errors import bad_request
from llmgate_core.registry.declared import DeclaredProblem, declarations_of
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.extensions import ExtensionHook
from llmgate_core.registry.notices import PluginNotice
from llmgate_core.registry.process_lock import ProcessLock
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.secrets import Secret
from llmgate_core.settings.base_url import shown_base_url
from llmgate_core.settings.call_options import OPTION_NAMES
from llmgate_core.settings.options import ClientOptions, Destination, hide_key, secret_of
from llmgate_core.settings.provider_options import PROVIDER_OPTIONS, hidden_options
from llmgate_core.settings.settings import (
    ParamPolicy,
    PluginPolicy,
    Settings,
    TransportName,
    check_transport,
    module_settings,
)

if TYPE_CHECKING:
    import httpx
    from typing_extensions import Self, Unpack

    from llmgate_core.settings.call_options import CallOptions

__all__ = ["BaseClient"]


@hide_keys
class BaseClient(ABC):
    """A client without its connections: settings, plugins, and where a call goes."""

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
        ca_file: str | None = None,
        limits: Limits | None = None,
        plugins: PluginPolicy | None = None,
        extensions: Sequence[Any] | None = None,
        settings: Settings | None = None,
        provider_options: Mapping[str, str | Secret] | None = None,
    ) -> None:
        """Make a client. It connects to nothing and reads no file; the first call does.

        Args:
            api_key: the provider's key; None: the setting, then the environment.
            api_base: the base URL, such as `https://your-host/v1`, whose query is sent with every request; None: the
                setting, then the environment, then the provider's own.
            organization: sent as `OpenAI-Organization`; None: the setting, then the environment.
            project: sent as `OpenAI-Project`; None: the setting, then the environment.
            timeout: seconds for a whole call, a `Timeouts` or an `httpx.Timeout`; None: the setting.
            max_retries: further attempts after a failure that may pass, from 0; None: the setting.
            param_policy: `error`, `drop` or `forward` for a parameter that the model is known not to take; None: the
                setting.
            client_session: your own `httpx.Client` or `httpx2.Client` for synchronous calls; never closed by llmgate.
            aclient_session: your own asynchronous client of either; never closed by llmgate.
            transport: how requests are sent, see docs/guide/options.md; None: the setting.
            ca_file: PEM file, or directory, of the certificates to trust instead of the default ones; None: the
                setting.
            limits: sizes in bytes above which an answer is refused; None: the defaults of `Limits`.
            plugins: which installed plugins may be used; None: the setting.
            extensions: extensions to load: objects, names of entry points, or mappings with `name` and `options`; None:
                the setting.
            settings: the settings for everything else; None: those of the module `llmgate_core`. With a `Settings` of
                its own the client shares nothing with the module.
            provider_options: what the provider needs besides the key, by the names that its plugin declares; each one
                that is None: the environment, then the plugin's default.

        Raises:
            ConfigError: the transport is not known, or the key or an option is not a string.
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
            ca_file=ca_file,
            limits=limits or Limits(),
            provider_options=hidden_options(provider_options),
        )
        self._plugins = plugins
        self._extensions = extensions
        self._built: tuple[CallPreparer, tuple[Any, ...]] | None = None  # and what it was built from
        self._building = ProcessLock()
        self._added: list[tuple[object, str, str]] = []
        self._parent: BaseClient | None = None  # of a client with options of its own
        self._defaults: dict[str, Any] = {}
        self._open()

    @abstractmethod
    def _open(self) -> None:
        """Make what chooses and keeps the connections."""

    def _delivery(self, observers: Sequence[ExtensionHook]) -> EventDelivery:
        """Return what takes the events of calls to the observers."""
        return InlineDelivery(observers)

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """Return a client with options that hold for each of its calls, unless the call says otherwise.

        It shares settings, plugins and connections with this client; closing either closes the connections of both.
        Costs less than the same options with each call: they are resolved once.

        Args:
            **options: docs/guide/options.md. Lists and mappings are read when a call is made.

        Raises:
            ConfigError: the key is not a string. BadRequestError: there is no such option.
        """
        given = {name: value for name, value in options.items() if value is not None}
        defaults: dict[str, Any] = {**self._defaults, **given}
        unknown = sorted(defaults.keys() - OPTION_NAMES)
        if unknown:
            raise bad_request(unknown[0], f"{unknown[0]!r} is not an option of a call, see docs/guide/options.md")
        hide_key(defaults)
        if PROVIDER_OPTIONS in given and PROVIDER_OPTIONS in self._defaults:  # each of them by itself
            defaults[PROVIDER_OPTIONS] = {**self._defaults[PROVIDER_OPTIONS], **defaults[PROVIDER_OPTIONS]}
        client = copy(self)
        client._parent = self._parent or self
        client._defaults = defaults
        client._built = None
        return client

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
        if self._parent is not None:
            self._parent.add_plugin(plugin, family=family, prefix=prefix, replace=replace)
            return
        with self._building:
            preparer = self.preparer
            preparer.plugins.add(plugin, family, prefix, replace=replace)
            preparer.router.forget()
            self._added.append((plugin, family, prefix))

    @property
    def preparer(self) -> CallPreparer:
        """The pure part of this client, made on first use and again when plugin settings change."""
        if self._parent is not None:
            return self._with_defaults(self._parent.preparer)
        settings = self.settings
        plugins = settings.plugins if self._plugins is None else self._plugins
        extensions = settings.extensions if self._extensions is None else self._extensions
        wanted = (plugins, tuple(extensions), settings.catalogue_file, settings.providers, settings.providers_file)
        built = self._built
        if built is None or built[1] != wanted:
            with self._building:
                built = self._built
                if built is None or built[1] != wanted:
                    built = self._built = self._build(wanted), wanted
        return built[0]

    def _with_defaults(self, shared: CallPreparer) -> CallPreparer:
        if self._built is None or self._built[1] != (shared,):
            self._built = shared.with_defaults(self._defaults), (shared,)
        return self._built[0]

    def _build(self, wanted: tuple[PluginPolicy, tuple[Any, ...], Any, Any, Any]) -> CallPreparer:
        plugins, extensions, *_ = wanted
        registry = PluginRegistry(plugins, extensions, declarations_of(self.settings))
        preparer = CallPreparer(self.settings, self._options, registry, CallObservers(registry, self._delivery))
        for plugin, family, prefix in self._added:
            registry.add(plugin, family, prefix, replace=True)
        return preparer

    def resolve(
        self, family: str, model: str, *, bridged: bool = False, base_model: str | None = None
    ) -> ResolvedModel:
        """Return where calls of a model string go. Imports the plugin.

        Args:
            family: what is called, such as `chat`.
            model: a model string.
            bridged: resolve it in the family over which calls of `family` are bridged.
            base_model: the option of that name.

        Raises:
            LLMGateError: the model is not known, or no plugin serves it for the family.
        """
        router = self.preparer.router
        target = router.resolve(family, model, bridged=bridged)
        return router.based_on(target, base_model) if base_model else target

    def load(self) -> None:
        """Read the catalogue and the list of installed plugins now; otherwise the first call does. Imports no plugin.

        Raises:
            ConfigError: the catalogue file or the file of providers cannot be read, or an extension is not installed.
                PluginLoadError: an extension cannot be imported. PluginConflictError: several distributions have it.
        """
        self.preparer  # noqa: B018  # building it reads them

    def installed(self) -> tuple[PluginEntryPoint, ...]:
        """Return the entry points of every installed plugin, sorted, including those that the settings switch off.

        Imports no plugin.

        Raises:
            LLMGateError: as `load`.
        """
        return self.preparer.plugins.installed()

    def plugin_notices(self) -> tuple[PluginNotice, ...]:
        """Return what a user should know or decide about the installed plugins. Imports none.

        They name what is refused or left out: claims on prefixes of other distributions, rows of a catalogue for
        other providers, broken files, groups of entry points that are never read, names in the settings that match
        nothing. Reads every file of models.

        Raises:
            LLMGateError: as `load`.
        """
        self.preparer.catalogue.read_all()
        return self.preparer.notices()

    def declared_prefixes(self) -> frozenset[str]:
        """Return the prefixes of providers that the settings or a file declare.

        Raises:
            LLMGateError: as `load`.
        """
        return frozenset(prefix for _, prefix, _ in self.preparer.plugins.declared.routes())

    def declared_problems(self) -> tuple[DeclaredProblem, ...]:
        """Return why providers that the settings or a file declare cannot be used; a call of their prefix raises that.

        Raises:
            LLMGateError: as `load`.
        """
        return self.preparer.plugins.declared.problems

    def knows_model(self, name: str) -> bool:
        """Return whether the catalogue has a row for a model, named without a prefix, as in `gpt-4o`."""
        return self.preparer.catalogue.find(name) is not None

    def repeats_credential(self, text: str) -> bool:
        """Return whether a string has a piece of a token that a plugin has fetched and that is kept now.

        For servers that write down what an upstream sends; errors and headers have no token in them already.
        """
        return self.preparer.credentials.matches(text)

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
            A `Destination`, whose `api_key` is None if there is no key, or if it is kept back from the plugin. Options
            that are not set are left out.

        Raises:
            ConfigError: an option has a value that it cannot have.
        """
        preparer = self.preparer
        options = preparer.addresses.options(dict(arguments))
        return destination_of(target, options, preparer.client, preparer.settings, require_key=False)

    def prepare(
        self,
        family: str,
        model: object,
        inputs: Mapping[str, Any],
        arguments: dict[str, Any],
        *,
        operation: str = "create",
        is_relayed: bool = False,
    ) -> PreparedCall:
        """Return a call ready to be sent, without sending it. It needs no key. Used by `llmgate explain`.

        Args:
            family: what is called, such as `chat`.
            model: a model string; None for an operation that takes none.
            inputs: the family's inputs, such as `messages`.
            arguments: options and parameters; changed by this method.
            operation: what of the family is called.
            is_relayed: the inputs are the request of another program, which is prepared as `relay` would.

        Raises:
            LLMGateError: whatever can be known to be wrong before sending.
        """
        hide_key(arguments)
        request = CallRequest(family, model, inputs, arguments, operation, is_relayed=is_relayed)
        return self.preparer.prepare(request, require_key=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(api_base={shown_base_url(self._options.api_base)!r})"
