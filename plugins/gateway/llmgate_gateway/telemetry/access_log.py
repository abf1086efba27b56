"""Write one line for each request that has ended. No key, and content only with `log_content`; never fails a request.

Strings from outside are cut to a length and encoded as JSON, so a line stays one line whatever a client or an upstream
puts into a name.

Source: rows R36, S17 and S19 of docs/reliability.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, Literal

from llmgate_core.serving import ENDPOINTS, FAMILIES, decode, encode, token_counts
from llmgate_gateway.config.litellm.fates import request_params
from llmgate_gateway.config.schema.general import FORWARDED_PATHS
from llmgate_gateway.telemetry.log_writer import LineWriter
from llmgate_gateway.telemetry.record import RequestRecord

__all__ = ["AccessLog", "line_of", "shown_ledger", "timestamp"]

MAX_CHARACTERS: Final = 256
"""Of a string from outside."""
ODD = re.compile("[\x7f-\x9f\u2028\u2029]")
NAME = re.compile(r"[a-z_0-9]+")
PLAIN = re.compile(r"[!-~]+")
MAX_TOKENS: Final = 10**9
MAX_REMEMBERED: Final = 500
REPEATED = (
    "method",
    "path",
    "family",
    "operation",
    "requested_model",
    "deployment",
    "model",
    "provider",
    "plugin",
    "client",
)
OWN_PATHS = (
    *("v1", "models", "livez", "readyz", "docs", "metrics", "openapi.json", "explain"),
    *("health", "liveliness", "liveness", "readiness", "openai", "deployments", "anthropic"),
)
TOKENS = ("input_tokens", "output_tokens")


class AccessLog:
    """Writes the lines of one gateway.

    Args:
        writer: where they are written. form: JSON objects, or `name=value` words.
        shows_user: lines have what the client sends as `user`.
    """

    def __init__(self, writer: LineWriter, *, form: Literal["json", "text"] = "json", shows_user: bool = False) -> None:
        self._write = writer.write
        self._shows_user = shows_user
        self._as_text = form == "text"
        self._remembered: dict[tuple[str | None, ...], str] = {}
        self._second = -1
        self._prefix = ""

    def observe(self, record: RequestRecord) -> None:
        """Write the line of a request that has ended."""
        line = self.line(record)
        self._write(_words(line) if self._as_text else line)

    def line(self, record: RequestRecord) -> bytes:
        """Return the line of a request as JSON."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._prefix = second, timestamp(second)[:-4]
        first = record.first_byte_seconds
        total = record.total_seconds
        line = (
            f'{{"time":"{self._prefix}{int((now - second) * 1000):03d}Z","event":"request",'
            f'"request_id":"{record.request_id}","status":{record.status},"outcome":"{record.outcome}",'
            f"{self._repeated(record)}"
        )
        if first is not None:
            line += f',"first_byte_ms":{first * 1000:.2f}'
        if total is not None:
            line += f',"total_ms":{total * 1000:.2f}'
        if record.stream:
            line += f',"stream":true,"events":{record.events}'
        if record.usage is not None:
            line += _tokens(record.usage)
        if record.cost is not None:
            line += f',"cost_usd":{float(record.cost)!r}'
        line += self._details(record)
        if record.ledger:
            line += f',"ledger":[{",".join(_json_string(change) for change in shown_ledger(record.ledger))}]'
        if record.extra:
            line += "," + line_of(record.extra)[1:-2].decode()
        return (line + "}\n").encode()

    def _details(self, record: RequestRecord) -> str:
        """Return the fields that few requests have."""
        line = ""
        if self._shows_user and record.user is not None:
            line += f',"user":{_json_string(record.user)}'
        if record.client_request_id is not None:
            line += f',"client_request_id":{_json_string(record.client_request_id)}'
        if record.upstream_request_id is not None:
            line += f',"upstream_request_id":{_json_string(record.upstream_request_id)}'
        if record.upstream_status is not None:
            line += f',"upstream_status":{record.upstream_status}'
        if record.error_code is not None:
            line += f',"error_code":{_json_string(str(record.error_code))}'
        if record.traceparent is not None:
            line += f',"traceparent":{_json_string(record.traceparent)}'
        return line

    def _repeated(self, record: RequestRecord) -> str:
        """Return the fields that most requests have in common, made once for each combination."""
        key = (
            record.method,
            record.path,
            record.family,
            record.operation,
            record.requested_model,
            record.deployment,
            record.model,
            record.provider,
            record.plugin,
            record.client,
        )
        fields = self._remembered.get(key)
        if fields is None:
            names = zip(REPEATED, key, strict=True)
            shown = ((name, shown_path(value or "") if name == "path" else value) for name, value in names)
            fields = ",".join(f'"{name}":{_json_string(value)}' for name, value in shown if value is not None)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            if sum(map(len, filter(None, key))) <= 2 * MAX_CHARACTERS:
                self._remembered[key] = fields
        return fields


