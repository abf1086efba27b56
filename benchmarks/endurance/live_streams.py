"""1,000 streams of 20 events a second at once through a gateway: no event is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator

from calls import new_token
from gateways import HOST, Line, chat, gateway, outcome_of
from loopback import upstream
from measuring import Outcomes, Row, descriptors, program, resident_mb, scaled

STREAMS, EVENTS, GAP = 1000, 300, 0.05
BEGUN_AT_ONCE = 250  # a stream that is live holds nothing up; a thousand that connect at once do
KIB_A_STREAM = 60.0
JUDGED_STREAMS = 500  # fewer do not fill what is allocated in blocks


class Stream(asyncio.Protocol):
    """A client that keeps what it receives, and when; it looks at it after the end."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.received: list[bytes] = []
        self.times: list[float] = []
        self.begun = asyncio.Event()
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]  # a transport of a stream

    def data_received(self, data: bytes) -> None:
        self.begun.set()
        self.received.append(data)
        self.times.append(time.perf_counter())
        if data.endswith(b"0\r\n\r\n"):
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.begun.set()
        if not self.ended.done():
            self.ended.set_result(None)

    def outcome(self, token: str, events: int) -> str:
        """Return `ok` if the numbers of the events are those that the upstream sent, each once and in order."""
        whole = b"".join(self.received)
        if not whole.startswith(b"HTTP/1.1 200"):
            code = re.search(rb'"code": ?"(\w+)"', whole)
            return f"{whole[9:12].decode()} {code[1].decode() if code else ''}" if whole else "closed without an answer"
        numbers = [int(number) for number in re.findall(rb'"%b:(\d+)"' % token.encode(), whole)]
        if numbers != list(range(events)):
            return "lost events" if len(set(numbers)) < events else "events doubled or out of order"
        return "ok" if whole.count(b"data: [DONE]\n\n") == 1 else "no end marker"


async def hold(port: int, pid: int, count: int, events: int, outcomes: Outcomes) -> tuple[float, list[float]]:
    """Return the most resident memory meanwhile, and by how many seconds each event missed its time."""
    loop = asyncio.get_running_loop()
    tokens, streams = [new_token() for _ in range(count)], []
    for token in tokens:
        request = chat(token, stream=True, chunks=events, gap=GAP, numbered=1)
        _, stream = await loop.create_connection(lambda request=request: Stream(request), HOST, port)  # type: ignore[misc]
        streams.append(stream)
        if len(streams) % BEGUN_AT_ONCE == 0:
            await asyncio.gather(*(stream.begun.wait() for stream in streams))
    peak, ended, jitter = 0.0, asyncio.gather(*(stream.ended for stream in streams)), list[float]()
    while not ended.done():
        peak = max(peak, resident_mb(pid))
        await asyncio.wait([ended], timeout=0.5)
    for token, stream in zip(tokens, streams, strict=True):
        outcomes[stream.outcome(token, events)] += 1
        jitter += [abs(b - a - GAP) for a, b in zip(stream.times[2:-3], stream.times[3:-2], strict=True)]
    return peak, jitter


async def warm(port: int, outcomes: Outcomes) -> None:
    line = Line(port)
    for _ in range(50):
        token = new_token()
        outcomes[await outcome_of(line, chat(token, stream=True), token)] += 1
    line.close()


def live_streams(scale: float) -> Iterator[Row]:
    count, events = scaled(STREAMS, scale, 20), scaled(EVENTS, scale, 40)
    with upstream() as server, gateway(server, general="limits: {max_in_flight: 2000}") as running:
        outcomes, before_all = Outcomes(), Outcomes()
        asyncio.run(warm(running.port, before_all))
        before, open_before = resident_mb(running.pid), descriptors(running.pid)
        began = time.perf_counter()
        most, jitter = asyncio.run(hold(running.port, running.pid, count, events, outcomes))
        seconds = time.perf_counter() - began
        kib = (most - before) * 1e6 / 1024 / count
        left, live = server.counts()["open"], server.counts()["peak"]
        after = descriptors(running.pid) - left
        jitter.sort()
        p99 = jitter[int(len(jitter) * 0.99)] * 1e3 if jitter else 0.0
        status, _ = running.end()
        yield Row(
            "live streams of 20 events a second, 1 worker",
            f"{count:,} at once, {events} events each",
            f"{outcomes.shown()}; {live:,} live at the upstream; {kib:.0f} KiB for each stream; "
            f"{count * events / seconds:,.0f} events a second, "
            f"p99 of the jitter {p99:.0f} ms; descriptors {open_before} → {after} besides {left} kept connections",
            held=outcomes == {"ok": count}
            and live == count
            and before_all.only("ok")
            and (kib <= KIB_A_STREAM or count < JUDGED_STREAMS)
            and after <= open_before
            and status == 0
            and not running.tracebacks(),
        )


if __name__ == "__main__":
    program(live_streams)
