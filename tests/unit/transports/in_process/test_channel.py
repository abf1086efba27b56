"""The way from a function to its reader: every block arrives once and in order, and neither side waits for ever."""

from __future__ import annotations

import concurrent.futures
import threading

import pytest

from llmgate_core import PluginError, StreamTruncatedError
from llmgate_core.transports.in_process.channel import ROOM, Channel, StoppedError

PATIENCE_SECONDS = 20.0


def read(channel: Channel) -> list[bytes]:
    """Return what is taken, up to the end."""
    taken = []
    while (block := channel.take()) != b"":
        if isinstance(block, bytes):
            taken.append(block)
        else:
            assert concurrent.futures.wait({block}, PATIENCE_SECONDS).done, "the reader was not woken"
    return taken


def write(channel: Channel, count: int) -> None:
    for number in range(count):
        room = channel.put(b"%d," % number)
        if room is not None:
            assert concurrent.futures.wait({room}, PATIENCE_SECONDS).done, "the writer was not woken"
    channel.end()


@pytest.mark.parametrize("count", [0, 1, ROOM, ROOM + 1, 20_000])
def test_every_block_arrives_once_and_in_order(count: int) -> None:
    channel = Channel()
    writer = threading.Thread(target=write, args=(channel, count), daemon=True)
    writer.start()
    assert b"".join(read(channel)) == b"".join(b"%d," % number for number in range(count))
    writer.join(PATIENCE_SECONDS)
    assert not writer.is_alive()


def test_a_writer_waits_when_it_is_far_ahead() -> None:
    channel = Channel()
    waits = [channel.put(b"a") for _ in range(ROOM)]
    assert waits[:-1] == [None] * (ROOM - 1)
    room = waits[-1]
    assert room is not None
    assert not room.done()
    assert channel.take() == b"a" * ROOM
    assert room.done()


def test_stopping_wakes_both_sides() -> None:
    channel = Channel()
    reading = channel.take()
    assert not isinstance(reading, bytes)
    for _ in range(ROOM):
        room = channel.put(b"a")
    channel.stop()
    assert room is not None
    assert (reading.done(), room.done(), channel.opened.done()) == (True, True, True)
    with pytest.raises(StoppedError):
        channel.put(b"a")
    with pytest.raises(StreamTruncatedError):
        channel.take()


def test_an_error_comes_after_the_blocks_before_it_and_only_the_first_end_counts() -> None:
    channel = Channel()
    channel.put(b"a")
    channel.end(PluginError("it failed"))
    channel.end()
    assert channel.take() == b"a"
    with pytest.raises(PluginError, match="it failed"):
        channel.take()
