"""A valid config: what the server is built from.

Pure and frozen. Spellings are ours, variables are expanded, LiteLLM's synonyms are merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgate_gateway.config.schema.deployment import Deployment
from llmgate_gateway.config.schema.file_schema import Alias, CallSettings, ConfigFile, PluginChoice, RouterSettings
from llmgate_gateway.config.schema.general import GeneralSettings, Limits, LogSettings
from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.problems import ConfigProblems, Path, Problem, Problems, error_of, shown_path

__all__ = ["GatewayConfig"]


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Everything in a config.

    Attributes:
        deployments: the entries of `model_list`, in their order.
        general: `general_settings`, with LiteLLM's spellings of the limits merged into `limits`, and
            `set_verbose` and `json_logs` into `log`.
        settings: defaults for every call. router: LiteLLM's router settings, which override `settings`;
            `options_for` merges both with a deployment.
        aliases: other names for a `model_name`.
        plugins: which installed plugins may be used.
        providers: those that the file declares, name -> row.
        warnings: for the start, a line each. warned: the same with their places.
        source: the name of the file as it was given; empty for a config from a mapping.
    """

    deployments: tuple[Deployment, ...]
    general: GeneralSettings
    settings: CallSettings
    router: RouterSettings
    aliases: Mapping[str, Alias]
    plugins: PluginChoice
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    warned: tuple[Problem, ...] = ()
    source: str = ""
    _root: Node = field(default_factory=lambda: Node({}), repr=False, compare=False)

    @classmethod
    def of(cls, file: ConfigFile, root: Node, problems: Problems) -> GatewayConfig:
        """Return the config of a file that has been validated."""
        return cls(
            deployments=file.model_list,
            general=_merge(file),
            settings=file.settings,
            router=file.router_settings,
            aliases=file.router_settings.model_group_alias,
            plugins=file.plugins,
            providers=file.providers,
            warnings=problems.warnings,
            warned=problems.warned,
            source=problems.source,
            _root=root,
        )

    def problem(self, path: Path, message: str) -> Problem:
        """Return a mistake at `path` (keys in our spelling), with its line, for later checks."""
        place, written = self._root.find(path)
        return Problem(*place, shown_path(written or path), message)

    def error(self, problems: tuple[Problem, ...]) -> ConfigProblems:
        """Return one error with all of `problems`, to be raised."""
        return error_of(tuple(sorted(problems)), self.source)


def _merge(file: ConfigFile) -> GeneralSettings:
    general, settings = file.general_settings, file.settings
    limits, log = dict[str, Any](), dict[str, str]()
    explicit = general.limits.model_fields_set
    if general.max_request_size_mb is not None and "max_body" not in explicit:
        limits["max_body"] = general.max_request_size_mb * 1024 * 1024
    in_flight = [
        number
        for number in (general.global_max_parallel_requests, general.max_in_flight_requests_per_worker)
        if number is not None
    ]
    if in_flight and "max_in_flight" not in explicit:
        limits["max_in_flight"] = min(in_flight)
    if general.max_parallel_requests is not None and "per_client_concurrency" not in explicit:
        limits["per_client_concurrency"] = general.max_parallel_requests
    if (settings.set_verbose or file.router_settings.set_verbose) and "level" not in general.log.model_fields_set:
        log["level"] = "debug"
    if settings.json_logs is not None and "format" not in general.log.model_fields_set:
        log["format"] = "json" if settings.json_logs else "text"
    return general.model_copy(
        update={
            "limits": Limits(**{**general.limits.model_dump(), **limits}),
            "log": LogSettings.model_validate({**general.log.model_dump(exclude_unset=True), **log}),
        }
    )
