"""A call for a plugin that answers itself, in place of a request on the wire. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.transport import Origin, TransportRequest

if TYPE_CHECKING:
    from llmgate_core.contract.call import Call, Route
    from llmgate_core.contract.limits import Deadline, Limits
    from llmgate_core.registry.bound_plugin import BoundPlugin

__all__ = ["BYTES", "CHUNKS", "NOT_SERVED", "WHOLE", "InProcessRequest", "in_process_request"]

NOT_SERVED = 0
"""The status of an answer that the plugin did not give: its hook returned None."""
WHOLE, CHUNKS, BYTES = b"application/json", b"text/event-stream", b"application/octet-stream"
"""The content types of what a plugin answers: a JSON document, one event for each chunk, or bytes as they are."""


@dataclass(slots=True, repr=False)
class InProcessRequest(TransportRequest):
    """What the hook `serve` is called with, and whose it is.

    Attributes:
        plugin: a `BoundPlugin`. call, route: of contract.call. is_binary: the answer is bytes.
    """

    plugin: Any = None
    call: Any = None
    route: Any = None
    is_binary: bool = False


_HERE = Origin("in-process", "", 0)  # nothing connects to it


def in_process_request(
    plugin: BoundPlugin, call: Call, route: Route, deadline: Deadline, limits: Limits, *, is_binary: bool
) -> InProcessRequest:
    """Return the request for a call, which has the deadline and the limits of any other."""
    return InProcessRequest(
        "SERVE", _HERE, "", [], b"", deadline, limits, plugin=plugin, call=call, route=route, is_binary=is_binary
    )
