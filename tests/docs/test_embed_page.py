"""Every program of `docs/gateway/embed.md` runs as it stands, against a real small model on this machine.

Each has a process of its own in a folder with the page's config, so that what it imports, warns of and leaves behind is
its own; there it runs first against a server, with another address and without the transport. What the model says is
its affair; that it said something, and how it got there, is checked.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.gateway_pages import FOLDER, blocks
from tests.support.gateway_process import GatewayProcess, clean_environment, gateway_process
from tests.support.web_process import web_process

PAGE = FOLDER / "embed.md"
PATIENCE_SECONDS = 120
APPS = ("FastAPI and Starlette", "FastAPI and Starlette, 2")
OFFLINE = {
    "LANGSMITH_TRACING": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "PYTHONWARNINGS": "error::ResourceWarning",
}
"""Nothing is to be sent anywhere but to this machine."""
LOOSE_ENDS = ("was destroyed but it is pending", "never retrieved", "ResourceWarning", "Traceback")


def programs() -> dict[str, str]:
    """Return heading -> program; a further one below the same heading has a number."""
    headings = [(match.start(), match[1]) for match in re.finditer(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)]
    lines = {name: PAGE.read_text("utf-8").count("\n", 0, start) for start, name in headings}
    found: dict[str, str] = {}
    for block in blocks(PAGE):
        if block.language == "py":
            name = next(name for name in reversed(lines) if lines[name] < block.line)
            found[name if name not in found else f"{name}, 2"] = block.text
    return found


PROGRAMS = programs()
SCRIPTS = {name: text for name, text in PROGRAMS.items() if name not in APPS}
each_script = pytest.mark.parametrize("name", list(SCRIPTS))


HTTP_CLIENT = re.compile(r",?\s*http_client=http\b")
NEXT = "-- the next program --"
RUN_IN_TURN = f"""
import gc, runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path, run_name="__main__")
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        print({NEXT!r}, file=stream, flush=True)
"""


def with_config(folder: Path) -> Path:
    (config,) = (block.text for block in blocks(PAGE) if block.language == "yaml")
    (folder / "config.yaml").write_text(config, "utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return with_config(tmp_path)


def run_in_turn(programs: list[str], folder: Path) -> tuple[list[str], list[str]]:
    """Run programs in one process, which imports a framework once, to its end.

    Returns:
        What each printed, and what each said on standard error; last what was printed and said at the end.
    """
    paths = [folder / f"program_{number}.py" for number in range(len(programs))]
    for path, program in zip(paths, programs, strict=True):
        path.write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUN_IN_TURN, *(path.name for path in paths)],
        cwd=folder,
        env=clean_environment(**OFFLINE),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(NEXT), done.stderr.split(NEXT)


def test_the_page_has_a_program_for_each_way_and_framework() -> None:
    wanted = ["OpenAI's SDK", "OpenAI's SDK, async", "LangChain", "pydantic-ai", "openai-agents", "LlamaIndex"]
    assert sorted(PROGRAMS) == sorted([*wanted, *APPS])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = with_config(tmp_path_factory.mktemp("served"))
    with gateway_process("serve", "--config", "config.yaml", folder=folder, environment={}) as gateway:
        yield gateway
        assert gateway.stop() == 0


@each_script
def test_a_program_gets_an_answer_of_a_server_at_another_address_and_without_one_and_ends_cleanly(
    name: str, folder: Path, served: GatewayProcess
) -> None:
    text, count = HTTP_CLIENT.subn("", SCRIPTS[name])
    assert count == 1
    logged = len(served.out)
    printed, (_, *said) = run_in_turn([text.replace("http://gateway", served.url), SCRIPTS[name]], folder)
    assert [bool(each.strip()) for each in printed] == [True, True, False]
    assert [end for end in LOOSE_ENDS if end in "".join(said)] == [], said
    served.wait_for(lambda: len(served.out) > logged, "the request of the first program")
    records = [json.loads(line) for line in served.out[logged:]]
    assert {(record["status"], record["plugin"], record["operation"]) for record in records} == {
        (200, "llmgate-local", "create")
    }


@pytest.mark.parametrize("name", APPS)
def test_the_gateway_serves_below_the_prefix_of_an_app_and_streams(name: str, folder: Path) -> None:
    (folder / "program.py").write_text(PROGRAMS[name], "utf-8")
    with web_process("program:app", folder=folder) as url, client_of(url) as client:
        if name == APPS[0]:
            assert client.get("/hello").json() == "this is the rest of your app"
        body: dict[str, Any] = {"model": "small", "messages": [{"role": "user", "content": "Say hello."}]}
        whole = client.post("/llm/v1/chat/completions", json={**body, "max_tokens": 8})
        assert whole.status_code == 200
        assert whole.json()["choices"][0]["message"]["content"]
        with client.stream("POST", "/llm/chat/completions", json={**body, "max_tokens": 8, "stream": True}) as answer:
            events = [line for line in answer.iter_lines() if line]
        assert len(events) > 3
        assert events[-1] == "data: [DONE]"
        assert client.get("/llm/v1/models").json()["data"][0]["id"] == "small"
        assert client.get("/llm/nowhere").json()["error"]["code"] == "unknown_url"


def client_of(url: str) -> contextlib.AbstractContextManager[httpx.Client]:
    return httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False)
