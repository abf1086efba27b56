"""Which variables of the working directory's `.env` count. Whoever made the directory is not trusted.

A key counts: whoever wrote it there shares it. So does a variable that does no harm. What says where a key is sent, or
for whom, counts only together with the key of the same file: a key from elsewhere never goes where the file says.
Everything else is ignored: proxies, libraries to load, folders, indexes, lists of plugins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llmgate_core.client.sync_client import Client
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import LLMGateError

__all__ = ["installed_providers", "trusted_variables"]

HARMLESS = frozenset({"LLMGATE_LOCAL_QUIET"})


def trusted_variables(variables: Mapping[str, str], *, brings_key: bool) -> dict[str, str]:
    """Return those variables of a file that count.

    Args:
        variables: the variables of the file that are not set in the environment.
        brings_key: the command may send a key that is not in the environment, so only keys count.
    """
    harmless = HARMLESS & variables.keys()
    if harmless == variables.keys():
        return dict(variables)
    providers = tuple(installed_providers())
    keys = {name for provider in providers for name in provider.key_variables} & variables.keys()
    companions = set() if brings_key else _companions(variables, providers)
    return {name: value for name, value in variables.items() if name in harmless | keys | companions}


def _companions(variables: Mapping[str, str], providers: tuple[ProviderInfo, ...]) -> set[str]:
    """Return the base URLs, organizations and projects whose every provider has its key in the same file."""
    declared: dict[str, list[tuple[str, ...]]] = {}
    for provider in providers:
        for name in (*provider.env_base_url, *provider.env_organization, *provider.env_project):
            declared.setdefault(name, []).append(provider.key_variables)
    return {
        name
        for name in variables
        if name in declared and all(any(variables.get(key, "").strip() for key in keys) for keys in declared[name])
    }


def installed_providers() -> Iterator[ProviderInfo]:
    """Yield what every plugin that is installed and allowed, or declared, says of its provider; imports them."""
    try:
        plugins = Client().preparer.plugins
        routes = (*plugins.claims(), *((family, prefix) for family, prefix, _ in plugins.declared.routes()))
    except LLMGateError:  # the lock of plugins cannot be read; what the command does with plugins says so
        return
    for family, prefix in routes:
        try:
            yield plugins.get(family, prefix).info
        except LLMGateError:  # `llmgate plugins` shows why
            continue
