"""The gateway: the plugins of llmgate behind one OpenAI-compatible address.

What a program needs to serve, embed or extend it has its name here. Names are imported on first use, so that importing
this module loads no server, no YAML and no plugin.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmgate_gateway.access.stores import BlobStore as BlobStore
    from llmgate_gateway.access.stores import CounterStore as CounterStore
    from llmgate_gateway.access.stores import KeyStore as KeyStore
    from llmgate_gateway.access.stores import Reservation as Reservation
    from llmgate_gateway.access.stores import Stores as Stores
    from llmgate_gateway.app import Gateway as Gateway
    from llmgate_gateway.app import create_app as create_app
    from llmgate_gateway.calls.contract import Answer as Answer
    from llmgate_gateway.calls.contract import GatewayCall as GatewayCall
    from llmgate_gateway.calls.contract import Handler as Handler
    from llmgate_gateway.calls.contract import Middleware as Middleware
    from llmgate_gateway.calls.contract import MiddlewareSetup as MiddlewareSetup
    from llmgate_gateway.calls.contract import OwnAPI as OwnAPI
    from llmgate_gateway.config import ConfigProblems as ConfigProblems
    from llmgate_gateway.config import GatewayConfig as GatewayConfig
    from llmgate_gateway.config import load_config as load_config
    from llmgate_gateway.config import load_config_dict as load_config_dict
    from llmgate_gateway.dialects.contract import Dialect as Dialect
    from llmgate_gateway.dialects.contract import RecognizedDialect as RecognizedDialect
    from llmgate_gateway.http.caller import Caller as Caller
    from llmgate_gateway.http.request import ClientRequest as ClientRequest
    from llmgate_gateway.http.responses import ErrorFacts as ErrorFacts
    from llmgate_gateway.http.responses import RefusedError as RefusedError
    from llmgate_gateway.http.responses import Reply as Reply
    from llmgate_gateway.http.responses import refuse as refuse
    from llmgate_gateway.http.routes import HTTPRoute as HTTPRoute
    from llmgate_gateway.inprocess.transport import AsyncGatewayTransport as AsyncGatewayTransport
    from llmgate_gateway.inprocess.transport import GatewayTransport as GatewayTransport
    from llmgate_gateway.server.operations import Operations as Operations

_EXPORTS = {
    "access.stores": "BlobStore CounterStore KeyStore Reservation Stores",
    "app": "Gateway create_app",
    "calls.contract": "Answer GatewayCall Handler Middleware MiddlewareSetup OwnAPI",
    "config": "ConfigProblems GatewayConfig load_config load_config_dict",
    "dialects.contract": "Dialect RecognizedDialect",
    "http.caller": "Caller",
    "http.request": "ClientRequest",
    "http.responses": "ErrorFacts RefusedError Reply refuse",
    "http.routes": "HTTPRoute",
    "inprocess.transport": "AsyncGatewayTransport GatewayTransport",
    "server.operations": "Operations",
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names.split()}

# made from the one table above, which a checker cannot follow
__all__ = sorted(_MODULE_OF)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'llmgate_gateway' has no attribute {name!r}")
    return getattr(importlib.import_module(f"llmgate_gateway.{_MODULE_OF[name]}"), name)
