"""An extension of llmgate that refuses with 401 or 403 speaks to the client; an upstream that does, does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer
from tests.support.plugin_site import PluginSite

SOURCE = """
from types import SimpleNamespace
from llmgate_core.plugin import errors, hookimpl

def refuse(*_):
    kind = {401: errors.AuthenticationError, 403: errors.PermissionDeniedError}[STATUS]
    raise kind("not for you", status_code=STATUS, code="no_entry")

class Refuses:
    def configure(self, options):
        global STATUS
        STATUS = options["status"]
        made = Refuses()
        hooks = {
            "before_call": lambda call: refuse(),
            "rewrite_answer": lambda answer: refuse(),
            "rewrite_stream": lambda call: SimpleNamespace(feed=refuse, close=list),
        }
        setattr(made, options["hook"], hookimpl(hooks[options["hook"]]))
        return made

extension = Refuses()
"""
SAYS = {"id": "c", "object": "chat.completion", "created": 7, "model": "gpt-4o"}
CHAT = {**SAYS, "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]}
CHUNK = {**SAYS, "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("hook", ["before_call", "rewrite_answer", "rewrite_stream"])
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_reaches_the_client_and_is_not_the_upstreams(
    hook: str, status: int, serve: Any, upstream: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_stream = hook == "rewrite_stream"
    upstream.otherwise = lambda request: Answer.sse([CHUNK]) if is_stream else Answer.json(CHAT)
    PluginSite(tmp_path, monkeypatch).install("llmgate-refuses", {"extensions:refuses": "extension"}, source=SOURCE)
    extension = {"name": "refuses", "options": {"hook": hook, "status": status}}
    gateway = serve(settings={"extensions": [extension]})
    reply = gateway.chat(stream=is_stream)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["message"]) == (status, "no_entry", "not for you")
    record = gateway.wait_records(1)[0]
    assert (record.outcome, record.error_code, record.upstream_status) == ("refused", "no_entry", None)
    assert record.extra["detail"] == "refused by the extension 'refuses'"
    assert len(upstream.received) == (hook != "before_call")