def line_of(value: Any) -> bytes:
    """Return a value as one line of JSON, without characters that some readers take for the end of a line."""
    try:
        line = encode(value)
    except ValueError:
        line = encode(_encodable(value))
    if b"\x7f" in line or not line.isascii():
        line = ODD.sub(lambda match: f"\\u{ord(match[0]):04x}", line.decode()).encode()
    return line + b"\n"


def shown_ledger(ledger: Iterable[Any]) -> list[str]:
    """Return which parameters were changed, and how.

    Without the reason, which may repeat a value, and without a name that no operation has: the client made it up. The
    client receives both in `x-llmgate-ledger`.
    """
    changes: dict[str, None] = {}  # a set in order
    for entry in ledger:
        known = NAME.match(entry.parameter)
        name = known[0] if known is not None and known[0] in _known_names() else "(other)"
        source = f" [{entry.source}]" if entry.source else ""
        changes[f"{name} {entry.action}{source}"] = None
    return list(changes)


@cache
def _known_names() -> frozenset[str]:
    inputs = {name for family in FAMILIES.values() for name in family.inputs}
    return request_params() | inputs | {"betas", "model", "stream", "query"}


def shown_path(path: str) -> str:
    """Return a path with `*` in the place of each part that no route has, such as an id: the client made it up."""
    return "/".join(part if part in _known_parts() else "*" for part in path.split("/"))


@cache
def _known_parts() -> frozenset[str]:
    endpoints = [endpoint.path for operations in ENDPOINTS.values() for endpoint in operations.values()]
    parts = {part for path in endpoints for part in path.split("/") if not part.startswith("{")}
    return frozenset({*parts, *FORWARDED_PATHS, *OWN_PATHS, ""})


def timestamp(seconds: float) -> str:
    """Return a time since the epoch as ISO 8601 in UTC, with milliseconds."""
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int((seconds - whole) * 1000):03d}Z"


def _json_string(value: str, limit: int = MAX_CHARACTERS) -> str:
    """Return a string from outside as JSON, cut."""
    value = value[:limit]
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return line_of(value)[:-1].decode()


def _tokens(usage: Any) -> str:
    fields = ""
    for name, count in zip(TOKENS, token_counts(usage), strict=True):
        if count is not None and count <= MAX_TOKENS:
            fields += f',"{name}":{count}'
    return fields


def _words(line: bytes) -> bytes:
    """Return a line of JSON as `name=value` words; values with other than plain characters stay JSON."""
    words = []
    for name, value in decode(line).items():
        text = value if isinstance(value, str) else line_of(value)[:-1].decode()
        words.append(f"{name}={text if PLAIN.fullmatch(text) else line_of(value)[:-1].decode()}")
    return " ".join(words).encode() + b"\n"


def _encodable(value: Any) -> Any:
    """Return a value that JSON can encode: no lone surrogate, no NaN, no other type."""
    if isinstance(value, Mapping):
        return {str(_encodable(str(name))): _encodable(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    return str(value).encode("utf-8", "replace").decode()
