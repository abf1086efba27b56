"""The decoder of streams of lines.

Any cut of the same bytes gives the same events, those of a plain reading; a limit ends the stream at the same event
however the bytes are cut.
"""

from __future__ import annotations

from fuzz.cuts import ways_to_cut
from llmgate_core.reading.framing.lines import LineDecoder

__all__ = ["INSTRUMENTED", "check"]

INSTRUMENTED = ("llmgate_core.reading.framing.lines",)
NO_LIMIT, SMALL_LIMIT = 1 << 30, 40
Outcome = tuple[list[tuple[str, bool]], str]


def check(data: bytes) -> None:
    """Decode the bytes whole and in pieces."""
    whole, limited = decoded([data], NO_LIMIT), decoded([data], SMALL_LIMIT)
    ends = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not whole[1]:
        lines = [line.removesuffix(b"\r").decode("utf-8", "replace") for line in ends if line.strip()]
        assert [text for text, _ in whole[0]] == lines, "the events are not the lines"
    assert limited[1] or limited == whole, "a limit that was not reached changed the events"
    assert limited[0] == whole[0][: len(limited[0])], "a limit changed an event before it"
    for blocks in ways_to_cut(data):
        assert decoded(blocks, NO_LIMIT) == whole, "a cut changed the events"
        assert decoded(blocks, SMALL_LIMIT) == limited, "a cut changed where the limit is"


def decoded(blocks: list[bytes], limit: int) -> Outcome:
    """Return the events, and why the stream was refused."""
    decoder, events = LineDecoder(limit), list[tuple[str, bool]]()
    try:
        for block in blocks:
            events += [(event.data, event.is_error) for event in decoder.feed(block)]
        events += [(event.data, event.is_error) for event in decoder.close()]
    except ValueError as error:
        return events, str(error)
    return events, ""
