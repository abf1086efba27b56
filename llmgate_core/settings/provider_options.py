"""What a provider needs besides the key: the values of the options that its plugin declares.

The order is: the call's value, the client's, the environment, the default. An empty value counts as not set.

Source: `Option` of the plugin contract; docs/plugins/provider-facts.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.provider import Option, ProviderInfo
from llmgate_core.errors import AuthenticationError, ConfigError, LLMGateError, bad_request
from llmgate_core.secrets import Secret
from llmgate_core.settings.environment import first_set, read_secret
from llmgate_core.settings.key_owner import KeyOwner
from llmgate_core.settings.near_name import near_name

__all__ = [
    "PROVIDER_OPTIONS",
    "GivenOptions",
    "ProviderValues",
    "hidden_options",
    "missing_option",
    "provider_values",
    "variables_of_options",
]

PROVIDER_OPTIONS = "provider_options"
GivenOptions = Mapping[str, Any]
"""Option -> its value, which is a `Secret` until it is known to be not secret."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ProviderValues:
    """The values of a provider's options; those that are not set are left out.

    Attributes:
        kept_back: the secrets that the plugin needs or the caller gave, and that it does not get, as it does not own
            the prefix.
    """

    options: Mapping[str, str]
    secrets: Mapping[str, Secret]
    kept_back: tuple[str, ...] = ()


NO_VALUES = ProviderValues(NOTHING, NOTHING)


def hidden_options(value: object) -> GivenOptions | None:
    """Return options as a caller gave them with each string as a `Secret`, so that no traceback shows one.

    Raises:
        ConfigError: they are not a mapping of names to strings.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ConfigError(f"{PROVIDER_OPTIONS} must be a mapping of names to strings, not {type(value).__name__}")
    return {name: _hidden(name, item) for name, item in value.items()}


def _hidden(name: object, value: object) -> Secret | None:
    if value is None or isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ConfigError(f"{PROVIDER_OPTIONS}: {name!r} must be a string, not {type(value).__name__}")
    return Secret(value)


def provider_values(
    info: ProviderInfo,
    of_call: GivenOptions | None,
    of_client: GivenOptions | None,
    key_owner: KeyOwner | None,
    *,
    needs_all: bool,
) -> ProviderValues:
    """Return the values of a provider's options.

    Args:
        info: of the plugin that serves the call.
        of_call: what the call says.
        of_client: what its client says.
        key_owner: who owns the secrets, if the plugin is not the owner's and the caller names no host for them.
        needs_all: a required option without a value is an error.

    Raises:
        BadRequestError: the call names an option that the plugin does not declare. ConfigError: the client does, a
            required option is not set, or a value cannot be sent. AuthenticationError: a required secret is not set, or
            is kept back.
    """
    given: dict[str, Any] = {}
    for source, is_call in ((of_client, False), (of_call, True)):
        for name, value in (source or NOTHING).items():
            if all(name != option.name for option in info.options):
                raise _unknown(name, info, is_call=is_call)
            if value:
                given[name] = value
    if not info.options:
        return NO_VALUES
    options: dict[str, str] = {}
    secrets: dict[str, Secret] = {}
    kept_back: list[str] = []
    for option in info.options:
        if option.secret and key_owner is not None and (option.name in given or _owns_one(key_owner, option.env)):
            if option.required or option.name in given:
                kept_back.append(option.name)
            continue
        value = given.get(option.name) or _from_environment(option)
        if value is None and option.required and needs_all:
            raise _missing(option, info)
        if value is not None and not _is_text(value):
            raise ConfigError(
                f"the provider option {option.name!r} has bytes that are not UTF-8, or half a character, and cannot be "
                "sent (it is not shown)"
            )
        if value is not None and option.secret:
            secrets[option.name] = value
        elif value is not None:
            options[option.name] = value.reveal().strip()
    return ProviderValues(MappingProxyType(options), MappingProxyType(secrets), tuple(kept_back))


def _is_text(value: Secret) -> bool:
    """Return whether a value can be encoded; one with a lone surrogate cannot, as a variable that is not UTF-8 has."""
    try:
        value.reveal().encode()
    except UnicodeEncodeError:
        return False
    return True


def variables_of_options(info: ProviderInfo) -> tuple[str, ...]:
    """Return the environment variables that the options of a provider may come from."""
    return tuple(variable for option in info.options for variable in option.env)


def _from_environment(option: Option) -> Secret | None:
    for name in option.env:
        if (value := read_secret(name)) is not None:
            return value
    return None if option.default is None else Secret(option.default)


def _owns_one(key_owner: KeyOwner, variables: Iterable[str]) -> bool:
    return any(first_set((name,)) is not None and key_owner.has_variable(name) for name in variables)


def missing_option(info: ProviderInfo, name: str) -> LLMGateError:
    """Return the error for an option of a URL that has no value."""
    return _missing(next(option for option in info.options if option.name == name), info)


def _missing(option: Option, info: ProviderInfo) -> LLMGateError:
    variables = f"set {' or '.join(option.env)}, or " if option.env else ""
    way_out = f"{variables}pass {PROVIDER_OPTIONS}={{{option.name!r}: ...}}"
    purpose = f" ({option.help.rstrip('.')})" if option.help else ""
    message = f"{info.name} needs the option {option.name!r}{purpose}: {way_out}"
    if not option.secret:
        return ConfigError(message)
    return AuthenticationError(message, status_code=401, code="missing_provider_option", provider=info.name, attempts=0)


def _unknown(name: object, info: ProviderInfo, *, is_call: bool) -> LLMGateError:
    declared = [option.name for option in info.options]
    near = near_name(name, declared) if isinstance(name, str) else None
    known = f"its options are {', '.join(declared)}" if declared else "it has none"
    hint = f"; did you mean {near!r}?" if near else ""
    message = f"{PROVIDER_OPTIONS}: {info.name} has no option {name!r:.80}; {known}{hint}"
    return bad_request(PROVIDER_OPTIONS, message) if is_call else ConfigError(message)
