"""Too few files that the gateway may open, and no space for uploads: answers that say so, and all is well after."""

from __future__ import annotations

import asyncio
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from calls import new_token
from gateways import HOST, Gateway, Line, chat, gateway, outcome_of, upload
from loopback import until, upstream
from measuring import Outcomes, Row, descriptors, program, scaled

SOFT_LIMIT, LOW_LIMIT = 1024, 64
UPLOAD_MB = 8
MEGA = 1_000_000
BOUND_BYTES = 50_000  # of standard error, however many requests fail


def files(soft: int, hard: int | None = None) -> Callable[[], None]:
    """Return what limits the files of a process before it starts."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if hard is None else hard
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


async def at_once(port: int, clients: int, each: int, outcomes: Outcomes, delay: float) -> None:
    async def one() -> None:
        for _ in range(each):
            line, token = Line(port), new_token()
            outcomes[await outcome_of(line, chat(token, delay=delay), token)] += 1
            line.close()

    await asyncio.gather(*(one() for _ in range(clients)))


def soft_limit(scale: float) -> Iterator[Row]:
    count = scaled(700, scale, 40)
    with upstream() as server, gateway(server, before=files(SOFT_LIMIT)) as running:
        outcomes = Outcomes()
        asyncio.run(at_once(running.port, count, 1, outcomes, 2.0))
        yield Row(
            f"a soft limit of {SOFT_LIMIT:,} open files, an upstream of 2 s",
            f"{count} requests at once",
            f"{outcomes.shown()}; {running.tracebacks()} tracebacks",
            held=outcomes.only("ok") and not running.tracebacks(),
        )


def low_limit(scale: float) -> Iterator[Row]:
    each = scaled(6, scale, 2)
    with upstream() as server, gateway(server, before=files(LOW_LIMIT, LOW_LIMIT)) as running:
        outcomes, after = Outcomes(), Outcomes()
        asyncio.run(at_once(running.port, 50, each, outcomes, 0.05))
        asyncio.run(at_once(running.port, 5, 4, after, 0.0))
        size = len(running.words())
        yield Row(
            f"a hard limit of {LOW_LIMIT} open files, 50 clients from the first request on",
            f"{50 * each} requests",
            f"{outcomes.shown()}; then {after.shown()}; {running.tracebacks()} tracebacks, {size:,} bytes of messages",
            held=outcomes.only("ok", "503", "broken")
            and after.only("ok")
            and not running.tracebacks()
            and size < BOUND_BYTES,
        )


def idle_clients(_: float) -> Iterator[Row]:
    """More clients than there are descriptors, none of which sends anything."""
    seconds = 2.0

    async def wait_idle(running: Gateway) -> float:
        pairs = [await asyncio.open_connection(HOST, running.port) for _ in range(120)]
        await asyncio.sleep(0.3)
        before = cpu_seconds(running.pid)
        await asyncio.sleep(seconds)
        spent = cpu_seconds(running.pid) - before
        for _, writer in pairs:
            writer.transport.abort()
        return spent

    with upstream() as server, gateway(server, before=files(LOW_LIMIT, LOW_LIMIT)) as running:
        spent, after = asyncio.run(wait_idle(running)), Outcomes()
        up = until(running.is_up)
        asyncio.run(at_once(running.port, 5, 4, after, 0.0))
        yield Row(
            f"a hard limit of {LOW_LIMIT} open files, idle clients, {seconds:.0f} s",
            "120 clients",
            f"{spent:.2f} s of CPU meanwhile; then {after.shown()}; {running.tracebacks()} tracebacks",
            held=up and after.only("ok") and spent < seconds / 2 and not running.tracebacks(),
        )


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def uploads(port: int, count: int, size: int) -> Outcomes:
    async def one() -> str:
        line, token = Line(port), new_token()
        try:
            return await outcome_of(line, upload(token, size), token)
        finally:
            line.close()

    return Outcomes(await asyncio.gather(*(one() for _ in range(count))))


def no_space(scale: float) -> Iterator[Row]:
    """The limit of the size of files stands for a disk that is full, and is lifted again."""
    count = scaled(30, scale, 3)
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream() as server,
        gateway(server, general=f"limits: {{upload_dir: {folder}}}") as running,
    ):
        soft, hard = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
        before = descriptors(running.pid)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (2 * MEGA, hard))
        refused = asyncio.run(uploads(running.port, count, UPLOAD_MB * MEGA))
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (soft, hard))
        taken = asyncio.run(uploads(running.port, 5, UPLOAD_MB * MEGA))
        after = descriptors(running.pid)
        running.end()
        tracebacks, left = running.tracebacks(), len(list(Path(folder).iterdir()))
    yield Row(
        f"uploads of {UPLOAD_MB} MB without space for them, then with it",
        f"{count} and 5 at once",
        f"{refused.shown()}; then {taken.shown()}; descriptors {before} → {after}; {left} files left; "
        f"{tracebacks} tracebacks",
        held=refused.only("507") and taken.only("ok") and not (left or tracebacks) and after <= before + 10,
    )


if __name__ == "__main__":
    program(soft_limit, low_limit, idle_clients, no_space)
