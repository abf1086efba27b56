"""The configuration of the gateway: read, checked whole, and frozen.

Nothing here opens a socket; `routes` alone imports plugins, those that the file names. Names are given out
on first use, so that reading a config loads no schema and no client.

Source: docs/architecture.md, "Gateway"; LiteLLM's config.yaml for the shape.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmgate_gateway.config.listen_policy import check_bind as check_bind
    from llmgate_gateway.config.listen_policy import has_keys as has_keys
    from llmgate_gateway.config.load import STANDARD_INPUT as STANDARD_INPUT
    from llmgate_gateway.config.load import ConfigSource as ConfigSource
    from llmgate_gateway.config.load import config_for_model as config_for_model
    from llmgate_gateway.config.load import config_of as config_of
    from llmgate_gateway.config.load import load_config as load_config
    from llmgate_gateway.config.load import load_config_dict as load_config_dict
    from llmgate_gateway.config.names import Group as Group
    from llmgate_gateway.config.names import Member as Member
    from llmgate_gateway.config.names import ModelNames as ModelNames
    from llmgate_gateway.config.names import allows as allows
    from llmgate_gateway.config.options import DeploymentOptions as DeploymentOptions
    from llmgate_gateway.config.options import options_for as options_for
    from llmgate_gateway.config.routes import check_routes as check_routes
    from llmgate_gateway.config.routes import installed_prefixes as installed_prefixes
    from llmgate_gateway.config.schema.deployment import Deployment as Deployment
    from llmgate_gateway.config.schema.deployment import ModelInfo as ModelInfo
    from llmgate_gateway.config.schema.json_schema import json_schema as json_schema
    from llmgate_gateway.config.schema.model import GatewayConfig as GatewayConfig
    from llmgate_gateway.config.yaml.problems import ConfigProblems as ConfigProblems
    from llmgate_gateway.config.yaml.problems import Problem as Problem

_EXPORTS = {
    "listen_policy": "check_bind has_keys",
    "schema.deployment": "Deployment ModelInfo",
    "load": "STANDARD_INPUT ConfigSource config_for_model config_of load_config load_config_dict",
    "schema.model": "GatewayConfig",
    "names": "Group Member ModelNames allows",
    "options": "DeploymentOptions options_for",
    "yaml.problems": "ConfigProblems Problem",
    "routes": "check_routes installed_prefixes",
    "schema.json_schema": "json_schema",
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names.split()}

# made from the one table above, which a checker cannot follow
__all__ = sorted(_MODULE_OF)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'llmgate_gateway.config' has no attribute {name!r}")
    return getattr(importlib.import_module(f"llmgate_gateway.config.{_MODULE_OF[name]}"), name)
