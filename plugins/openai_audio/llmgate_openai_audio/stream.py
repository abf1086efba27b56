"""Events of a transcription and of speech are canonical as they stand. Pure."""

from __future__ import annotations

from llmgate_core.plugin import Call, Route, StreamParser, hookimpl


@hookimpl
def stream_parser(call: Call, route: Route) -> StreamParser | None:
    """Return None: every event is canonical already."""
    return None
