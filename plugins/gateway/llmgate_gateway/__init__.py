"""The gateway: the plugins of llmgate behind one OpenAI-compatible address.

Names are given out on first use, so that importing this module loads no server, no YAML and no plugin.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmgate_gateway.app import Gateway as Gateway
    from llmgate_gateway.app import create_app as create_app
    from llmgate_gateway.config import ConfigProblems as ConfigProblems
    from llmgate_gateway.config import GatewayConfig as GatewayConfig
    from llmgate_gateway.config import load_config as load_config
    from llmgate_gateway.config import load_config_dict as load_config_dict
    from llmgate_gateway.inprocess.transport import AsyncGatewayTransport as AsyncGatewayTransport
    from llmgate_gateway.inprocess.transport import GatewayTransport as GatewayTransport
    from llmgate_gateway.server.operations import Operations as Operations

__all__ = [
    "AsyncGatewayTransport",
    "ConfigProblems",
    "Gateway",
    "GatewayConfig",
    "GatewayTransport",
    "Operations",
    "create_app",
    "load_config",
    "load_config_dict",
]

_MODULE_OF = {
    "AsyncGatewayTransport": "inprocess.transport",
    "Gateway": "app",
    "GatewayTransport": "inprocess.transport",
    "Operations": "server.operations",
    "create_app": "app",
    "ConfigProblems": "config",
    "GatewayConfig": "config",
    "load_config": "config",
    "load_config_dict": "config",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'llmgate_gateway' has no attribute {name!r}")
    return getattr(importlib.import_module(f"llmgate_gateway.{_MODULE_OF[name]}"), name)
