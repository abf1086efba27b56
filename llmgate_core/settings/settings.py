"""The settings of the SDK, as one typed object.

Pure. The attributes of the module `llmgate_core` are the fields of one such object; `Client(settings=...)` takes
another. A misspelt name raises and suggests the correct one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from llmgate_core.errors import ConfigError

if TYPE_CHECKING:
    import httpx

    from llmgate_core.contract.limits import Timeouts

__all__ = ["PluginPolicy", "Settings", "TransportName", "check_transport", "module_settings"]

ParamPolicy = Literal["error", "drop", "forward"]
TransportName = Literal["http1", "httpx"]


def check_transport(name: object) -> None:
    """Raise a ConfigError unless `name` is the name of a transport."""
    if name not in ("http1", "httpx"):
        raise ConfigError(f"transport must be 'http1' or 'httpx', not {name!r}")


@dataclass(frozen=True, slots=True)
class PluginPolicy:
    """Which installed plugins may be used.

    Attributes:
        allow: names of distributions that may be used; None: all.
        block: names of distributions that may not be used.
        prefer: for a route that several distributions claim, which one serves it, as in
            `{"chat:openai": "their-distribution"}`.
    """

    allow: frozenset[str] | None = None
    block: frozenset[str] = frozenset()
    prefer: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Settings:
    """The options of every call, unless the call or its client sets them.

    Attributes:
        api_key, api_base, organization, project: for calls without their own; None: the environment.
        timeout: seconds for the whole call, a `Timeouts` or an `httpx.Timeout`; None: the defaults of `Timeouts`.
        max_retries: further attempts after a temporary failure.
        param_policy: what to do with a parameter that the model is known not to take.
        drop_params: LiteLLM's spelling of `param_policy = "drop"`.
        additional_drop_params: names of parameters that are dropped from every request.
        return_response_headers: fill `headers` of every result.
        enable_preview_features: send `metadata` of chat calls upstream.
        store: sent as `store` with every chat and Responses call that has no `store`. False: the upstream must not
            keep the data, which OpenAI does for Responses by default. None: not sent.
        bind_key_to_host: send a key from the environment to the provider's own host only.
        client_session, aclient_session: your own `httpx` or `httpx2` client; never closed by us.
        transport: `http1`, our own HTTP/1.1, or `httpx`.
        ca_file: PEM file, or directory, of the certificates to trust instead of the default ones. None: those of
            `SSL_CERT_FILE` and `SSL_CERT_DIR`; without these, certifi's and the system's.
        extensions: extensions to load: objects, names of entry points, or mappings with `name` and `options`.
        plugins: which installed plugins may be used.
        catalogue_file: the path of a JSON file whose rows override the catalogue's.
        providers: name of a provider -> its declaration, as in a file of providers; it wins over the file.
        providers_file: the path of a JSON file of providers; None: `LLMGATE_PROVIDERS`, else `llmgate/providers.json`
            in the user's config directory, if it exists.
    """

    api_key: str | None = None
    api_base: str | None = None
    organization: str | None = None
    project: str | None = None
    timeout: float | Timeouts | httpx.Timeout | None = None
    max_retries: int = 2
    param_policy: ParamPolicy = "error"
    drop_params: bool = False
    additional_drop_params: Sequence[str] = ()
    return_response_headers: bool = False
    enable_preview_features: bool = False
    store: bool | None = None
    bind_key_to_host: bool = False
    client_session: Any = None
    aclient_session: Any = None
    transport: TransportName = "http1"
    ca_file: str | None = None
    extensions: Sequence[Any] = ()
    plugins: PluginPolicy = field(default_factory=PluginPolicy)
    catalogue_file: str | None = None
    providers: Mapping[str, Any] = field(default_factory=dict)
    providers_file: str | None = None

    _revision = 0  # without a type, or it would be a setting

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in SETTING_NAMES:
            import difflib  # only for a misspelt name

            near = difflib.get_close_matches(name, SETTING_NAMES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; the settings are {', '.join(sorted(SETTING_NAMES))}"
            raise AttributeError(f"llmgate has no setting {name!r}{hint}")
        if name == "param_policy" and value not in ("error", "drop", "forward"):
            raise ConfigError(f"param_policy must be 'error', 'drop' or 'forward', not {value!r}")
        if name == "transport":
            check_transport(value)
        object.__setattr__(self, name, value)
        object.__setattr__(self, "_revision", self._revision + 1)

    @property
    def revision(self) -> int:
        """A number that every change of a setting increases."""
        return self._revision

    def __repr__(self) -> str:
        from llmgate_core.settings.base_url import shown_base_url  # only for a repr

        shown = ", ".join(
            f"{item.name}={'***' if item.name == 'api_key' else repr(shown_base_url(getattr(self, item.name)))}"
            for item in fields(self)
            if getattr(self, item.name) not in (item.default, {})
        )
        return f"Settings({shown})"


SETTING_NAMES = frozenset(Settings.__annotations__)


@cache
def module_settings() -> Settings:
    """Return the settings behind the module `llmgate_core`, the only process-wide state."""
    return Settings()
