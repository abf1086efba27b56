"""Separate options from request parameters, and resolve each option by precedence.

The order is: the call's option, the client's, the setting, the environment, the default. Pure except for the
environment, which `environment.py` reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.limits import LONGEST_WAIT, Limits, Timeouts, is_seconds
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import AuthenticationError, ConfigError, bad_request
from llmgate_core.secrets import Secret
from llmgate_core.settings.api_keys import checked_key
from llmgate_core.settings.base_url import completed_base_url, is_loopback, split_base_url, without_last_slash
from llmgate_core.settings.call_options import OPTION_NAMES
from llmgate_core.settings.environment import first_set, read_secret
from llmgate_core.settings.foreign_arguments import SECRET_ARGUMENTS, refuse_foreign
from llmgate_core.settings.key_owner import KeyOwner
from llmgate_core.settings.policy import Policy
from llmgate_core.settings.provider_options import (
    PROVIDER_OPTIONS,
    GivenOptions,
    ProviderValues,
    hidden_options,
    missing_option,
    provider_values,
    variables_of_options,
)
from llmgate_core.settings.settings import Settings
from llmgate_core.settings.url_templates import fill, names_in

if TYPE_CHECKING:
    import httpx

__all__ = [
    "ClientOptions",
    "Destination",
    "Options",
    "destination_for",
    "hide_key",
    "secret_of",
    "take_options",
    "variables_of",
]

DEFAULT_TIMEOUTS = Timeouts()
NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})
POLICIES = {name: Policy(name) for name in ("error", "drop", "forward")}


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """The options of a client, named as the settings. None: the setting applies."""

    api_key: Secret | None = None
    api_base: str | None = None
    organization: str | None = None
    project: str | None = None
    timeout: float | Timeouts | httpx.Timeout | None = None
    max_retries: int | None = None
    param_policy: str | None = None
    client_session: Any = None
    aclient_session: Any = None
    transport: str | None = None
    ca_file: str | None = None
    limits: Limits = field(default_factory=Limits)
    provider_options: GivenOptions | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """The resolved options of a call. `passed` holds the options of the call itself."""

    passed: Mapping[str, Any]
    timeouts: Timeouts
    max_retries: int
    policy: Policy
    client_session: Any
    aclient_session: Any
    transport: str
    ca_file: str | None
    return_headers: bool
    preview_features: bool
    store: bool | None


@dataclass(frozen=True, slots=True)
class Destination:
    """The host of one call, and the caller's credentials for it.

    Attributes:
        base_url: empty if the plugin has no upstream.
        options: the provider's options that are set; the secret ones are in `secrets`.
        hosts: the other origins that the plugin may send requests to.
        is_provider_host: the base URL is on the provider's own host or a subdomain of it.
    """

    base_url: str
    api_key: Secret | None
    organization: str | None
    project: str | None
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict, hash=False)
    hosts: tuple[str, ...] = ()
    is_provider_host: bool = True


def hide_key(arguments: dict[str, Any]) -> None:
    """Make the key, each provider option and each secret argument a `Secret`, in place: no traceback then shows it.

    Raises:
        ConfigError: the key or an option is not a string.
    """
    key = arguments.get("api_key")
    if key is not None and not isinstance(key, Secret):
        arguments["api_key"] = None
        arguments["api_key"] = secret_of(key)
    if arguments.get(PROVIDER_OPTIONS) is not None:
        arguments[PROVIDER_OPTIONS] = hidden_options(arguments.pop(PROVIDER_OPTIONS))
    if not SECRET_ARGUMENTS.isdisjoint(arguments):
        named = {name: value for name, value in arguments.items() if name in SECRET_ARGUMENTS}
        arguments.update(hidden_options(named) or {})


def secret_of(key: object) -> Secret | None:
    """Return a key as a `Secret`; None if it is None or empty.

    Raises:
        ConfigError: the key is not a string.
    """
    if key is None or isinstance(key, Secret):
        return key
    if not isinstance(key, str):
        raise ConfigError(f"api_key must be a string, not {type(key).__name__}")
    return Secret(key) if key else None


def take_options(
    arguments: dict[str, Any], client: ClientOptions, settings: Settings, defaults: Mapping[str, Any] = NO_DEFAULTS
) -> Options:
    """Remove the options from `arguments` and return them, resolved; `defaults` hold where a call has none.

    Raises:
        ConfigError: an option has an invalid value. BadRequestError: an argument of another library.
    """
    passed = {name: arguments.pop(name) for name in list(arguments) if name in OPTION_NAMES} if arguments else {}
    if defaults:
        passed = {**defaults, **{name: value for name, value in passed.items() if value is not None}}
        if PROVIDER_OPTIONS in defaults:  # each of them by itself
            passed[PROVIDER_OPTIONS] = {**defaults[PROVIDER_OPTIONS], **passed[PROVIDER_OPTIONS]}
    if arguments:
        refuse_foreign(arguments)
    if passed:
        _check_waiting(passed)
    timeout = _resolve("timeout", passed, client, settings)
    retries = _resolve("max_retries", passed, client, settings)
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise ConfigError(f"max_retries must be a whole number of 0 or more, not {retries!r}")
    return Options(
        passed=passed,
        timeouts=DEFAULT_TIMEOUTS if timeout is None else Timeouts.of(timeout),
        max_retries=retries,
        policy=_policy(passed, client, settings),
        client_session=_resolve("client_session", passed, client, settings),
        aclient_session=_resolve("aclient_session", passed, client, settings),
        transport=client.transport or settings.transport,
        ca_file=client.ca_file or settings.ca_file,
        return_headers=settings.return_response_headers,
        preview_features=settings.enable_preview_features,
        store=settings.store,
    )


def destination_for(
    info: ProviderInfo,
    options: Options,
    client: ClientOptions,
    settings: Settings,
    *,
    require_key: bool = True,
    key_owner: KeyOwner | None = None,
    is_known_model: bool = True,
) -> Destination:
    """Return base URL, key, organization and project for a provider.

    Args:
        info: of the plugin that serves the call.
        options: of the call.
        client: the options of its client.
        settings: of the client or the module.
        require_key: a missing key is an error.
        key_owner: who owns the key, if the plugin is not the owner's: the key then goes to the owner's hosts, or to
            the base URL that the call, the client or a setting names.
        is_known_model: the catalogue holds the model. Another one needs no key on this machine, where people run
            servers of their own.

    Raises:
        AuthenticationError: there is no key, or it is kept back; the message says what to do.
        ConfigError: the base URL is not a URL.
    """
    passed = options.passed
    named_url = _resolve("api_base", passed, client, settings)
    base_url = named_url or _base_url_of_environment(info)
    owner = key_owner
    if named_url or (owner is not None and owner.has_host(base_url or info.base_url)):
        owner = None  # the caller says where the key goes, or it goes to its owner anyway
    values = provider_values(info, passed.get(PROVIDER_OPTIONS), client.provider_options, owner, needs_all=require_key)
    if values.kept_back and owner is not None and require_key:
        raise _kept_back(owner, info)
    home = _home_of(info, values, is_needed=not base_url)
    base_url = base_url or home
    if not isinstance(base_url, str):
        raise ConfigError(f"api_base must be a URL like https://your-host/v1, not {type(base_url).__name__}")
    base_url = without_last_slash(base_url)
    key = _given_key(passed, client, settings)
    if key is None:
        key = _key_of_environment(
            info, base_url, home, settings, owner, require_key=require_key, is_known_model=is_known_model
        )
    else:
        key = _key_of_caller(key, info, owner, require_key=require_key)
    return Destination(
        base_url,
        key,
        _header_value("organization", _resolve("organization", passed, client, settings), info.env_organization),
        _header_value("project", _resolve("project", passed, client, settings), info.env_project),
        values.options,
        values.secrets,
        _hosts_of(info, values),
        is_provider_host(base_url, home, info.domains),
    )


def _base_url_of_environment(info: ProviderInfo) -> str | None:
    value = first_set(info.env_base_url) if info.env_base_url else None
    return None if value is None else completed_base_url(value, info.base_url)


def _home_of(info: ProviderInfo, values: ProviderValues, *, is_needed: bool) -> str:
    """Return the provider's own base URL; empty if an option in it has no value and another URL is used."""
    for name in names_in(info.base_url):
        if name not in values.options:
            if is_needed:
                raise missing_option(info, name)
            return ""
    return fill(info.base_url, values.options)


