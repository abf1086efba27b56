"""Extensions of a gateway that want to end the program: their request fails, and the gateway goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.openai_upstream import answered
from tests.support.plugin_site import PluginSite

SOURCE = """
import sys
from llmgate_core.plugin import hookimpl
class Ending:
    @hookimpl
    def register_gateway(self, gateway):
        gateway.add_page("/ends", lambda request: sys.exit("bye"))
        gateway.add_middleware(self.middleware)
    @hookimpl
    def rewrite_answer(self, call, route, answer):
        if call.body["messages"][0]["content"] == "answer":
            sys.exit("bye")
    async def middleware(self, call, handler):
        if call.body["messages"][0]["content"] == "middleware":
            sys.exit("bye")
        return await handler(call)
ending = Ending()
"""


@pytest.mark.parametrize("place", ["page", "middleware", "answer"])
def test_an_extension_that_wants_to_end_the_program_fails_one_request(
    place: str, serve: Any, upstream: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.otherwise = answered
    PluginSite(tmp_path, monkeypatch).install("llmgate-ending", {"extensions:ending": "ending"}, source=SOURCE)
    gateway = serve(settings={"extensions": ["ending"]})
    if place == "page":
        failed = gateway.http.get("/ends")
    else:
        failed = gateway.chat(messages=[{"role": "user", "content": place}])
    assert failed.status_code == 500
    assert "bye" not in failed.text
    assert gateway.chat().status_code == 200
