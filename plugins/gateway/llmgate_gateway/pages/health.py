"""Say whether the gateway lives, and what it can serve. Never calls an upstream to find out.

Who has no key learns only whether to send requests here.

Source: rows R30 and R32 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

from typing import Any

from llmgate_gateway.calls.deployments import LiveDeployment
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import Reply, json_reply

__all__ = ["liveness", "model_list", "model_of", "readiness"]

ALIVE = json_reply({"status": "alive"})


def liveness() -> Reply:
    """Return that this worker answers."""
    return ALIVE


def readiness(state: ConfigSnapshot, client: Caller | None, *, draining: bool) -> Reply:
    """Return whether to send requests here: 503 while stopping. With the state of each model for who has a key."""
    said: dict[str, Any] = {"status": "draining" if draining else "ready"}
    if client is not None:
        said["models"] = [_shown(bound) for bound in state.deployments if client.may_use(bound.deployment.model_name)]
    return json_reply(said, 503 if draining else 200)


def model_list(state: ConfigSnapshot, client: Caller) -> Reply:
    """Return what a client may ask for, as OpenAI lists models."""
    names = [name for name in state.deployments.names if client.may_use(name)]
    return json_reply({"object": "list", "data": [_model(name) for name in names]})


def model_of(state: ConfigSnapshot, client: Caller, name: str) -> Reply | None:
    """Return one model; None: the client may not ask for it, or there is none of that name."""
    if not client.may_use(name) or not state.deployments.serves(name):
        return None
    return json_reply(_model(name))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "llmgate"}


def _shown(bound: LiveDeployment) -> dict[str, Any]:
    return {
        "model": bound.deployment.model_name,
        "deployment": bound.label,
        "last_outcome": bound.outcome,
        "last_error": bound.error_code,
    }
