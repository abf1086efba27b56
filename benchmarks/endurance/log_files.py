"""The access log in a file that is rotated, and on a disk without space: no line is broken, none is lost uncounted."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from gateways import Gateway, clients, gateway
from loopback import until, upstream
from measuring import Outcomes, Row, program, scaled

SECONDS_BETWEEN = 0.2
AT_ONCE = 20


def log_general(running_folder: Path) -> str:
    return f"log: {{file: {running_folder / 'access.log'}}}"


def ids_of(text: str) -> tuple[list[str], int]:
    """Return the request ids of a log, and how many lines are not JSON."""
    ids, broken = [], 0
    for line in text.splitlines():
        try:
            ids.append(json.loads(line)["request_id"])
        except (ValueError, KeyError):
            broken += 1
    return ids, broken


def rotation(scale: float) -> Iterator[Row]:
    """The file is renamed, then the gateway gets a SIGHUP, as logrotate does it."""
    count, workers = scaled(5000, scale, 200), 2
    with tempfile.TemporaryDirectory() as name, upstream() as server:
        folder = Path(name)
        with gateway(server, workers=workers, general=log_general(folder)) as running:
            outcomes, rotations, stopped = Outcomes(), [], threading.Event()

            def rotate() -> None:
                while not stopped.wait(SECONDS_BETWEEN):
                    if (file := folder / "access.log").exists():
                        file.rename(folder / f"access.log.{len(rotations)}")
                        rotations.append(1)
                    running.signal(signal.SIGHUP)

            thread = threading.Thread(target=rotate)
            thread.start()
            asyncio.run(clients(running.port, count, AT_ONCE, outcomes, pause=0.01))
            stopped.set()
            thread.join()
            status, _ = running.end()
        ids, broken = ids_of("".join(path.read_text() for path in sorted(folder.glob("access.log*"))))
    yield Row(
        f"rotation of `log.file` every {SECONDS_BETWEEN} s under load, {workers} workers",
        f"{count:,} requests, {len(rotations)} rotations",
        f"{outcomes.shown()}; {len(set(ids)):,} distinct lines, {broken} broken; status {status}",
        held=outcomes.only("ok") and len(ids) == len(set(ids)) == count and not broken and status == 0,
    )


def full_disk(scale: float) -> Iterator[Row]:
    """The limit of the size of files stands for a disk that is full, and is lifted again."""
    count = scaled(200, scale, 20)
    with tempfile.TemporaryDirectory() as name, upstream() as server:
        folder = Path(name)
        file = folder / "access.log"
        with gateway(server, general=log_general(folder)) as running:
            outcomes = Outcomes()
            asyncio.run(clients(running.port, count, AT_ONCE, outcomes))
            written(running, file, count)
            unlimited = file_limit(running, file.stat().st_size + 700)  # two lines and a part of the third
            asyncio.run(clients(running.port, count, AT_ONCE, outcomes))
            until(lambda: running.metric("llmgate_log_lines_lost_total") >= count - 4, 10)
            file_limit(running, unlimited)
            asyncio.run(clients(running.port, count, AT_ONCE, outcomes))
            lost = int(running.metric("llmgate_log_lines_lost_total"))
            status, _ = running.end()
        ids, broken = ids_of(file.read_text())
    yield Row(
        "`log.file` on a disk that is full for a while",
        f"{3 * count:,} requests, a third of them without space",
        f"{outcomes.shown()}; {len(set(ids)):,} lines, {lost} lost and counted, {broken} cut; status {status}",
        held=outcomes.only("ok")
        and len(set(ids)) + lost == 3 * count
        and len(set(ids)) >= 2 * count
        and broken <= 1
        and status == 0,
    )


def written(running: Gateway, file: Path, count: int) -> None:
    if not until(lambda: file.exists() and file.read_bytes().count(b"\n") == count, 20):
        raise RuntimeError(f"{count} lines were not written; {running.words()[-300:]}")


def file_limit(running: Gateway, size: int) -> int:
    """Limit the size of files that the gateway writes, and return what the limit was."""
    soft, hard = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (size, hard))
    return soft


if __name__ == "__main__":
    program(rotation, full_disk)
