"""Which variables of the working directory's `.env` count. Whoever made the directory is not trusted.

A key counts: whoever wrote it there shares it. So does a variable that does no harm. What says where a key is sent, or
for whom, counts only together with the key of the same file: a key from elsewhere never goes where the file says.
Everything else is ignored: proxies, libraries to load, folders, indexes, lists of plugins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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
    wanted = variables.keys() - harmless
    keys, providers = set[str](), list[ProviderInfo]()
    for provider in installed_providers(variables):
        providers.append(provider)
        keys.update(wanted.intersection(provider.key_variables))
        if keys == wanted:
            return dict(variables)  # so the other plugins need not be imported
    companions = set() if brings_key else _companions(variables, tuple(providers))
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


def installed_providers(variables: Iterable[str] = ()) -> Iterator[ProviderInfo]:
    """Yield what each plugin that is installed and allowed, or declared, says of its provider; imports it then.

    First come those whose prefix begins the name of a variable, as `acme/` does that of `ACME_API_KEY`.
    """
    beginnings = tuple(variables)
    try:
        plugins = Client().preparer.plugins
        routes = (*plugins.claims(), *((family, prefix) for family, prefix, _ in plugins.declared.routes()))
    except LLMGateError:  # the lock of plugins cannot be read; what the command does with plugins says so
        return
    for family, prefix in sorted(routes, key=lambda route: not _begins_any(route[1], beginnings)):
        try:
            yield plugins.get(family, prefix).info
        except LLMGateError:  # `llmgate plugins` shows why
            continue


def _begins_any(prefix: str, names: Iterable[str]) -> bool:
    beginning = prefix.partition("/")[0].replace("-", "_").upper()
    return any(name.startswith(f"{beginning}_") for name in names)
