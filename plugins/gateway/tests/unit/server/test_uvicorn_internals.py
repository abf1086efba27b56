"""What we override and read of uvicorn beyond its public API is still there, and the cap in `pyproject.toml` is due.

When a test here fails after an upgrade: read what changed in `Server`, adapt `server/protocol.py` and
`server/worker.py`, and raise the cap.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path

import pytest
import uvicorn
from llmgate_gateway.server.protocol import GatewayProtocol, ServerConfig
from llmgate_gateway.server.worker import GatewayServer
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
OVERRIDDEN: dict[type, dict[str, list[str]]] = {
    uvicorn.Config: {"configure_logging": ["self"]},
    uvicorn.Server: {
        "capture_signals": ["self"],
        "main_loop": ["self"],
        "shutdown": ["self", "sockets"],
        "startup": ["self", "sockets"],
    },
}
READ: dict[type, set[str]] = {
    uvicorn.Config: {"loaded_app"},
    ServerState: {"connections", "default_headers", "tasks", "total_requests"},
    uvicorn.Server: {"lifespan", "on_tick", "server_state", "servers"},
}


@pytest.mark.parametrize("ours", [ServerConfig, GatewayServer])
def test_what_we_override_takes_what_it_took(ours: type) -> None:
    base = ours.__bases__[0]
    overridden = {
        name: list(inspect.signature(getattr(base, name)).parameters)
        for name, value in vars(ours).items()
        if inspect.isfunction(value) and hasattr(base, name) and not name.startswith("__")
    }
    assert overridden == OVERRIDDEN[base]


@pytest.mark.parametrize("base", READ, ids=lambda base: base.__name__)
def test_what_we_read_is_still_there(base: type) -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
    there = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    } | set(vars(base))
    assert READ[base] - there == set()


def test_our_protocol_is_made_and_closed_like_uvicorns_own() -> None:
    ours, theirs = (inspect.signature(protocol).parameters for protocol in (GatewayProtocol, HttpToolsProtocol))
    assert list(ours) == list(theirs)
    called = set(re.findall(r"connection\.(\w+)\(", inspect.getsource(uvicorn.Server)))
    assert called <= set(vars(GatewayProtocol))
    assert called == {"shutdown"}


def test_the_cap_is_the_version_after_the_one_that_was_tested() -> None:
    cap = re.search(r'"uvicorn>=[\d.]+,<0\.(\d+)"', PROJECT.read_text("utf-8"))
    assert cap is not None, "uvicorn has a cap, since its internals are overridden"
    installed = int(uvicorn.__version__.split(".")[1])
    assert int(cap[1]) == installed + 1, "the lock has another uvicorn: run the tests of the gateway, then move the cap"
