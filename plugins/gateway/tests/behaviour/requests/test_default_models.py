"""Requests without a model, where OpenAI's API asks for none."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.testing import Answer

MODERATION = {"input": "x"}
ANSWERS = {
    "/v1/moderations": {"id": "modr-1", "model": "x", "results": []},
    "/v1/images/generations": {"created": 1, "data": []},
    "/v1/responses": {"id": "resp_1", "object": "response", "output": [], "status": "completed"},
    "/v1/responses/input_tokens": {"object": "response.input_tokens", "input_tokens": 3},
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/moderations": MODERATION,
    "/v1/images/generations": {"prompt": "a sea"},
    "/v1/responses": {"prompt": {"id": "pmpt_1"}},
    "/v1/responses/input_tokens": {"input": "hi"},
}
SERVED = {"/v1/moderations": "openai/omni-moderation-latest", "/v1/images/generations": "openai/gpt-image-1"}
FAMILY_OF = {"/v1/moderations": "moderation", "/v1/images/generations": "image"}


@pytest.mark.parametrize("path", BODIES)
def test_the_only_model_that_serves_the_family_is_taken(serve: Any, upstream: Any, path: str) -> None:
    model = SERVED.get(path, "openai/responses/gpt-5-mini")
    gateway = serve({"only": model, "e": "openai/text-embedding-3-small"})
    upstream.answers.append(Answer.json(ANSWERS[path]))
    reply = gateway.post(path, BODIES[path])
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-llmgate-model"] == "only"
    assert upstream.received[0]["json"] == {**BODIES[path], "model": model.rpartition("/")[2]}


@pytest.mark.parametrize("path", SERVED)
def test_of_several_the_config_names_one(serve: Any, upstream: Any, path: str) -> None:
    models = {"one": SERVED[path], "two": SERVED[path]}
    reply = serve(models).post(path, BODIES[path])
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "missing_model")
    assert "general_settings.default_models" in reply.json()["error"]["message"]
    assert upstream.received == []
    upstream.answers.append(Answer.json(ANSWERS[path]))
    gateway = serve(models, general={"default_models": {FAMILY_OF[path]: "two"}})
    assert gateway.post(path, BODIES[path]).headers["x-llmgate-model"] == "two"


@pytest.mark.parametrize("path", BODIES)
def test_behind_a_star_the_upstream_chooses(serve: Any, upstream: Any, path: str) -> None:
    gateway = serve({"*": "openai/*"})
    upstream.answers.append(Answer.json(ANSWERS[path]))
    reply = gateway.post(path, BODIES[path])
    assert reply.status_code == 200, reply.text
    assert upstream.received[0]["json"] == BODIES[path]


def test_a_form_needs_none_either(serve: Any, upstream: Any) -> None:
    gateway = serve({"i": "openai/gpt-image-1"})
    upstream.answers.append(Answer.json({"created": 1, "data": []}))
    files = {"image": ("a.png", b"\x89PNG", "image/png")}
    reply = gateway.http.post("/v1/images/edits", data={"prompt": "a sea"}, files=files)
    assert reply.status_code == 200, reply.text
    assert b"gpt-image-1" in upstream.received[0]["body"]


def test_a_key_gets_no_model_that_it_may_not_use(serve: Any, upstream: Any) -> None:
    keys = [{"name": "a", "key": "sk-a", "models": ["m"]}]
    general = {"master_key": "sk-master", "keys": keys, "default_models": {"moderation": "mod"}}
    gateway = serve({"m": "openai/gpt-4o", "mod": "openai/omni-moderation-latest"}, general=general)
    reply = gateway.post("/v1/moderations", MODERATION, authorization="Bearer sk-a")
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "model_not_allowed")
    gateway = serve({"m": "openai/gpt-4o", "*": "openai/*"}, general={"master_key": "sk-master", "keys": keys})
    reply = gateway.post("/v1/moderations", MODERATION, authorization="Bearer sk-a")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "missing_model")
    assert upstream.received == []


@pytest.mark.parametrize("model", [5, True, [], {"a": 1}, ""])
def test_a_model_that_is_no_name_is_not_the_default(serve: Any, upstream: Any, model: Any) -> None:
    gateway = serve({"mod": "openai/omni-moderation-latest"})
    for more in ({}, {"x": {"model": 1}}):
        reply = gateway.post("/v1/moderations", {**MODERATION, "model": model, **more})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "missing_model")
    assert upstream.received == []


def test_a_chat_still_names_its_model(gateway: Any, upstream: Any) -> None:
    reply = gateway.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "missing_model")
    assert upstream.received == []


def test_the_metadata_of_a_stored_chat_goes_up(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json({"id": "c-1", "object": "chat.completion", "choices": []}))
    reply = gateway.post("/v1/chat/completions/c-1", {"metadata": {"topic": "sea"}})
    assert reply.status_code == 200, reply.text
    assert upstream.received[0]["json"] == {"metadata": {"topic": "sea"}}


@pytest.mark.filterwarnings("ignore:.*tools dropped")
def test_a_tool_that_chat_lacks_is_refused_with_the_setting_that_lets_it_pass(serve: Any, upstream: Any) -> None:
    codex = {"model": "m", "input": "hi", "tools": [{"type": "web_search"}]}
    bridged = {"model": "openai/some-model", "use_chat_completions_api": True}
    reply = serve({"m": bridged}).post("/v1/responses", codex)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "tools")
    assert "drop_params: true" in reply.json()["error"]["message"]
    assert "drop_params=True" not in reply.json()["error"]["message"]
    assert upstream.received == []
    message = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    upstream.answers.append(Answer.json({"id": "c", "object": "chat.completion", "model": "x", "choices": [message]}))
    reply = serve({"m": {**bridged, "drop_params": True}}).post("/v1/responses", codex)
    assert reply.status_code == 200, reply.text
    assert "tools" not in upstream.received[0]["json"]