def _hosts_of(info: ProviderInfo, values: ProviderValues) -> tuple[str, ...]:
    """Return the provider's further origins, but for those whose options have no value."""
    known = [host for host in info.hosts if all(name in values.options for name in names_in(host))]
    return tuple(fill(host, values.options) for host in known) if known else ()


def _given_key(passed: Mapping[str, Any], client: ClientOptions, settings: Settings) -> Secret | None:
    key: Secret | None = passed.get("api_key")
    if key is None:
        key = client.api_key
    return Secret(settings.api_key) if key is None and settings.api_key else key


def _key_of_caller(key: Secret, info: ProviderInfo, owner: KeyOwner | None, *, require_key: bool) -> Secret | None:
    """Return the key that the caller gave; None: it is kept back from the plugin, and not needed."""
    if owner is None:
        return checked_key(key, "api_key")
    if require_key:
        raise _kept_back(owner, info)
    return None


def _key_of_environment(
    info: ProviderInfo,
    base_url: str,
    home: str,
    settings: Settings,
    key_owner: KeyOwner | None,
    *,
    require_key: bool,
    is_known_model: bool,
) -> Secret | None:
    variables = info.key_variables
    if not variables:
        return None
    is_kept_back = key_owner is not None and any(map(key_owner.has_variable, variables))
    variable = None if is_kept_back else next((name for name in variables if read_secret(name) is not None), None)
    if variable is not None and settings.bind_key_to_host:
        _check_host(base_url, home, info, variable)
    if variable is not None and (key := read_secret(variable)) is not None:
        return checked_key(key, variable)
    if not require_key or info.env_key_optional:
        return None
    if is_kept_back and key_owner is not None:
        raise _kept_back(key_owner, info)
    if not is_known_model and base_url and is_loopback(split_base_url(base_url).origin.host):
        return None
    raise AuthenticationError(
        f"no API key for {info.name}: set {' or '.join(variables)}, or pass api_key=",
        status_code=401,
        code="missing_api_key",
        provider=info.name,
        attempts=0,
    )


