"""The extensions of `examples/extensions`, really installed, and providers of every kind behind them.

`installed` is for the fixture of a module: pip takes two seconds. What providers answer follows from what they read, so
that each of them says the same: whole, or in a stream one character at a time.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.plugin import OpenAICompatible, ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer
from llmgate_core.testing.fake_upstream import ReceivedRequest
from tests.support.plugin_site import PluginSite

__all__ = ["ADDRESS", "ASK", "GUARD", "RESTORED", "USAGE", "WORD", "answer", "installed", "seen_by_served"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "extensions"
PIP = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target"]

ADDRESS = "ann.lee+x@mail.example.org"
ASK = f"Write to {ADDRESS} and to bob@example.com, not to <email-9>."
TEXT = "Dear <email-1>, see <email-2>, <email-9> <3 <email"
RESTORED = f"Dear {ADDRESS}, see bob@example.com, <email-9> <3 <email"
WORD = "Which word?"
GUARDED = "The Launch Code is 7"
GUARD = {"name": "word-guard", "options": {"words": ["launch code", "geheim"]}}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
SAYS = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "gpt-4o"}
ARGUMENTS = '{"to": "<email-2>"}'

seen_by_served: list[Any] = []
"""The bodies that the model of this process has read."""


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Install the extensions, and the providers `plain`, `poller` and `served`, into a folder that is on the path."""
    subprocess.run([*PIP, str(folder), str(EXAMPLES)], check=True, capture_output=True, timeout=120)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.startswith("llmgate_example_extensions")]:
            patch.delitem(sys.modules, name)
        names = {f"chat:{name}": name for name in ("plain", "poller", "served")}
        source = f"from {__name__} import Plain, Poller, Served\nplain, poller, served = Plain(), Poller(), Served()\n"
        PluginSite(folder, patch).install("llmgate-example-providers", names, source=source)
        yield


class Plain(OpenAICompatible):
    info = ProviderInfo(api=(1, 1), name="plain", base_url="http://127.0.0.1:1/v1")


class Poller:
    """Its answer comes from an exchange, and never as a stream."""

    info = ProviderInfo(api=(1, 1), name="poller", base_url="http://127.0.0.1:1/v1", streams=False)

    @hookimpl
    def transform_request(self, call: Any) -> UpstreamRequest:
        return UpstreamRequest("POST", "/chat/completions", call.body)

    @hookimpl
    def exchange(self, call: Any) -> Iterator[Any]:
        response = yield UpstreamRequest("POST", "/chat/completions", call.body)
        return response.json()


class Served:
    """A model of this process."""

    info = ProviderInfo(api=(1, 1), name="served", base_url="http://127.0.0.1:1/v1")

    @hookimpl
    def serve(self, call: Any) -> Any:
        seen_by_served.append(call.body)
        return iter(chat_chunks(call.body)) if call.stream else chat_answer(call.body)


def answer(request: ReceivedRequest) -> Answer:
    """Answer a request of chat or Responses."""
    body = request["json"]
    if request["path"].endswith("/responses"):
        text = text_for(body)
        return Answer.sse(response_events(text), done=False) if body.get("stream") else Answer.json(response_of(text))
    return Answer.sse(chat_chunks(body)) if body.get("stream") else Answer.json(chat_answer(body))


def text_for(body: Any) -> str:
    return GUARDED if WORD in str(body) else TEXT


def chat_answer(body: Any) -> dict[str, Any]:
    """Return an answer; with `n`, the second choice has a text and two tool calls."""
    text = text_for(body)
    choices = [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
    if body.get("n"):
        calls = [{"id": f"call_{number}", "type": "function", "function": {"name": "mail", "arguments": ARGUMENTS}}
                 for number in (0, 1)]  # fmt: skip
        message = {"role": "assistant", "content": text, "tool_calls": calls}
        choices.append({"index": 1, "message": message, "finish_reason": "tool_calls"})
    return {**SAYS, "choices": choices, "usage": USAGE}


def chat_chunks(body: Any) -> list[dict[str, Any]]:
    """Return the answer as chunks of a character each, those of several choices in turns."""
    choices = chat_answer(body)["choices"]
    deltas = [[{"index": choice["index"], "delta": delta, "finish_reason": None} for delta in deltas_of(choice)]
              for choice in choices]  # fmt: skip
    turns = [piece for turn in zip_longest(*deltas) for piece in turn if piece is not None]
    ends = [{"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]} for choice in choices]
    return [*map(chunk, [*turns, *ends]), {**chunk(), "usage": USAGE}]


def deltas_of(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    message = choice["message"]
    yield {"role": "assistant"}
    yield from ({"content": letter} for letter in message["content"])
    for number, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": number, "function": {**function, "arguments": ""}}]}
        for letter in function["arguments"]:
            yield {"tool_calls": [{"index": number, "function": {"arguments": letter}}]}


def chunk(*choices: dict[str, Any]) -> dict[str, Any]:
    return {**SAYS, "object": "chat.completion.chunk", "choices": list(choices)}


def response_of(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}]
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    head = {"id": "resp_1", "object": "response", "created_at": 7, "model": "gpt-4o", "status": "completed"}
    return {**head, "output": output, "usage": usage}


def response_events(text: str) -> list[dict[str, Any]]:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    started = {**response_of(text), "status": "in_progress", "output": [], "usage": None}
    events = [
        {"type": "response.created", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg_1"}},
        *({"type": "response.output_text.delta", **place, "delta": letter} for letter in text),
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.completed", "response": response_of(text)},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]
