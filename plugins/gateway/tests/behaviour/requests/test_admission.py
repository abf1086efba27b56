"""Whatever asks for work stands behind the limits; only health and the page at `/` do not."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from llmgate_gateway.server.operations import Operations

from llmgate_core.testing import Answer
from tests.support.running_gateway import CHAT

KEYS = [{"name": "a", "key": "sk-a", "limits": {"max_in_flight": 1}}]
PAGES = [("POST", "/explain"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/v1/models")]


@pytest.fixture
def busy(serve: Any, upstream: Any) -> Any:
    """Return a gateway whose one place, for everybody and for the key, is taken until the test ends."""
    release, answered = threading.Event(), []
    upstream.otherwise = Answer(200, b"{}", hold=release)
    general = {"master_key": "sk-master", "keys": KEYS, "limits": {"max_in_flight": 1}, "passthrough": "m"}
    gateway = serve(general=general, options={"pages": pages_of(general)})
    headers = {"authorization": "Bearer sk-a"}
    thread = threading.Thread(target=lambda: answered.append(gateway.post("/v1/chat/completions", CHAT, **headers)))
    thread.start()
    upstream.wait_received(1)
    yield gateway
    release.set()
    thread.join(20)
    assert answered


def pages_of(general: dict[str, Any]) -> Any:
    from llmgate_gateway.config import load_config_dict

    config = {"model_list": [{"model_name": "m", "params": {"model": "openai/gpt-4o"}}], "general_settings": general}
    return Operations(load_config_dict(config)).pages


@pytest.mark.parametrize(("method", "path"), [*PAGES, ("GET", "/v1/files")])
def test_nothing_that_needs_a_key_is_served_beyond_the_limit(busy: Any, method: str, path: str) -> None:
    body = {"json": {"body": CHAT}} if method == "POST" else {}
    reply = busy.http.request(method, path, headers={"authorization": "Bearer sk-a"}, **body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "overloaded")


def test_health_and_the_home_page_are(busy: Any) -> None:
    assert [busy.http.get(path).status_code for path in ("/livez", "/readyz", "/")] == [200, 200, 200]


def test_a_keys_own_limit_counts_its_explains(serve: Any, upstream: Any) -> None:
    release, answered = threading.Event(), []
    upstream.otherwise = Answer(200, b"{}", hold=release)
    general = {"master_key": "sk-master", "keys": KEYS}
    gateway = serve(general=general, options={"pages": pages_of(general)})
    headers = {"authorization": "Bearer sk-a"}
    thread = threading.Thread(target=lambda: answered.append(gateway.post("/v1/chat/completions", CHAT, **headers)))
    thread.start()
    upstream.wait_received(1)
    reply = gateway.post("/explain", {"body": CHAT}, **headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "concurrency_limit_exceeded")
    assert gateway.post("/explain", {"body": CHAT}, authorization="Bearer sk-master").status_code == 200
    release.set()
    thread.join(20)
    assert answered
