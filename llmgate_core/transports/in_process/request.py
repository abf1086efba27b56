"""A call for a plugin that answers itself, in place of a request on the wire. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.transport import Origin, TransportRequest

if TYPE_CHECKING:
    from llmgate_core.contract.call import Call, Route
    from llmgate_core.contract.limits import Deadline, Limits
    from llmgate_core.registry.hooks import BoundPlugin

__all__ = ["CHUNKS", "NOT_SERVED", "WHOLE", "InProcessRequest", "in_process_request"]

NOT_SERVED = 0
"""The status of an answer that the plugin did not give: its hook returned None."""
WHOLE, CHUNKS = b"application/json", b"text/event-stream"
"""The content types of what a plugin answers: a JSON document, or one event for each chunk."""


@dataclass(slots=True, repr=False)
class InProcessRequest(TransportRequest):
    """What the hook `serve` is called with, and whose it is.

    Attributes:
        plugin: a `BoundPlugin`. call, route: of contract.call.
    """

    plugin: Any = None
    call: Any = None
    route: Any = None


_HERE = Origin("in-process", "", 0)  # nothing connects to it


def in_process_request(
    plugin: BoundPlugin, call: Call, route: Route, deadline: Deadline, limits: Limits
) -> InProcessRequest:
    """Return the request for a call, which has the deadline and the limits of any other."""
    return InProcessRequest("SERVE", _HERE, "", [], b"", deadline, limits, plugin=plugin, call=call, route=route)
