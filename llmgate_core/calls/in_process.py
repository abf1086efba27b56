"""Have a plugin answer a call in this process, by its hook `serve`.

Pure but for the clock: generators of steps. The transport runs the function; what it makes is read as any answer is.

Source: docs/plugins/in-process.md; docs/reliability.md, rows R10 to R12.
"""

from __future__ import annotations

from llmgate_core.calls.answers import Answer, read_body
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import ResultReader
from llmgate_core.calls.steps import Send, Steps
from llmgate_core.calls.streaming import started_stream, whole_in_place_of_stream
from llmgate_core.contract.limits import EventClock
from llmgate_core.errors import APIError
from llmgate_core.reading.readers.canonical import CanonicalParser
from llmgate_core.reading.upstream_errors import complete_error
from llmgate_core.transports.in_process.request import CHUNKS, NOT_SERVED, in_process_request

__all__ = ["served_steps"]


def served_steps(call: PreparedCall, reader: ResultReader) -> Steps:
    """Ask the plugin for its answer. Returns a result, a `StartedStream`, or None: a request has to be sent.

    It is asked once: a function that failed would fail again.

    Raises:
        APIError: an error of llmgate's that the hook raised, or nothing in time. PluginError: the hook failed.
    """
    try:
        return (yield from _asked_once(call, reader))
    except APIError as error:
        complete_error(error, call.route, call.secrets)
        raise


def _asked_once(call: PreparedCall, reader: ResultReader) -> Steps:
    plugin = call.target.plugin
    clock = EventClock(call.deadline)
    request = in_process_request(
        plugin, call.upstream_call, call.route, call.deadline, call.limits, is_binary=call.is_binary
    )
    answer = Answer((yield Send(request)), {})
    head = answer.head
    if head.status == NOT_SERVED:
        if plugin.transform_request is None:
            raise plugin.error("serve", "hook serve returned None, but there is no transform_request for an upstream")
        return None
    if call.upstream_call.stream and (call.is_binary or (b"content-type", CHUNKS) in head.raw_headers):
        stream = reader.stream_reader(head, CanonicalParser())
        return (yield from started_stream(call, reader, answer, stream, clock, 1))
    yield from read_body(call, answer, call.limits.body)
    if call.is_binary:
        return reader.bytes_result(head, 1)
    return reader.canonical_result(head.json(), head, 1, whole_in_place_of_stream(call))
