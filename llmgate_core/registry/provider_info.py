"""Judge a plugin's `ProviderInfo` when the plugin is loaded: nothing has checked what its types promise.

Pure. Each function returns what is wrong and what is right; None: nothing.

Source: `ProviderInfo` and `Option` of the contract; RFC 9110, section 5, for header syntax.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.provider import Option, ProviderInfo
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError
from llmgate_core.settings.base_url import split_base_url
from llmgate_core.settings.header_syntax import HEADER_NAME, HEADER_VALUE
from llmgate_core.settings.near_name import near_name
from llmgate_core.settings.url_templates import VALUE_IN_URL, fill, names_in

__all__ = ["header_names", "problem_of"]

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
REQUEST_ID = "x-request-id"
RATE_LIMIT = "x-ratelimit-"
SET_BY_CORE = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})
FLAGS = ("env_key_optional", "streams")
VARIABLE_LISTS = ("env_base_url", "env_organization", "env_project")
OPTIONAL_HEADERS = ("organization_header", "project_header")
HEADERS = ("key_header", "request_id_header")
STAND_IN = "1"


def header_names(info: ProviderInfo) -> Mapping[bytes, bytes]:
    """Return the headers of the provider's answers that have another name here, in lower case, and that name."""
    names = {name.lower().encode(): ours.lower().encode() for name, ours in info.rate_limit_headers.items()}
    if info.request_id_header.lower() != REQUEST_ID:
        names[info.request_id_header.lower().encode()] = REQUEST_ID.encode()
    return MappingProxyType(names)


def problem_of(info: ProviderInfo, *, serves: bool) -> str | None:
    """Return what is wrong with a plugin's facts; `serves` says whether it has the hook `serve`."""
    for judge in JUDGES:
        if (problem := judge(info)) is not None:
            return f"ProviderInfo.{problem}"
    problem = _of_urls(info, serves=serves)
    return None if problem is None else f"ProviderInfo.{problem}"


def _of_cost_field(info: ProviderInfo) -> str | None:
    name: Any = info.cost_field
    return None if isinstance(name, str) else f"cost_field is {name!r:.80}, not the name of a field such as 'cost'"


def _of_api(info: ProviderInfo) -> str | None:
    api: Any = info.api
    if isinstance(api, tuple) and len(api) == 2 and all(type(number) is int for number in api):
        return None
    return f"api is {api!r:.80}, not a pair of numbers such as (1, 1)"


def _of_name(info: ProviderInfo) -> str | None:
    name: Any = info.name
    if isinstance(name, str) and name and name.isprintable():
        return None
    return f"name is {name!r:.80}, not the provider's name, such as 'acme'"


def _of_variables(info: ProviderInfo) -> str | None:
    key: Any = info.env_key
    if not (key is None or _is_variable(key) or _are_variables(key)):
        return f"env_key is {key!r:.80}, not a variable's name such as 'ACME_API_KEY', a tuple of names, or None"
    for field in VARIABLE_LISTS:
        if not _are_variables(getattr(info, field)):
            return f"{field} is {getattr(info, field)!r:.80}, not a tuple of variables' names such as ('ACME_NAME',)"
    return None


def _of_flags(info: ProviderInfo) -> str | None:
    for field in FLAGS:
        if not isinstance(getattr(info, field), bool):
            return f"{field} is {getattr(info, field)!r:.80}, not True or False"
    return None


def _of_operations(info: ProviderInfo) -> str | None:
    operations: Any = info.operations
    if not _is_list(operations, (frozenset, set, tuple)):
        return f"operations is {operations!r:.80}, not a frozenset such as frozenset({{'responses.retrieve'}})"
    known = {f"{family.name}.{operation}" for family in FAMILIES.values() for operation in family.operations}
    for operation in sorted(operations):
        if operation not in known:
            return f"operations has {operation!r:.80}, which is not an operation{_hint(operation, known)}"
    return None


def _of_headers(info: ProviderInfo) -> str | None:
    for field in (*OPTIONAL_HEADERS, *HEADERS):
        name: Any = getattr(info, field)
        if not (_is_header_name(name) or (name is None and field in OPTIONAL_HEADERS)):
            return f"{field} is {name!r:.80}, not the name of a header such as 'x-api-key'"
    prefix: Any = info.key_prefix
    if not (prefix is None or _is_header_value(prefix)):
        return f"key_prefix is {type(prefix).__name__}, not None or a string that a header can have, such as 'Key '"
    if info.key_header.lower() in SET_BY_CORE:
        return f"key_header is {info.key_header!r}, which core sets by itself"
    headers: Any = info.headers
    if not _is_mapping(headers, _is_header_name, _is_header_value):
        return "headers is not a mapping of header names to strings, such as {'acme-version': '2026-11-01'}"
    for name in headers:
        if name.lower() in SET_BY_CORE | {"authorization", info.key_header.lower()}:
            return f"headers has {name!r}, which core sets by itself; key_header and key_prefix say how the key is sent"
    return None


def _of_answers(info: ProviderInfo) -> str | None:
    names: Any = info.rate_limit_headers
    if not _is_mapping(names, _is_header_name, _is_header_name):
        return "rate_limit_headers is not a mapping of header names to header names"
    for ours in names.values():
        if not ours.lower().startswith(RATE_LIMIT):
            return (
                f"rate_limit_headers has {ours!r}; on the right must be OpenAI's names, such as "
                "'x-ratelimit-remaining-requests'"
            )
    return None


