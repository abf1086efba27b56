"""Check that installed plugins serve the models of a config, and list those that are needed.

Imports the plugins that the config's models lead to, and no other. Opens no socket.

Source: rows S20, R31 and R35 of docs/reliability.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from llmgate_core import AsyncClient, PluginPolicy, Settings
from llmgate_core.serving import ResolvedModel, errors
from llmgate_gateway.config.declared_options import check_options
from llmgate_gateway.config.model_warnings import model_warnings
from llmgate_gateway.config.provider_prefixes import model_for
from llmgate_gateway.config.schema.deployment import UNSERVED_MODES, Deployment, Params
from llmgate_gateway.config.schema.file_schema import PluginChoice
from llmgate_gateway.config.schema.model import GatewayConfig
from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = [
    "FAMILIES_OF_MODE",
    "Served",
    "check_routes",
    "check_tree",
    "client_of_tree",
    "installed_prefixes",
    "plugin_policy",
    "targets_of",
]

FAMILIES_OF_MODE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chat": ("chat", "responses"),
        "responses": ("responses", "chat"),
        "completion": ("text_completion", "chat"),
        "embedding": ("embedding",),
        "audio_transcription": ("transcription", "translation"),
        "audio_speech": ("speech",),
        "image_generation": ("image",),
        "video_generation": ("video",),
        "moderation": ("moderation",),
        "image_edit": ("image",),
        "rerank": ("rerank",),
    }
)
"""LiteLLM's `mode` of a model -> the families that may call it; a mode that is not here is not served."""
LIKE_A_KEY = "sk-"
FAMILIES = tuple(dict.fromkeys(family for families in FAMILIES_OF_MODE.values() for family in families))


@dataclass(frozen=True, slots=True)
class Served:
    """The plugins that serve one deployment: family -> distribution and version."""

    deployment: Deployment
    families: Mapping[str, str]


def installed_prefixes(config: GatewayConfig) -> frozenset[str]:
    """Return every prefix that installed plugins claim, whether or not the config uses it."""
    client = _client_for(config)
    _load(client)
    installed = frozenset(plugin.prefix for plugin in client.installed() if plugin.family in FAMILIES)
    return installed | client.declared_prefixes()


def check_routes(config: GatewayConfig) -> tuple[Served, ...]:
    """Return what serves each deployment, in the config's order.

    Raises:
        ConfigProblems: no plugin serves a model, or a declared provider cannot be used; with its place in the file.
            ConfigError: the plugin settings, the catalogue file or the file of providers are not valid.
    """
    client = _client_for(config)
    _load(client)
    served: list[Served] = []
    problems = [config.problem(path, message) for path, message in _declared_problems(client)]
    for index, deployment in enumerate(config.deployments):
        if deployment.model_info.mode in UNSERVED_MODES:
            served.append(Served(deployment, MappingProxyType({})))
            continue
        plugins = _resolve(client, deployment.params.model, deployment.model_info.mode)
        if isinstance(plugins, str):
            problems.append(config.problem(("model_list", index, "params", "model"), plugins))
        else:
            served.append(Served(deployment, MappingProxyType(plugins)))
    if problems:
        raise config.error(tuple(problems))
    return tuple(served)


def check_tree(root: Node, problems: Problems, *, has_variables: bool = True) -> None:
    """Put every model that no plugin serves into `problems`, whatever else is wrong with the config.

    Warns of what would fail at the first request: a model that was shut down or that serves another endpoint, and,
    where the config's variables are here, a missing key for the upstream.
    """
    content = root.plain()
    settings = content.get("settings")
    client = _client_of(content)
    if client is None:
        return  # reported already; without it the allowed plugins are not known
    try:
        _load(client)
    except errors.LLMGateError as error:
        problems.add(*root.find(("settings", "catalogue_file")), str(error))
        return
    for place, message in _declared_problems(client):
        problems.add(*root.find(place), message)
    for notice in client.plugin_notices():
        if notice.subject == "provider":
            continue  # a mistake, above
        problems.warn(root.find(("plugins",))[0], (), notice.message)
    entries = content.get("model_list")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        model, mode = _model_and_mode(entry)
        is_checkable = isinstance(model, str) and not model.startswith("*") and mode not in UNSERVED_MODES
        is_checkable = is_checkable and not root.is_unset(("model_list", index, "params", "model"))
        plugins = _resolve(client, model, mode) if is_checkable else {}
        path = ("model_list", index, "params", "model")
        if isinstance(plugins, str):
            problems.add(*root.find(path), plugins)
        elif plugins:
            for warning in model_warnings(client, plugins, entry, settings, keys=has_variables):
                problems.warn(*root.find(path), warning)
            check_options(root, path[:-1], targets_of(client, model, mode), problems)


def client_of_tree(root: Node) -> AsyncClient | None:
    """Return a client that resolves the models of a config; None if it cannot be made, which a later check reports."""
    client = _client_of(root.plain())
    try:
        if client is not None:
            _load(client)
    except errors.LLMGateError:
        return None
    return client


