"""The gateway as an app of another ASGI server, which has none of the extensions of our own: uvicorn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.web_process import web_process

KEY = {"authorization": "Bearer sk-client-0123456789"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
WHOLE = {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]}
PROGRAM = 'from llmgate_gateway import create_app\n\napp = create_app("config.yaml")\n'
CONFIG = """
model_list: [{{model_name: m, params: {{model: openai/gpt-4o, api_key: sk-x, api_base: "{url}"}}}}]
general_settings: {{master_key: sk-client-0123456789, limits: {{max_json_body: 1000}}}}
"""


def piece(number: int) -> str:
    return json.dumps({"id": "c", "choices": [{"index": 0, "delta": {"content": f"{number} "}}]})


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as made:
        yield made


@pytest.fixture(scope="module")
def client(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("other")
    folder.joinpath("program.py").write_text(PROGRAM)
    folder.joinpath("config.yaml").write_text(CONFIG.format(url=upstream.base_url))
    folder.joinpath("config.yaml").chmod(0o600)
    with web_process("program:app", folder=folder) as url, httpx.Client(base_url=url, trust_env=False) as made:
        yield made


def test_whole_answers_and_refusals(client: httpx.Client, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(WHOLE))
    answer = client.post("/v1/chat/completions", json=CHAT, headers=KEY)
    assert (answer.status_code, answer.json()["choices"]) == (200, WHOLE["choices"])
    assert client.post("/v1/chat/completions", json=CHAT).status_code == 401
    assert client.post("/v1/chat/completions", json={**CHAT, "user": "x" * 2000}, headers=KEY).status_code == 413
    assert client.get("/livez").status_code == 200


def test_a_stream_comes_piece_by_piece_and_ends(client: httpx.Client, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse([piece(0), piece(1)]))
    with client.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}, headers=KEY) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert lines == [f"data: {piece(0)}", f"data: {piece(1)}", "data: [DONE]"]


def test_a_client_that_leaves_ends_the_upstream(client: httpx.Client, upstream: FakeUpstream) -> None:
    endless = (f"data: {piece(number)}\n\n".encode() for number in count())
    upstream.answers.append(Answer(200, endless, {"content-type": "text/event-stream"}))
    gone = len(upstream.disconnected)
    with client.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}, headers=KEY) as answer:
        assert next(answer.iter_lines()) == f"data: {piece(0)}"
    upstream.wait_disconnect(count=gone + 1)
