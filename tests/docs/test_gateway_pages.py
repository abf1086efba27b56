"""Every block of the gateway's pages runs, in the page's order, and prints what the page says.

Programs are fenced as `py`, not `python`: they need a gateway, which `tests/docs/test_guide.py` does not start. Those
of `embed.md` run against a real model, in `tests/docs/test_embed_page.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support import messages_upstream, openai_upstream
from tests.support.gateway_pages import PAGES, ROOT, Block, blocks
from tests.support.page_runner import INSTALLS, Story, agrees

ELSEWHERE = {"embed.md"}
"""Pages whose programs have tests of their own."""
CHECKED = {"ini", "nginx", "dockerfile"}
"""What is for another machine: `test_deploy_page.py` checks it."""
OTHER_MACHINE = {"systemctl", "podman", "install", "python3", "/opt/llmgate/bin/pip", "/opt/llmgate/bin/llmgate"}
"""Commands of a block of `console`, which shows what an administrator types elsewhere and is not run."""
FILES = {"speech.wav": openai_upstream.WAV}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def answered(request: ReceivedRequest) -> Answer:
    """Answer as the API does whose path a request has."""
    api = messages_upstream if request["path"].startswith("/v1/messages") else openai_upstream
    return api.answered(request)


@pytest.fixture
def upstream(fake_upstream: FakeUpstream) -> FakeUpstream:
    fake_upstream.otherwise = answered
    return fake_upstream


@pytest.fixture
def story(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Story]:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    story = Story(tmp_path, upstream)
    yield story
    story.close()


@each_page
def test_the_blocks_of_a_page_run_from_top_to_bottom(page: Path, story: Story) -> None:
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "yaml":
            config = story.config(block)
            assert [warning for warning in config.warnings if "ignored" in warning] == [], where
        elif block.language == "sh":
            printed = story.shell(block)
            assert block.output is None or agrees(block, printed), f"{where} printed\n{printed}"
        elif block.language == "py" and page.name not in ELSEWHERE:
            printed = story.program(block)
            assert block.output is None or agrees(block, printed), f"{where} printed\n{printed}"


@each_page
def test_every_block_of_a_page_is_of_a_kind_that_some_test_runs_or_checks(page: Path) -> None:
    found = blocks(page)
    assert found
    languages = {block.language for block in found}
    assert languages <= {"yaml", "sh", "py", "console", *CHECKED}
    for block in found:
        if block.language == "console":
            assert {line.removeprefix("$ ").split()[0] for line in commands(block)} <= OTHER_MACHINE


def commands(block: Block) -> list[str]:
    return [line for line in block.text.splitlines() if line.startswith("$ ")]


@each_page
def test_what_a_page_says_to_install_is_ours_or_in_the_tests_environment(page: Path) -> None:
    ours = {
        name
        for path in ROOT.glob("**/pyproject.toml")
        for name in re.findall(r'^name = "(.+)"', path.read_text(), re.M)
    }
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "dev.lock").read_text("utf-8"), re.MULTILINE))
    wanted = {
        re.sub(r"\[.*\]", "", word.strip("'\""))
        for line in INSTALLS.findall(page.read_text("utf-8"))
        for word in line.partition("#")[0].split()[2:]
        if not word.startswith((".", "-"))
    }
    assert wanted <= ours | locked


@each_page
def test_a_page_begins_with_its_task_and_ends_with_three_links_at_most(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.match(r"# .+\n\n.+", text)
    _, found, links = text.rpartition("\nSee also: ")
    assert found
    assert 1 <= len(re.findall(r"\]\(", links)) <= 3