def _kept_back(key_owner: KeyOwner, info: ProviderInfo) -> AuthenticationError:
    return AuthenticationError(
        f"the key of '{key_owner.prefix}/' is kept back from the plugin of {key_owner.distribution}, which serves the "
        f"call but does not own that prefix: pass api_base= with the key to name the host that it goes to",
        status_code=401,
        code="key_kept_back",
        provider=info.name,
        attempts=0,
    )


def variables_of(info: ProviderInfo, options: Options, client: ClientOptions, settings: Settings) -> tuple[str, ...]:
    """Return the environment variables that the destination of a call depends on."""

    def unless_given(option: str, names: tuple[str, ...]) -> tuple[str, ...]:
        return () if _resolve(option, options.passed, client, settings) is not None else names

    is_url_given = bool(_resolve("api_base", options.passed, client, settings))
    is_key_given = _given_key(options.passed, client, settings) is not None
    return (
        *(() if is_url_given else info.env_base_url),
        *(() if is_key_given else info.key_variables),
        *unless_given("organization", info.env_organization),
        *unless_given("project", info.env_project),
        *(variables_of_options(info) if info.options else ()),
    )


def is_provider_host(base_url: str, home: str, domains: Sequence[str] = ()) -> bool:
    """Return whether a base URL is on the host of the provider's own one, `home`, in one of its domains, or below."""
    if base_url == home:
        return True
    if not home and not domains:
        return False
    host = split_base_url(base_url).origin.host
    names = (*domains, split_base_url(home).origin.host) if home else domains
    return any(host == name or host.endswith(f".{name}") for name in names)


def _is_in_domain(base_url: str, domains: Sequence[str]) -> bool:
    """Return whether a base URL is on a host of the provider's domains, with TLS."""
    return split_base_url(base_url).origin.scheme == "https" and is_provider_host(base_url, "", domains)


def _resolve(name: str, passed: Mapping[str, Any], client: ClientOptions, settings: Settings) -> Any:
    """Return an option of the call, else the client's, else the setting."""
    if (value := passed.get(name)) is not None or (value := getattr(client, name)) is not None:
        return value
    return getattr(settings, name)


def _check_waiting(passed: Mapping[str, Any]) -> None:
    seconds, on_progress = passed.get("poll_seconds"), passed.get("on_progress")
    if seconds is not None and not (is_seconds(seconds) and 0 <= seconds <= LONGEST_WAIT):
        raise ConfigError(f"poll_seconds must be a number from 0 to {LONGEST_WAIT}, not {seconds!r:.80}")
    if on_progress is not None and not callable(on_progress):
        raise ConfigError(f"on_progress must be a function that takes the job, not {type(on_progress).__name__}")


def _policy(passed: Mapping[str, Any], client: ClientOptions, settings: Settings) -> Policy:
    names: Sequence[str] = passed.get("additional_drop_params") or settings.additional_drop_params
    unsupported = passed.get("param_policy")
    if unsupported is None and passed.get("drop_params") is not None:
        unsupported = "drop" if passed["drop_params"] else "error"
    if unsupported is None:
        unsupported = client.param_policy or ("drop" if settings.drop_params else settings.param_policy)
    if unsupported not in POLICIES:
        raise ConfigError(f"param_policy must be 'error', 'drop' or 'forward', not {unsupported!r}")
    return Policy(unsupported, frozenset(names)) if names else POLICIES[unsupported]


def _header_value(name: str, value: Any, variables: tuple[str, ...]) -> str | None:
    if value is None:  # an empty string, passed explicitly, sends no header
        value = first_set(variables)
    if isinstance(value, str):
        value = value.strip()
    if value is not None and (not isinstance(value, str) or not value.isprintable()):
        raise bad_request(name, f"{name} has characters that a header cannot have (its value is not shown)")
    return value


def _check_host(base_url: str, home: str, info: ProviderInfo, variable: str) -> None:
    if base_url == home or (info.domains and _is_in_domain(base_url, info.domains)):
        return
    if not home or split_base_url(base_url).origin != split_base_url(home).origin:
        own = home or info.base_url or info.name
        raise AuthenticationError(
            f"bind_key_to_host: the key in {variable} goes to {own} only; pass api_key= for another host",
            status_code=401,
            code="key_bound_to_host",
            provider=info.name,
            attempts=0,
        )
