"""Every example runs as it stands, in a process of its own, against a server on the loopback."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.openai_upstream import answered
from tests.support.web_process import web_process

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.iterdir() if path.name != "README.md" and path.name[0] not in "._")
MAX_LINES = 80
PATIENCE_SECONDS = 60
NOTEBOOK = EXAMPLES / "notebook_async.ipynb"
SKELETON = EXAMPLES / "plugin_skeleton"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = answered
        yield running


def environment(upstream: FakeUpstream, **more: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-example-0123456789", "OPENAI_BASE_URL": upstream.base_url, **more}


def run(*command: str, folder: Path, variables: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cells() -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_every_example_has_a_row_in_the_readme_and_is_short() -> None:
    page = (EXAMPLES / "README.md").read_text("utf-8")
    assert [name for name in PROGRAMS if f"]({name})" not in page] == []
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in EXAMPLES.rglob("*.py")}
    lengths[NOTEBOOK.name] = sum(len(cell.splitlines()) for cell in cells())
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_the_agent_calls_the_function_and_gives_its_result_back(upstream: FakeUpstream, tmp_path: Path) -> None:
    printed = run(str(EXAMPLES / "agent_loop.py"), folder=tmp_path, variables=environment(upstream))
    assert printed.splitlines()[-1] == "Hello!"
    first, second = (request["json"] for request in upstream.received)
    assert [message["role"] for message in first["messages"]] == ["user"]
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool"]
    assert second["messages"][2] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "Paris: 12 degrees, light rain",
    }


def test_the_web_app_answers_whole_and_streamed_and_reports_a_failed_upstream(upstream: FakeUpstream) -> None:
    question = {"text": "Count to three."}
    with (
        web_process("fastapi_app:app", folder=EXAMPLES, **environment(upstream)) as url,
        httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client,
    ):
        assert client.post("/chat", json=question).json()["text"] == "Hello!"
        assert client.post("/chat/stream", json=question).text == "one two three"
        upstream.answers.append(Answer.json({"error": {"message": "no such model sk-example-0123456789"}}, 404))
        failed = client.post("/chat/stream", json=question)
    assert (failed.status_code, failed.json()) == (502, {"error": "no answer from the model (NotFoundError)"})


def test_the_cells_of_the_notebook_run_in_order(upstream: FakeUpstream, tmp_path: Path) -> None:
    runner = tmp_path / "run_cells.py"
    runner.write_text(
        "import asyncio, inspect, json, sys\n"
        "async def main():\n"
        "    cells, names = json.load(open(sys.argv[1])), {}\n"
        "    for cell in cells:\n"
        f"        code = compile(cell, 'cell', 'exec', flags={ast.PyCF_ALLOW_TOP_LEVEL_AWAIT})\n"
        "        result = eval(code, names)\n"
        "        if inspect.iscoroutine(result):\n"
        "            await result\n"
        "asyncio.run(main())\n",
        "utf-8",
    )
    (tmp_path / "cells.json").write_text(json.dumps(cells()), "utf-8")
    printed = run(str(runner), "cells.json", folder=tmp_path, variables=environment(upstream))
    lines = printed.splitlines()
    assert lines[0] == "Hello! 6.9e-06"
    assert "one two three" in printed
    assert printed.count("-> Hello!") == 3
    assert lines[-1].startswith("US dollars: 2.07")


def test_the_plugin_installs_answers_and_passes_its_own_tests(upstream: FakeUpstream, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site), str(SKELETON))
    run(*pip, folder=tmp_path, variables={})
    variables = {"PYTHONPATH": str(site), "ACME_API_KEY": "acme-key"}
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(SKELETON / "tests"), folder=tmp_path, variables=variables)
    call = (
        "from llmgate_core import completion\n"
        f"answer = completion('acme/large', [], api_base={upstream.base_url!r}, max_tokens=5)\n".replace(
            "[]", "[{'role': 'user', 'content': 'hi'}]"
        )
        + "print(answer.choices[0].message.content, *answer.ledger)\n"
    )
    printed = run("-c", call, folder=tmp_path, variables=variables)
    assert printed.startswith("Hello! max_tokens renamed")
    assert upstream.received[0]["headers"]["authorization"] == "Bearer acme-key"
