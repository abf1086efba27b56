"""What the process writes about itself: one format, bounded, whole lines, and nothing of a client's."""

from __future__ import annotations

import json
import re
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer

BROKEN_PLUGIN = """
from llmgate_core.plugin import OpenAICompatible, ProviderInfo, hookimpl

class Broken(OpenAICompatible):
    info = ProviderInfo(api=(1, 0), name="broken", base_url="http://127.0.0.1:9", env_key="BROKEN_API_KEY")

    @hookimpl
    def transform_request(self, call, route):
        return {}[call.body["messages"][0]["content"]]

plugin = Broken()
"""


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
@pytest.mark.parametrize("keys", ["general", "LiteLLM's"])
def test_with_the_json_format_every_line_is_json(
    gateways: Any, upstream: Any, flags: tuple[str, ...], keys: str
) -> None:
    gateways.write(upstream, "log: {format: json}" if keys == "general" else "")
    if keys != "general":
        others = "litellm_settings: {json_logs: true, set_verbose: true}\n"
        gateways.config.write_text(gateways.config.read_text() + others)
    gateway = gateways.start(*flags)
    assert gateway.chat()[0] == 200
    assert gateway.stop() == 0
    lines = [json.loads(line) for line in gateway.err]
    assert "listening on http" in lines[0]["message"]
    assert {line["level"] for line in lines} <= {"info", "warning", "debug"}
    assert any("no key is set" in line["message"] for line in lines if line["level"] == "warning")


def test_with_the_json_format_a_port_that_is_taken_is_json_too(gateways: Any) -> None:
    gateways.write(None, "log: {format: json}")
    first = gateways.start()
    second = gateways.start(port=first.port, wait=False)
    assert second.end() == 1
    (line,) = map(json.loads, second.err)
    assert (line["level"], "cannot listen" in line["message"]) == ("error", True)


def test_equal_faults_are_written_once_a_second_with_their_number(gateways: Any, tmp_path: Path) -> None:
    packages = tmp_path / "site"
    metadata = packages / "llmgate_broken-1.0.dist-info"
    metadata.mkdir(parents=True)
    (packages / "llmgate_broken.py").write_text(BROKEN_PLUGIN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: llmgate-broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[llmgate.chat]\nbroken = llmgate_broken:plugin\n")
    gateways.config.write_text(
        "model_list:\n  - {model_name: m, litellm_params: {model: broken/x, api_key: sk-broken-0123456789}}\n"
    )
    gateway = gateways.start(PYTHONPATH=str(packages))
    began = time.monotonic()
    for _ in range(40):
        status, _, body = gateway.chat(messages=[{"role": "user", "content": "CANARY-4711"}])
        assert (status, json.loads(body)["error"]["code"]) == (500, "plugin_error")
    seconds = time.monotonic() - began
    time.sleep(1.1)
    assert gateway.chat(messages=[{"role": "user", "content": "CANARY-4711"}])[0] == 500
    assert gateway.stop() == 0
    lines = [json.loads(line) for line in gateway.err if "transform_request" in line]
    assert 2 <= len(lines) <= seconds + 2
    counted = sum(int(match[1]) for line in lines if (match := re.search(r"\((\d+) more in between", line["message"])))
    assert counted + len(lines) == 41
    assert "KeyError" in lines[0]["message"]
    assert "llmgate_broken.py" in lines[0]["message"]
    assert "CANARY" not in "".join(gateway.err + gateway.out)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")
def test_a_line_that_was_cut_by_a_full_disk_spoils_no_other(gateways: Any, upstream: Any, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    gateways.write(upstream, f"log: {{file: {file}}}")
    gateway = gateways.start()
    assert gateway.chat()[0] == 200
    gateways.until(lambda: file.exists() and file.read_bytes().endswith(b"\n"))
    length, pid = file.stat().st_size, gateway.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (length + length // 2, hard))
    assert gateway.chat()[0] == 200
    gateways.until(lambda: lost_lines(gateway) == 1)
    assert gateway.chat()[0] == 200
    gateways.until(lambda: lost_lines(gateway) == 2)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    for _ in range(3):
        assert gateway.chat()[0] == 200
    assert gateway.stop() == 0
    first, half, *others = file.read_text().splitlines()
    assert json.loads(first)["status"] == 200
    assert first.startswith(half[:20])
    assert not half.endswith("}")
    assert [json.loads(line)["status"] for line in others] == [200, 200, 200]


def lost_lines(gateway: Any) -> float:
    text = gateway.ask("GET", "/metrics")[2].decode()
    return float(next(line for line in text.splitlines() if line.startswith("llmgate_log_lines_lost_total")).split()[1])


def test_a_dropped_parameter_shows_in_the_log_without_its_value(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream, settings="{drop_params: true}")
    text = gateways.config.read_text()
    gateways.config.write_text(text.replace("openai/gpt-4o", "openai/gpt-5"))
    gateway = gateways.start()
    for number in range(5):
        body = {"prediction": f"PRIVATE-{number}", "stop": [1, "PRIVATE"], "temperature": 0.5, "PRIVATE": 1}
        status, _, _ = gateway.ask(
            "POST",
            "/v1/chat/completions?PRIVATE=PRIVATE",
            {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body},
        )
        assert status in (200, 400)
    assert gateway.stop() == 0
    assert "PRIVATE" not in "".join(gateway.out + gateway.err)
    assert "Warning" not in "".join(gateway.err)
    (ledger,) = {tuple(record.get("ledger", ())) for record in gateway.records()}
    assert any(entry.startswith("temperature dropped") for entry in ledger)


def test_the_error_of_an_upstream_is_no_prompt_in_the_log(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    upstream.otherwise = Answer.json({"error": {"message": "bad CANARY-1", "param": "CANARY-2"}}, 400)
    gateway = gateways.start("--detailed_debug")
    assert gateway.chat()[0] == 400
    assert gateway.stop() == 0
    assert "CANARY" not in "".join(gateway.out + gateway.err)
