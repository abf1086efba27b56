"""What the log, the metrics and the traces show of one request, filled in on its way. Data.

It never holds a key, and a prompt or an answer only if the operator wants them logged: see `content_log`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["RequestRecord"]


@dataclass(slots=True)
class RequestRecord:
    """One request.

    Attributes:
        request_id: the gateway's own. client_request_id: the client's. started: monotonic seconds.
        method, path: as the client sent them, the path without its query.
        family, operation: what was called, None where no route matched.
        requested_model: the name that the client asked for. deployment: the config entry that served it.
        model, provider, plugin: what the entry led to.
        client: the name of the key that was presented; None without keys.
        status: of the response.
        outcome: `finished`, `failed`, `truncated`, `cancelled` (the client disconnected), `refused` (never
            sent upstream).
        user: what the client calls its own user.
        stream: whether the answer was streamed. events: how many blocks were sent. upstream_events: how many events
            the upstream has sent.
        first_byte_seconds, total_seconds: from `started`.
        usage: as the upstream sent it. cost: US dollars.
        ledger: what was changed in the request. upstream_request_id, upstream_status, error_code: None: not known.
        extra: other fields of the log: `detail` of a failure; `request` and `response` if content is logged.
    """

    request_id: str
    started: float
    method: str = ""
    path: str = ""
    family: str | None = None
    operation: str | None = None
    requested_model: str | None = None
    deployment: str | None = None
    model: str | None = None
    provider: str | None = None
    plugin: str | None = None
    client: str | None = None
    status: int = 0
    outcome: str = "refused"
    stream: bool = False
    events: int = 0
    upstream_events: int = 0
    user: str | None = None
    client_request_id: str | None = None
    first_byte_seconds: float | None = None
    total_seconds: float | None = None
    usage: Any = None
    cost: float | None = None
    ledger: Sequence[Any] = ()
    upstream_request_id: str | None = None
    upstream_status: int | None = None
    error_code: str | None = None
    traceparent: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
