"""Lines are collected for a moment, and none is lost if the writer is flushed or closed in that moment."""

from __future__ import annotations

import threading
from pathlib import Path

from llmgate_gateway.telemetry.log_writer import BATCH_SECONDS, LineWriter


def test_a_flush_does_not_wait_for_more_lines(tmp_path: Path) -> None:
    file = tmp_path / "log"
    writer = LineWriter(str(file))
    for number in range(3):
        writer.write(b"%d\n" % number)
        assert writer.flush(30.0)
        assert file.read_bytes().endswith(b"%d\n" % number)
    writer.close(30.0)


def test_no_line_of_several_threads_is_lost_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "log"
    writer = LineWriter(str(file))

    def write(name: int) -> None:
        for number in range(500):
            writer.write(b"%d %d\n" % (name, number))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close(30.0)
    lines = file.read_bytes().splitlines()
    assert sorted(lines) == sorted(b"%d %d" % (name, number) for name in range(4) for number in range(500))


def test_a_line_after_an_idle_time_is_written(tmp_path: Path) -> None:
    file = tmp_path / "log"
    writer = LineWriter(str(file))
    writer.write(b"first\n")
    assert writer.flush(30.0)
    threading.Event().wait(2 * BATCH_SECONDS)  # the thread sleeps by now
    writer.write(b"second\n")
    assert writer.flush(30.0)
    assert file.read_bytes() == b"first\nsecond\n"
    writer.close()
