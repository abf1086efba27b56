"""Stopping, reloading and workers, with real signals to real processes under load."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core.testing import Answer

STREAMS = 20
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
JSON = {"content-type": "application/json"}


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}  # fmt: skip  # noqa: E501


def held_stream(hold: threading.Event) -> Answer:
    """One event, then silence until `hold` is set, then the end."""
    answer = Answer.sse([piece("one"), piece("two", "stop")])
    return Answer(answer.status, answer.body, answer.headers, hold=hold, hold_at=1)


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_lets_every_stream_finish_and_takes_nothing_new(gateways: Any, upstream: Any, hold: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    upstream.otherwise = held_stream(hold)
    with contextlib.closing(gateway.connection()) as idle:
        idle.request("GET", "/readyz")
        assert (idle.getresponse().read(), True)[1]
        streams = [gateway.stream() for _ in range(STREAMS)]
        firsts = [answer.read1() for _, answer in streams]
        assert all(firsts)
        gateway.signal(signal.SIGTERM)
        gateways.until(lambda: refuses(gateway.port))
        idle.request("GET", "/readyz")
        answer = idle.getresponse()
        assert (answer.status, answer.getheader("connection")) == (503, "close")
        answer.read()
    assert gateway.process.poll() is None
    hold.set()
    for _, answer in streams:
        assert answer.read().endswith(b"data: [DONE]\n\n")
    assert gateway.end() == 0
    for connection, _ in streams:
        connection.close()
    assert [record["outcome"] for record in gateway.records() if record.get("stream")] == ["finished"] * STREAMS


def test_what_is_not_done_within_the_drain_is_told_so(gateways: Any, upstream: Any, hold: Any) -> None:
    gateways.write(upstream, "drain_timeout: 0.5")
    gateway = gateways.start()
    upstream.otherwise = held_stream(hold)
    streams = [gateway.stream() for _ in range(STREAMS)]
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    for connection, answer in streams:
        text = answer.read()
        assert text.count(b"data: [DONE]\n\n") == 1
        *_, error, done = [event for event in text.split(b"\n\n") if event]
        assert done == b"data: [DONE]"
        assert json.loads(error.removeprefix(b"data: "))["error"]["message"]
        connection.close()
    assert gateway.end() == 0
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once_with_status_0(gateways: Any, upstream: Any, hold: Any, number: int) -> None:
    gateways.write(upstream, "drain_timeout: 600")
    gateway = gateways.start()
    upstream.otherwise = held_stream(hold)
    connection, answer = gateway.stream()
    gateway.signal(number)
    gateway.wait_line("stopping")
    gateway.signal(number)
    assert answer.read().endswith(b"data: [DONE]\n\n")
    assert gateway.end() == 0
    connection.close()


def test_a_request_that_waits_for_its_upstream_is_answered_in_the_drain(
    gateways: Any, upstream: Any, hold: Any
) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    upstream.answers.append(Answer(200, upstream.otherwise.body, {"content-type": "application/json"}, hold=hold))
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(gateway.chat()[0]))
    asking.start()
    upstream.wait_received(1)
    gateway.signal(signal.SIGTERM)
    gateway.wait_line("stopping")
    hold.set()
    asking.join(10)
    assert (answers, gateway.end()) == ([200], 0)


def test_an_idle_gateway_stops_at_once(gateways: Any) -> None:
    gateways.write(None)
    gateway = gateways.start()
    assert gateway.stop() == 0


# --- new configs ---


class Load:
    """Threads that ask without a pause; every answer that is not a 200 is kept."""

    def __init__(self, ask: Callable[[], tuple[int, Any, bytes]], threads: int = 3) -> None:
        self.wrong: list[object] = []
        self.count = 0
        self._ask = ask
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                status, _, body = self._ask()
            except OSError as error:
                self.wrong.append(repr(error))
                continue
            if status != 200:
                self.wrong.append((status, body))
            self.count += 1

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(20)


def test_sighup_takes_a_new_config_and_refuses_a_wrong_one_without_a_failed_request(
    gateways: Any, upstream: Any
) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    good = gateways.config.read_text()
    with Load(gateway.chat) as load:
        for number in range(10):
            gateways.config.write_text(f"{good}\ngeneral_settings: {{cors: {{max_age: {number}}}}}\n")
            gateway.signal(signal.SIGHUP)
            gateway.wait_for(lambda n=number: _count(gateway, "a new config was loaded") == n + 1, "a new config")
            gateways.config.write_text(good.replace("model_list", "model_lst"))
            gateway.signal(signal.SIGHUP)
            gateway.wait_for(lambda n=number: _count(gateway, "model_lst") >= n + 1, "an error")
    assert load.wrong == []
    assert load.count > 20
    lines = [json.loads(line) for line in gateway.err if "model_lst" in line]
    assert re.search(r"the new config was rejected and the old one stays: .*config\.yaml:1:1: ", lines[0]["message"])
    assert lines[0]["level"] == "error"
    text = gateway.ask("GET", "/metrics")[2].decode()
    assert 'llmgate_config_reloads_total{result="taken"} 10.0' in text
    assert 'llmgate_config_reloads_total{result="refused"} 10.0' in text


def test_a_new_config_brings_its_limits(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    assert gateway.ask("GET", "/livez", x="y" * 20_000)[0] == 200
    gateways.write(upstream, "limits: {max_header: 10000}")
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("a new config was loaded")
    assert gateway.ask("GET", "/livez", x="y" * 20_000)[0] == 431


def test_what_a_new_config_cannot_change_is_said(gateways: Any, upstream: Any, tmp_path: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    gateways.write(upstream, f"log: {{file: {tmp_path / 'other.log'}}}")
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("general_settings.log.file has changed; it takes effect when the server is restarted")


def test_a_stream_keeps_the_config_that_it_began_with(gateways: Any, upstream: Any, hold: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    upstream.answers.append(held_stream(hold))
    connection, answer = gateway.stream()
    gateways.config.write_text(gateways.config.read_text().replace("model_name: m", "model_name: other"))
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("a new config was loaded")
    assert gateway.chat()[0] == 404
    assert gateway.chat(model="other")[0] == 200
    hold.set()
    assert answer.read().endswith(b"data: [DONE]\n\n")
    connection.close()


def test_a_changed_file_is_taken_by_itself(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start("--reload")
    gateways.config.write_text(gateways.config.read_text().replace("model_name: m", "model_name: other"))
    gateway.wait_line("a new config was loaded")
    assert gateway.chat(model="other")[0] == 200
    gateways.config.write_text("model_list: [\n")
    gateway.wait_line("the old one stays")
    assert gateway.chat(model="other")[0] == 200


def test_a_new_config_never_lays_an_address_open(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream, "master_key: sk-a-long-key-for-clients-7c1")
    gateway = gateways.start("--host", "0.0.0.0")
    gateways.write(upstream)
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("no key is set")
    assert gateway.chat()[0] == 401


# --- workers ---


def _count(gateway: Any, text: str) -> int:
    return sum(text in line for line in gateway.err)


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(text) for text in file.read().split()]


def test_workers_serve_share_their_metrics_and_stop_with_their_parent(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start("--workers", "2")
    workers = gateways.until(lambda: len(found := children(gateway.process.pid)) == 2 and found)
    for _ in range(20):
        assert gateway.chat()[0] == 200
    wanted = 'llmgate_requests_total{client="",deployment="m",family="chat",outcome="finished",status="200"} 20.0'
    for _ in range(10):
        assert wanted in gateway.ask("GET", "/metrics")[2].decode()
    assert gateway.stop() == 0
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)
    assert len([record for record in gateway.records() if record.get("family") == "chat"]) == 20


def test_a_worker_that_is_killed_is_replaced_while_the_other_serves(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start("--workers", "2")
    first = gateways.until(lambda: len(found := children(gateway.process.pid)) == 2 and found)
    with Load(gateway.chat, threads=2) as load:
        gateways.until(lambda: load.count > 10)
        os.kill(first[0], signal.SIGKILL)
        gateways.until(lambda: len(found := children(gateway.process.pid)) == 2 and first[0] not in found)
        sofar = load.count
        gateways.until(lambda: load.count > sofar + 20)
    assert len(load.wrong) <= 2  # what the dead worker held
    assert gateway.wait_line("ended by signal 9")
    wanted = re.compile(r'llmgate_requests_total\{client="",deployment="m",.*status="200"\} (\d+)')
    counts = [int(wanted.search(gateway.ask("GET", "/metrics")[2].decode()).group(1)) for _ in range(6)]  # type: ignore[union-attr]
    assert counts == sorted(counts)
    assert load.count - len(load.wrong) - 2 <= counts[0] <= load.count


def test_a_worker_that_keeps_dying_is_started_ever_more_slowly(gateways: Any) -> None:
    gateways.write(None)
    gateway = gateways.start("--workers", "2")
    waits: list[float] = []
    for turn in range(4):
        worker = gateways.until(lambda: len(found := children(gateway.process.pid)) == 2 and max(found))
        os.kill(worker, signal.SIGKILL)
        line = gateway.wait_for(
            lambda n=turn: [text for text in gateway.err if "ended by signal 9" in text][n:], "a death"
        )[0]
        waits.append(float(json.loads(line)["message"].rsplit(" in ", 1)[1].removesuffix(" s")))
    assert waits == sorted(waits)
    assert waits[0] == 0
    assert waits[-1] > 0


STUCK_PLUGIN = """
import time
from llmgate_core.plugin import OpenAICompatible, ProviderInfo, hookimpl

