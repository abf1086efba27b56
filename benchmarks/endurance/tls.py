"""Calls over TLS with a private authority, also on connections that die."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import trustme
from calls import ASYNC_KINDS, SYNC_KINDS, async_client, client, whole
from loopback import Upstream, upstream
from measuring import TRANSPORTS, LoopRun, Outcomes, Row, aoutcome_of, outcome_of, program, scaled

AT_ONCE = 20


def in_threads(server: Upstream, transport: str, ca_file: str, count: int, outcomes: Outcomes) -> None:
    with client(server.base_url, transport, ca_file=ca_file) as caller, ThreadPoolExecutor(AT_ONCE) as pool:
        kinds = [SYNC_KINDS[number % len(SYNC_KINDS)] for number in range(count)]
        outcomes.update(pool.map(lambda kind: outcome_of(kind, caller), kinds))


async def in_tasks(server: Upstream, transport: str, ca_file: str, count: int, outcomes: Outcomes) -> None:
    async with async_client(server.base_url, transport, ca_file=ca_file) as caller:
        left = iter(range(count))

        async def worker() -> None:
            for number in left:
                outcomes[await aoutcome_of(ASYNC_KINDS[number % len(ASYNC_KINDS)](caller))] += 1

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def private_authority(scale: float) -> Iterator[Row]:
    count = scaled(400, scale, AT_ONCE)
    with tempfile.TemporaryDirectory() as name:
        authority, folder = trustme.CA(), Path(name)
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        ca_file = str(folder / "ca.pem")
        for transport in TRANSPORTS:
            with upstream(certificate=folder / "server.pem", cut=0.2) as server:
                run, uvloop_run, outcomes = LoopRun("asyncio"), LoopRun("uvloop"), Outcomes()
                in_threads(server, transport, ca_file, count, outcomes)
                run.run(in_tasks(server, transport, ca_file, count // 2, outcomes))
                uvloop_run.run(in_tasks(server, transport, ca_file, count // 2, outcomes))
                counts, left = server.counts(), server.closed()
                yield Row(
                    f"TLS, {AT_ONCE} threads and {AT_ONCE} tasks, 20% of connections die, {transport}",
                    f"{outcomes.total():,} calls",
                    f"{counts['cuts']} cuts; {outcomes.shown()}; {counts['duplicates']} sent twice; "
                    f"{len(run.complaints + uvloop_run.complaints)} complaints of the loops; {left} sockets left",
                    held=outcomes.only("ok")
                    and not counts["duplicates"]
                    and not left
                    and run.is_clean
                    and uvloop_run.is_clean,
                )
                with client(server.base_url, transport) as stranger:
                    refused = outcome_of(whole, stranger)
                yield Row(
                    f"the same server without `ca_file`, {transport}",
                    "1 call",
                    refused,
                    held=refused == "failed: APIConnectionError",
                )


if __name__ == "__main__":
    program(private_authority)
