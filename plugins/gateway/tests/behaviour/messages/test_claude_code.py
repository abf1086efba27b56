"""Claude Code itself, without a screen: one tool call and some text, through the gateway onto upstreams of two APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support import chat_tool_loop
from tests.support.claude_code import Recorder, ask_claude_code, claude_code
from tests.support.messages_events import checked_message
from tests.support.messages_upstream import SSE, message, message_events, stream_of
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(claude_code() is None, reason="needs Claude Code, which `make claude-code` installs"),
]
KEY = "sk-client-0123456789abcdef"
SECRET = "the answer is 4711"
COMMAND = {"command": "cat a.txt", "description": "Read a.txt"}
UPSTREAMS = {"native": "sketch/claude-sketch", "chat": "openai/gpt-4o"}


def result_of(messages: list[dict[str, Any]]) -> str | None:
    """Return the text of the tool's result, behind which Claude Code may say more; None: there is none yet."""
    contents = [message["content"] for message in messages if isinstance(message["content"], list)]
    results = [part for content in contents for part in content if part["type"] == "tool_result"]
    said = results[0]["content"] if results else None
    return said if isinstance(said, str) or said is None else "".join(part.get("text", "") for part in said)


def messages_api(request: ReceivedRequest) -> Answer:
    body = request["json"]
    said = result_of(body["messages"])
    if said is not None:
        blocks, reason = [{"type": "text", "text": f"It says: {said}"}], "end_turn"
    else:
        blocks, reason = [{"type": "tool_use", "id": "toolu_up1", "name": "Bash", "input": COMMAND}], "tool_use"
    whole = message(*blocks, model=body["model"], stop_reason=reason)
    return Answer(200, stream_of(message_events(whole)), SSE)


def chat_api(request: ReceivedRequest) -> Answer:
    return chat_tool_loop.answered(request, tool="Bash", arguments=COMMAND)


@dataclass
class Setup:
    """A recorder before a gateway before an upstream, and the folder that Claude Code works in."""

    url: str
    recorder: Recorder
    gateway: RunningGateway
    upstream: FakeUpstream
    folder: Path

    def ask(self, **environment: str) -> Any:
        """Ask Claude Code for what is in the file."""
        variables = {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_MODEL": "claude-sonnet-5", **environment}
        return ask_claude_code("What does a.txt say?", folder=self.folder, environment=variables)


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Setup]]:
    """Return a function that starts all of it for one kind of upstream."""
    site = PluginSite(tmp_path, monkeypatch)
    source = "from tests.support.messages_provider import plugin\n"
    site.install("llmgate-sketch", {"messages:sketch": "plugin"}, source=source)
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text(f"{SECRET}\n")
    with ExitStack() as stack:

        def start(kind: str) -> Setup:
            upstream = stack.enter_context(fake_upstream())
            upstream.otherwise = messages_api if kind == "native" else chat_api
            params = {"model": UPSTREAMS[kind], "api_key": "sk-up", "api_base": upstream.base_url, "drop_params": True}
            entries = [{"model_name": "claude-*", "litellm_params": params}]
            config = {"model_list": entries, "general_settings": {"master_key": KEY}}
            gateway = stack.enter_context(running_gateway(config))
            front = stack.enter_context(fake_upstream())
            front.otherwise = recorder = Recorder(gateway.base_url)
            return Setup(front.origin, recorder, gateway, upstream, folder)

        yield start


@pytest.mark.parametrize(
    ("key", "model"), [("ANTHROPIC_AUTH_TOKEN", "claude-sonnet-5"), ("ANTHROPIC_API_KEY", "claude-sonnet-4-5")]
)
@pytest.mark.parametrize("kind", UPSTREAMS)
def test_a_tool_loop(setup: Callable[[str], Setup], kind: str, key: str, model: str) -> None:
    running = setup(kind)
    result = running.ask(**{key: KEY, "ANTHROPIC_MODEL": model})
    assert (result["is_error"], result["num_turns"]) == (False, 2)
    assert SECRET in result["result"]
    answers = [(status, content) for path, _, status, content in running.recorder.exchanges if "/messages" in path]
    assert [status for status, _ in answers] == [200, 200]
    first, second = (checked_message(content) for _, content in answers)
    assert (first["stop_reason"], first["content"][-1]["input"]) == ("tool_use", COMMAND)
    assert second["stop_reason"] == "end_turn"
    assert {record.outcome for record in running.gateway.wait_records(2)} == {"finished"}
    assert KEY not in str([request["raw_headers"] for request in running.upstream.received])


def test_an_unknown_model_ends_it_with_the_gateways_words(setup: Callable[[str], Setup]) -> None:
    running = setup("native")
    with pytest.raises(AssertionError, match="issue with the selected model"):
        running.ask(ANTHROPIC_AUTH_TOKEN=KEY, ANTHROPIC_MODEL="other-model")


def test_a_wrong_key_ends_it(setup: Callable[[str], Setup]) -> None:
    running = setup("native")
    with pytest.raises(AssertionError, match="401"):
        running.ask(ANTHROPIC_AUTH_TOKEN="sk-wrong")
