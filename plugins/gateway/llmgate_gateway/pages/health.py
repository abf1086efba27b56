"""Say whether the gateway is alive, and what it can serve. Never calls an upstream to find out.

Without a key a client learns only whether to send requests here.

Source: rows R30 and R32 of docs/reliability.md.
"""

from __future__ import annotations

from typing import Any

from llmgate_gateway.calls.live_deployment import LiveDeployment
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import Reply, json_reply

__all__ = ["liveness", "readiness"]

ALIVE = json_reply({"status": "alive"})


def liveness() -> Reply:
    """Return that this worker answers."""
    return ALIVE


def readiness(snapshot: ConfigSnapshot, caller: Caller | None, *, draining: bool) -> Reply:
    """Return whether to send requests here, with 503 while stopping; for a caller also the state of its models."""
    content: dict[str, Any] = {"status": "draining" if draining else "ready"}
    if caller is not None:
        content["models"] = [
            _state(live) for live in snapshot.deployments if caller.may_use(live.deployment.model_name)
        ]
    return json_reply(content, 503 if draining else 200)


def _state(live: LiveDeployment) -> dict[str, Any]:
    return {
        "model": live.deployment.model_name,
        "deployment": live.label,
        "last_outcome": live.outcome,
        "last_error": live.error_code,
    }