def _of_expired(info: ProviderInfo) -> str | None:
    values: Any = info.expired_headers
    if _is_mapping(values, _is_header_name, lambda listed: _is_list(listed, (tuple,))):
        return None
    return (
        f"expired_headers is {values!r:.80}, not a mapping of header names to tuples of values, such as "
        "{'acme-error': ('TokenExpired',)}"
    )


def _of_only_models(info: ProviderInfo) -> str | None:
    patterns: Any = info.only_models
    if not _is_mapping(patterns, lambda family: isinstance(family, str), lambda listed: _is_list(listed, (tuple,))):
        return (
            f"only_models is {patterns!r:.80}, not a mapping of families to tuples of patterns, such as "
            "{'messages': ('claude-*',)}"
        )
    bridged = {family.name for family in FAMILIES.values() if family.bridged_over is not None}
    for family in patterns:
        if family not in bridged:
            known = ", ".join(sorted(bridged))
            return f"only_models has {family!r:.80}; only calls of {known} can be bridged{_hint(family, bridged)}"
    return None


def _of_options(info: ProviderInfo) -> str | None:
    options: Any = info.options
    if not isinstance(options, tuple) or not all(isinstance(option, Option) for option in options):
        return f"options is {type(options).__name__}, not a tuple of Option, such as (Option('region'),)"
    names: set[str] = set()
    for option in options:
        if (problem := _of_option(option)) is not None:
            return f"options: {problem}"
        if option.name in names:
            return f"options has {option.name!r} twice; each option needs a name of its own"
        names.add(option.name)
    return None


def _of_option(option: Option) -> str | None:
    name: Any = option.name
    if not isinstance(name, str) or not name.isascii() or not name.isidentifier():
        return f"the name {name!r:.80} is not an identifier such as 'region'"
    if not _are_variables(option.env):
        return f"env of {name!r} is {option.env!r:.80}, not a tuple of variables' names such as ('ACME_REGION',)"
    default: Any = option.default
    if not (default is None or isinstance(default, str)):
        return f"default of {name!r} is {type(default).__name__}, not a string or None"
    if option.secret and default is not None:
        return f"{name!r} is secret and has a default; a secret comes from the caller or the environment"
    flags: tuple[Any, ...] = (option.secret, option.required)
    if not all(isinstance(flag, bool) for flag in flags) or not isinstance(option.help, str):
        return f"secret and required of {name!r} must be True or False, and help a string"
    return None


JUDGES = (
    _of_api,
    _of_name,
    _of_variables,
    _of_flags,
    _of_operations,
    _of_headers,
    _of_answers,
    _of_expired,
    _of_options,
    _of_cost_field,
    _of_only_models,
)
"""What judges the facts, in this order; the URLs come last."""


def _of_urls(info: ProviderInfo, *, serves: bool) -> str | None:
    base_url: Any = info.base_url
    if not isinstance(base_url, str):
        return f"base_url is {type(base_url).__name__}, not a URL such as 'https://api.acme.example/v1'"
    if base_url and (problem := _of_url(base_url, info)) is not None:
        return f"base_url is not a URL such as 'https://api.acme.example/v1': {problem}"
    if not base_url and not serves:
        return "base_url is empty, which only a plugin with the hook serve can have; name where requests go"
    domains: Any = info.domains
    if not _is_list(domains, (tuple,)) or not all(map(DOMAIN.fullmatch, domains)):
        return f"domains is {domains!r:.80}, not a tuple of names such as ('openai.acme.example',)"
    hosts: Any = info.hosts
    if not _is_list(hosts, (tuple,)):
        return f"hosts is {hosts!r:.80}, not a tuple of origins such as ('https://login.acme.example',)"
    for host in hosts:
        problem = _of_url(host, info)
        if problem is None and not _is_origin(host):
            problem = "it has more than scheme, host and port"
        if problem is not None:
            return f"hosts has {host!r:.80}, not an origin such as 'https://login.acme.example': {problem}"
    return None


def _of_url(template: str, info: ProviderInfo) -> str | None:
    options = {option.name: option for option in info.options}
    for name in names_in(template):
        option = options.get(name)
        if option is None:
            return f"{{{name}}} is not one of options{_hint(name, options)}"
        if option.secret:
            return f"the option {name!r} is secret, and a URL is shown in errors and logs"
        if option.default is not None and VALUE_IN_URL.fullmatch(option.default) is None:
            return f"the default of {name!r} may have letters, digits, '.', '-' and '_' only, as it is part of a URL"
    try:
        split_base_url(fill(template, dict.fromkeys(options, STAND_IN)))
    except ConfigError as error:
        return str(error)
    return None


def _is_origin(template: str) -> bool:
    return template.count("/") == 2 and "?" not in template


def _is_list(value: Any, kinds: tuple[type, ...]) -> bool:
    items: Any = value
    return isinstance(value, kinds) and all(isinstance(item, str) for item in items)


def _is_mapping(value: Any, is_key: Callable[[Any], bool], is_value: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(is_key(key) and is_value(item) for key, item in value.items())


def _is_variable(name: Any) -> bool:
    return isinstance(name, str) and VARIABLE.fullmatch(name) is not None


def _are_variables(names: Any) -> bool:
    return isinstance(names, tuple) and all(map(_is_variable, names))


def _is_header_name(name: Any) -> bool:
    return isinstance(name, str) and HEADER_NAME.fullmatch(name) is not None


def _is_header_value(value: Any) -> bool:
    return isinstance(value, str) and HEADER_VALUE.fullmatch(value) is not None


def _hint(name: str, known: Collection[str]) -> str:
    """Return the near name, or the known ones of the same beginning where there are few."""
    if near := near_name(name, known):
        return f"; did you mean {near!r}?"
    return f"; there is {', '.join(sorted(known))}" if known and len(known) <= 10 else ""