def targets_of(client: AsyncClient, model: str, mode: str | None) -> Iterator[ResolvedModel]:
    """Yield where the calls of a model go, in every family that a plugin serves it for."""
    for family in FAMILIES_OF_MODE.get(mode or "", FAMILIES):
        try:
            yield client.resolve(family, model_for(client, family, model, has_star="*" in model))
        except errors.LLMGateError:
            continue


def _client_of(content: Mapping[str, Any]) -> AsyncClient | None:
    try:
        choice = PluginChoice.model_validate(content.get("plugins") or {})
    except ValidationError:
        return None
    settings = content.get("settings") or content.get("litellm_settings")
    settings = settings if isinstance(settings, dict) else {}
    files = {name: settings.get(name) for name in ("catalogue_file", "providers_file")}
    named = {name: value if isinstance(value, str) else None for name, value in files.items()}
    providers = content.get("providers")
    declared = providers.items() if isinstance(providers, dict) else ()
    usable = {name: row for name, row in declared if isinstance(row, dict)}  # of others the schema says what is wrong
    return _client(plugin_policy(choice), usable, **named)


def _client_for(config: GatewayConfig) -> AsyncClient:
    settings = config.settings
    return _client(
        plugin_policy(config.plugins),
        config.providers,
        catalogue_file=settings.catalogue_file,
        providers_file=settings.providers_file,
    )


def _declared_problems(client: AsyncClient) -> Iterator[tuple[Path, str]]:
    """Yield the place in the config and the message of each declared provider that cannot be used."""
    for problem in client.declared_problems():
        if problem.declaration.is_setting:
            yield ("providers", problem.declaration.name, *problem.path), problem.message
        else:
            yield ("settings", "providers_file"), str(problem)


def _model_and_mode(entry: Any) -> tuple[Any, Any]:
    """Return model and mode of an entry that may be malformed; an invalid model string counts as None."""
    params = entry.get("params") if isinstance(entry, dict) else None
    info = entry.get("model_info") if isinstance(entry, dict) else None
    model = params.get("model") if isinstance(params, dict) else None
    mode = info.get("mode") if isinstance(info, dict) else None
    try:
        model = Params.model_validate({"model": model}).model
    except ValidationError:
        return None, None
    return model, mode if isinstance(mode, str) and mode in {*FAMILIES_OF_MODE, *UNSERVED_MODES} else None


def plugin_policy(choice: PluginChoice) -> PluginPolicy:
    """Return the config's choice of plugins in the core's form."""
    allow = None if choice.allow is None else frozenset(choice.allow)
    return PluginPolicy(allow=allow, block=frozenset(choice.block), prefer=choice.prefer)


def _client(
    policy: PluginPolicy,
    providers: Mapping[str, Any],
    *,
    catalogue_file: str | None,
    providers_file: str | None,
) -> AsyncClient:
    """Return a client that only resolves models; of the class that serves, so that a start loads no other."""
    return AsyncClient(
        settings=Settings(
            plugins=policy, catalogue_file=catalogue_file, providers=providers, providers_file=providers_file
        )
    )


def _load(client: AsyncClient) -> None:
    """Load what a client knows of its plugins; what it would warn of is reported with the config's own warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client.load()


def _resolve(client: AsyncClient, model: str, mode: str | None) -> dict[str, str] | str:
    """Return family -> plugin for a model string, or why nothing serves it: a family in dispute fails them all."""
    if model.startswith(LIKE_A_KEY):
        return f"it begins with {LIKE_A_KEY!r} like a key, which belongs in api_key; its value is not shown"
    plugins: dict[str, str] = {}
    failures: list[errors.LLMGateError] = []
    for family in FAMILIES if mode is None else FAMILIES_OF_MODE[mode]:
        try:
            model_string = model_for(client, family, model, has_star="*" in model)
            plugin = client.resolve(family, model_string).plugin
        except errors.LLMGateError as error:
            failures.append(error)
        else:
            plugins[family] = f"{plugin.distribution} {plugin.version}"
    for failure in failures:
        if isinstance(failure, errors.PluginConflictError):
            return str(failure)
    return plugins or f"{_most_important(failures)}{_prefix_hint(client, model, mode)}"


def _prefix_hint(client: AsyncClient, model: str, mode: str | None) -> str:
    """Return a hint to add a prefix to an unknown bare name, for which LiteLLM would guess; else an empty string."""
    prefix = client.default_prefix(mode or "chat")
    if "/" in model or prefix is None or client.knows_model(model):
        return ""
    return f"; write the prefix of its provider before it, such as '{prefix}/{model}'"


def _most_important(failures: Sequence[errors.LLMGateError]) -> errors.LLMGateError:
    """Return the failure to report: a broken or missing plugin matters more than a family that does not fit."""
    order = (errors.PluginConflictError, errors.PluginLoadError, errors.PluginNotInstalledError)
    return next((failure for kind in order for failure in failures if isinstance(failure, kind)), failures[0])
