"""Relay other resources of `/v1` as they are to one deployment. Off unless the config names it."""

from __future__ import annotations

from llmgate_gateway.client_request import ClientRequest
from llmgate_gateway.state import State

__all__ = ["serve_passthrough"]


async def serve_passthrough(request: ClientRequest, state: State) -> bool:
    """Relay a request to the configured deployment; False: it is none of what is relayed."""
    return False
