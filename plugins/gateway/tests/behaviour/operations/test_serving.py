"""`llmgate serve` in a process of its own: what it prints, refuses, logs and counts."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmgate_core.testing import Answer


def test_it_prints_the_address_that_is_bound_the_models_and_the_warnings(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    assert gateway.port > 0
    lines = gateway.wait_for(lambda: gateway.err[1:2] and gateway.err, "models")
    assert lines[0] == f"llmgate gateway listening on http://127.0.0.1:{gateway.port}\n"
    assert lines[1] == "models: m\n"
    assert gateway.chat()[0] == 200
    assert gateway.stop() == 0
    assert upstream.received[0]["headers"]["authorization"] == "Bearer sk-upstream-0123456789abcdef"


def test_one_model_is_served_without_a_config(gateways: Any) -> None:
    gateway = gateways.start("--model", "openai/gpt-4o", config=False)
    status, _, body = gateway.ask("GET", "/v1/models")
    assert (status, [model["id"] for model in json.loads(body)["data"]]) == (200, ["openai/gpt-4o", "*"])


def test_a_wrong_config_is_told_whole_before_the_port_opens(gateways: Any) -> None:
    gateways.config.write_text(
        "model_list:\n"
        "  - model_name: m\n"
        "    params: {model: opnai/gpt-4o, api_key: os.environ/NOT_SET_ANYWHERE, max_retrys: 1}\n"
        "general_setings: {}\n"
    )
    gateway = gateways.start(wait=False)
    assert gateway.end() == 2
    text = "".join(gateway.err)
    places = re.findall(r"^.*config\.yaml:(\d+):\d+: ", text, re.MULTILINE)
    assert {"3", "4"} <= set(places)
    assert "general_setings" in text
    assert "NOT_SET_ANYWHERE" in text
    assert "listening" not in text
    assert gateway.out == []


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--port", "70000"), "0 to 65535"),
        (("--workers", "0"), "1 to 256"),
        (("--host", "0.0.0.0"), "--insecure-no-auth"),
    ],
)
def test_a_wrong_flag_is_refused_with_status_2(gateways: Any, flags: tuple[str, ...], words: str) -> None:
    gateways.write(None)
    gateway = gateways.start(*flags, wait=False, port=None)
    assert gateway.end() == 2
    assert words in "".join(gateway.err)


def test_neither_a_config_nor_a_model_is_refused(gateways: Any) -> None:
    gateway = gateways.start(wait=False, config=False)
    assert gateway.end() == 2
    assert "--config" in "".join(gateway.err)
    gateway = gateways.start("--model", "openai/gpt-4o", "--reload", wait=False, config=False)
    assert gateway.end() == 2


def test_an_address_for_all_needs_a_key_or_the_flag(gateways: Any) -> None:
    gateways.write(None)
    gateway = gateways.start("--host", "0.0.0.0", "--insecure-no-auth")
    assert gateway.wait_line("anyone who can reach this address")
    assert "listening on http://0.0.0.0:" in gateway.err[0]


def test_a_port_that_is_taken_is_said_and_ends_with_status_1(gateways: Any) -> None:
    gateways.write(None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway = gateways.start(wait=False, port=taken.getsockname()[1])
        assert gateway.end() == 1
    assert "Address already in use" in "".join(gateway.err)


def test_a_request_is_logged_and_counted(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    upstream.answers.append(Answer.json({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429))
    assert gateway.chat(model="m")[0] == 429
    assert gateway.chat()[0] == 200
    assert gateway.chat(model="nobody")[0] == 404
    _, headers, text = gateway.ask("GET", "/metrics")
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    counted = {
        (sample.labels["deployment"], sample.labels["status"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == "llmgate_requests_total"
    }
    assert counted == {("m", "429", "failed"): 1.0, ("m", "200", "finished"): 1.0, ("", "404", "refused"): 1.0}
    assert gateway.stop() == 0
    records = gateway.records()
    said = [(one["status"], one["outcome"], one.get("deployment"), one["requested_model"]) for one in records]
    assert said == [
        (429, "failed", "m", "m"),
        (200, "finished", "m", "m"),
        (404, "refused", None, "nobody"),
    ]
    assert records[1]["input_tokens"] == 3
    assert records[1]["cost_usd"] > 0
    assert records[1]["plugin"] == "llmgate-openai-chat"
    assert len({record["request_id"] for record in records}) == 3


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": -3, "completion_tokens": 1.5}, "many", [1], {"prompt_tokens": 1e300}]
)
def test_odd_usage_fails_nothing_and_no_counter_falls(gateways: Any, upstream: Any, usage: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    answer = {"id": "c", "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]}
    assert gateway.chat()[0] == 200
    upstream.answers.append(Answer.json({**answer, "usage": usage}))
    assert gateway.chat()[0] == 200
    text = gateway.ask("GET", "/metrics")[2].decode()
    assert 'llmgate_input_tokens_total{client="",deployment="m",family="chat"} 3.0' in text
    assert 'llmgate_requests_total{client="",deployment="m",family="chat",outcome="finished",status="200"} 2.0' in text


def test_the_log_is_one_line_a_request_whatever_a_client_sends(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    odd = 'm\r\n{"forged": true}\x1b[2J\u2028\x7f'
    assert gateway.chat(model=odd)[0] == 404
    assert gateway.ask("POST", "/v1/x%0d%0ay", {})[0] == 404
    assert gateway.stop() == 0
    records = gateway.records()
    assert [record["status"] for record in records] == [404, 404]
    assert records[0]["requested_model"] == odd


def test_no_prompt_no_answer_and_no_key_is_written(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream, "master_key: sk-master-canary-7f3a9")
    gateway = gateways.start("--detailed_debug")
    key = {"authorization": "Bearer sk-master-canary-7f3a9"}
    upstream.answers.append(Answer.json({"error": {"message": "bad key sk-upstream-0123456789abcdef"}}, 401))
    body = {"model": "m", "messages": [{"role": "user", "content": "CANARY-PROMPT"}]}
    assert gateway.ask("POST", "/v1/chat/completions", body, **key)[0] == 502
    assert gateway.ask("POST", "/v1/chat/completions", body, **key)[0] == 200
    assert gateway.ask("POST", "/v1/chat/completions", body)[0] == 401
    gateway.ask("GET", "/metrics", **key)
    gateway.ask("POST", "/explain", {"body": body}, **key)
    assert gateway.stop() == 0
    written = "".join(gateway.out + gateway.err)
    for canary in ("CANARY-PROMPT", "sk-upstream-0123456789abcdef", "0123456789ab", "sk-master-canary", "hello"):
        assert canary not in written


def test_detailed_debug_shows_what_goes_out_with_the_organization_and_no_key(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream, "forward_openai_org_id: true")
    gateway = gateways.start("--detailed_debug")
    gateway.ask(
        "POST",
        "/v1/chat/completions",
        {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
        **{"openai-organization": "my-special-org"},
    )
    assert gateway.wait_line("my-special-org")
    assert gateway.stop() == 0
    assert "sk-upstream" not in "".join(gateway.err)


@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_closed_streams_fail_no_request(gateways: Any, upstream: Any, closed: str) -> None:
    gateways.write(upstream)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    close = {"stdout": ">&-", "stderr": "2>&-", "both": ">&- 2>&-"}[closed]
    code = (
        "import argparse\nfrom llmgate_gateway.commands.serve import command\np = argparse.ArgumentParser()\n"
        "command.add_arguments(p)\nraise SystemExit(command.run(p.parse_args()))\n"
    )
    shell = f'exec "$0" -c "$1" --config "$2" --port "$3" {close}'
    process = subprocess.Popen(
        ["/bin/sh", "-c", shell, sys.executable, code, str(gateways.config), str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if closed == "stderr" else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "UPSTREAM_KEY": "sk-upstream-0123456789abcdef"},
    )
    try:
        gateways.until(lambda: _answers(port), 20)
        for _ in range(5):
            assert _chat(port) == 200
    finally:
        process.terminate()
        assert process.wait(20) == 0
        if process.stdout is not None:
            process.stdout.close()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as sock:
            sock.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            return b"200" in sock.recv(100)
    except OSError:
        return False


def _chat(port: int) -> int:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n" % len(body))
        sock.sendall(b"connection: close\r\ncontent-type: application/json\r\n\r\n" + body)
        return int(sock.makefile("rb").readline().split()[1])