class Stuck(OpenAICompatible):
    info = ProviderInfo(api=(1, 0), name="stuck", base_url="http://127.0.0.1:9", env_key="STUCK_API_KEY")

    @hookimpl
    def transform_request(self, call, route):
        time.sleep(1000)

plugin = Stuck()
"""


def test_a_hook_that_never_returns_is_named_and_its_worker_replaced(gateways: Any, tmp_path: Any) -> None:
    packages = tmp_path / "site"
    metadata = packages / "llmgate_stuck-1.0.dist-info"
    metadata.mkdir(parents=True)
    (packages / "llmgate_stuck.py").write_text(STUCK_PLUGIN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: llmgate-stuck\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[llmgate.chat]\nstuck = llmgate_stuck:plugin\n")
    gateways.config.write_text(
        "model_list:\n  - {model_name: m, litellm_params: {model: stuck/x, api_key: sk-stuck-0123456789}}\n"
    )
    gateway = gateways.start("--workers", "2", PYTHONPATH=str(packages))
    first = gateways.until(lambda: len(found := children(gateway.process.pid)) == 2 and found)
    with contextlib.closing(gateway.connection()) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(ASKED), JSON)
        assert "transform_request" in gateway.wait_line("blocked in llmgate_stuck")
        assert gateway.wait_line("ended with status 70")
        gateways.until(lambda: len(found := children(gateway.process.pid)) == 2 and set(found) - set(first))
    for _ in range(10):
        assert gateway.ask("GET", "/livez")[0] == 200


def test_sigterm_drains_all_workers(gateways: Any, upstream: Any, hold: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start("--workers", "2")
    upstream.otherwise = held_stream(hold)
    streams = [gateway.stream() for _ in range(8)]
    gateway.signal(signal.SIGTERM)
    gateways.until(lambda: refuses(gateway.port))
    hold.set()
    for connection, answer in streams:
        assert answer.read().endswith(b"data: [DONE]\n\n")
        connection.close()
    assert gateway.end() == 0


def test_a_second_sigterm_ends_all_workers_at_once(gateways: Any, upstream: Any, hold: Any) -> None:
    gateways.write(upstream, "drain_timeout: 600")
    gateway = gateways.start("--workers", "2")
    upstream.otherwise = held_stream(hold)
    streams = [gateway.stream() for _ in range(4)]
    gateway.signal(signal.SIGTERM)
    gateways.until(lambda: refuses(gateway.port))
    gateway.signal(signal.SIGTERM)
    for connection, answer in streams:
        assert answer.read().endswith(b"data: [DONE]\n\n")
        connection.close()
    assert gateway.end() == 0


def test_workers_take_a_new_config(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start("--workers", "2")
    gateways.until(lambda: len(children(gateway.process.pid)) == 2)
    good = gateways.config.read_text()
    gateways.config.write_text("model_lst: []\n")
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("the old one stays")
    gateways.config.write_text(good.replace("model_name: m", "model_name: other"))
    gateway.signal(signal.SIGHUP)
    gateway.wait_for(lambda: _count(gateway, "a new config was loaded") == 2, "both workers' word")
    for worker in children(gateway.process.pid)[:1]:
        os.kill(worker, signal.SIGKILL)
        gateways.until(lambda dead=worker: len(found := children(gateway.process.pid)) == 2 and dead not in found)
    for _ in range(10):
        assert gateway.chat(model="other")[0] == 200


def test_workers_end_when_their_parent_is_killed(gateways: Any) -> None:
    gateways.write(None)
    gateway = gateways.start("--workers", "2")
    workers = gateways.until(lambda: len(found := children(gateway.process.pid)) == 2 and found)
    gateway.signal(signal.SIGKILL)
    gateways.until(lambda: not any(os.path.exists(f"/proc/{worker}") for worker in workers))


def test_a_terminals_interrupt_which_all_processes_get_drains_once(gateways: Any, upstream: Any, hold: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start("--workers", "2")
    upstream.otherwise = held_stream(hold)
    connection, answer = gateway.stream()
    for pid in [*children(gateway.process.pid), gateway.process.pid]:
        os.kill(pid, signal.SIGINT)
    gateways.until(lambda: refuses(gateway.port))
    assert gateway.process.poll() is None
    hold.set()
    assert answer.read().endswith(b"data: [DONE]\n\n")
    assert gateway.end() == 0
    connection.close()
