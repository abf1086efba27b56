"""The documentation runs, and its tables name what there is: no less, no more."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from llmgate_openai_chat import plugin as openai_chat

from llmgate_core import Settings, errors
from llmgate_core.api import default_async_client, default_client
from llmgate_core.environment import read
from llmgate_core.hookspecs import ProviderHooks
from llmgate_core.options import OWN_ARGUMENTS
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "guide"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
ANOTHER_HOST = "https://your-host.example/v1"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


# --- every block of Python runs ---


def chat_with(**message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }


CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
STREAM: list[dict[str, Any]] = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "one "}}]},
    {"choices": [{"index": 0, "delta": {"content": "two three"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]


def answered(request: ReceivedRequest) -> Answer:
    """Answer what a page may ask: a stream, vectors, a tool call, an object, else a text."""
    body = request["json"]
    if body.get("stream"):
        return Answer.sse(STREAM)
    if request["path"].endswith("/embeddings"):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        return Answer.json({"data": [{"index": number, "embedding": [0.5]} for number in range(len(inputs))]})
    if body.get("tools"):
        return Answer.json(chat_with(content=None, tool_calls=[CALL]))
    content = '{"name": "Paris"}' if body.get("response_format") else "Hello!"
    return Answer.json(chat_with(content=content), x_request_id="req-1")


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = answered
        monkeypatch.setenv("OPENAI_API_KEY", "sk-docs-0123456789")
        monkeypatch.setenv("OPENAI_BASE_URL", running.base_url)
        yield running
        default_client().close()


async def finished(main: Any) -> None:
    try:
        await main()
    finally:
        await default_async_client().aclose()


def run_blocks(page: Path, upstream: FakeUpstream) -> None:
    """Run the page's blocks in one namespace, and `main` of those that define one."""
    namespace: dict[str, Any] = {"__name__": "docs"}
    for block in BLOCK.findall(page.read_text("utf-8")):
        namespace.pop("main", None)
        exec(compile(block.replace(ANOTHER_HOST, upstream.base_url), str(page), "exec"), namespace)
        if "main" in namespace:
            asyncio.run(finished(namespace["main"]))


@each_page
def test_every_block_of_python_on_a_page_runs_and_leaves_the_settings_as_they_were(
    page: Path, upstream: FakeUpstream
) -> None:
    run_blocks(page, upstream)
    settings = Settings()
    assert {item.name: getattr(default_client().settings, item.name) for item in fields(settings)} == {
        item.name: getattr(settings, item.name) for item in fields(settings)
    }


def test_the_pages_have_blocks_and_their_calls_reach_the_upstream(upstream: FakeUpstream) -> None:
    blocks = {page.name: len(BLOCK.findall(page.read_text("utf-8"))) for page in PAGES}
    assert [name for name in ("README.md", "quickstart.md", "streams.md", "options.md") if not blocks[name]] == []
    assert read("OPENAI_BASE_URL") == upstream.base_url
    run_blocks(ROOT / "docs" / "quickstart.md", upstream)
    assert len(upstream.received) == blocks["quickstart.md"]


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    linked = LINK.findall(page.read_text("utf-8"))
    assert [target for target in linked if not (page.parent / target).exists()] == []


# --- tables name what there is ---


def rows(page: Path, first: str) -> list[list[str]]:
    """Return the cells of the table whose head begins with `first`."""
    lines = iter(page.read_text("utf-8").splitlines())
    table: list[list[str]] = []
    for line in lines:
        if line.startswith(f"| {first} |"):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    return table
                table.append([cell.strip() for cell in row.strip("|").split("|")])
    return table


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_error_class_has_one_row_and_every_row_a_class() -> None:
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.LLMGateError) and value.__module__ == errors.__name__
    }
    listed = [name for row in rows(GUIDE / "errors.md", "class") for name in named(row[0])]
    assert sorted(listed) == sorted(classes)


def test_every_argument_and_every_setting_has_one_row_and_every_row_is_one() -> None:
    table = rows(GUIDE / "options.md", "argument")
    arguments = [name for row in table for name in named(row[0])]
    settings = [name for row in table for name in named(row[0] if row[1] == "same" else row[1])]
    assert sorted(arguments) == sorted(OWN_ARGUMENTS)
    assert sorted(settings) == sorted(item.name for item in fields(Settings))


def test_the_variables_of_the_options_page_are_those_that_are_read() -> None:
    info = openai_chat.info
    wanted = [str(info.env_key), *info.env_base_url, *info.env_organization, *info.env_project, "LLMGATE_PLUGINS"]
    assert [name for row in rows(GUIDE / "options.md", "argument") for name in named(row[2])] == wanted


def test_every_hook_has_a_row_with_its_arguments() -> None:
    hooks = [
        f"{name}({', '.join(list(inspect.signature(hook).parameters)[1:])})"
        for name, hook in vars(ProviderHooks).items()
        if inspect.isfunction(hook)
    ]
    assert [row[0].strip("`") for row in rows(GUIDE / "plugins.md", "hook")] == hooks


# --- the capabilities and their tests ---


def numbers(text: str) -> list[str]:
    """Return `A1-A3, A7` spelled out."""
    found: list[str] = []
    for part in text.split(", "):
        first, _, last = part.replace("A", "").partition("-")
        found += [f"A{number}" for number in range(int(first), int(last or first) + 1)]
    return found


SDK = numbers("A1-A4, A7-A13, A15-A31, A60-A64, A69-A79, A81, A83, A85, A86, A99-A101, A103-A108, A111-A117")


def test_every_capability_of_the_sdk_has_a_row_with_a_test_or_says_not_yet() -> None:
    table = rows(ROOT / "docs" / "capabilities.md", "id")
    assert [row[0] for row in table] == SDK
    assert [row[0] for row in table if not named(row[2]) and not row[2].startswith("not yet: ")] == []


def test_every_test_that_a_capability_names_exists() -> None:
    missing = []
    for row in rows(ROOT / "docs" / "capabilities.md", "id"):
        for name in named(row[2]):
            path, _, function = name.partition("::")
            file = ROOT / path
            if not file.is_file() or f"def {function}(" not in file.read_text("utf-8"):
                missing.append((row[0], name))
    assert missing == []
