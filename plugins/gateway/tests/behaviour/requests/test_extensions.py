"""Middleware, stores and dialects of another distribution, named in the config."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llmgate_gateway.app import create_app
from llmgate_gateway.calls.contract import GatewayCall, chain
from llmgate_gateway.config import ConfigProblems, load_config, load_config_dict
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.telemetry.record import RequestRecord

from llmgate_core import ConfigError, LLMGateError, PluginLoadError
from llmgate_core.testing import Answer

SAMPLES = Path(__file__).parents[2] / "support" / "sample_extensions"
HI = [{"role": "user", "content": "hi"}]
EVENTS = {"content-type": "text/event-stream"}
HELLO = {
    "id": "c",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}


def event(**choice: Any) -> bytes:
    return f"data: {json.dumps({'id': 'c', 'choices': [{'index': 0, 'delta': {}, **choice}]})}\n\n".encode()


STREAM = [event(delta={"content": "Hel"}), event(delta={"content": "lo!"}), event(finish_reason="stop")]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the sample distribution for the time of a test."""
    monkeypatch.syspath_prepend(str(SAMPLES))
    yield
    sys.modules.pop("sample_extensions", None)


def middleware(*entries: Any) -> dict[str, Any]:
    return {"middleware": list(entries)}


def test_nothing_is_loaded_that_the_config_does_not_name(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json(HELLO))
    assert gateway.chat().status_code == 200
    assert "sample_extensions" not in sys.modules


def test_without_middleware_the_chain_is_the_handler_itself() -> None:
    async def handler(call: GatewayCall) -> Any:
        return call

    assert chain([], handler) is handler


# --- middleware that refuses ---


def test_a_middleware_refuses_a_call_before_it_goes_upstream(serve: Any, upstream: Any) -> None:
    gateway = serve(general=middleware({"name": "guard", "options": {"words": ["secret"]}}))
    upstream.answers.append(Answer.json(HELLO))
    refused = gateway.chat(messages=[{"role": "user", "content": "a secret"}])
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, "prompt_refused", "messages")
    assert gateway.chat().json()["choices"] == HELLO["choices"]
    assert len(upstream.received) == 1
    first, second = gateway.wait_records(2)
    assert (first.outcome, first.error_code, first.deployment) == ("refused", "prompt_refused", None)
    assert (second.outcome, second.deployment) == ("finished", "m")


def test_a_middleware_that_fails_is_a_500_that_says_nothing(serve: Any, upstream: Any, caplog: Any) -> None:
    gateway = serve(general=middleware("broken"))
    failed = gateway.chat()
    assert (failed.status_code, failed.json()["error"]["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in failed.text
    assert "ZeroDivisionError" in caplog.text
    assert upstream.received == []
    assert gateway.wait_records(1)[0].outcome == "failed"


# --- middleware that answers ---


def test_a_middleware_answers_from_the_blob_store(serve: Any, upstream: Any) -> None:
    gateway = serve(general=middleware("cache"))
    upstream.answers += [Answer.json(HELLO), Answer.json({**HELLO, "id": "d"})]
    first, second, other = gateway.chat(), gateway.chat(), gateway.chat(temperature=0)
    assert (first.json()["id"], second.json()["id"], other.json()["id"]) == ("c", "c", "d")
    assert ("x-cache" in first.headers, second.headers["x-cache"]) == (False, "hit")
    assert "x-llmgate-deployment" not in second.headers
    assert len(upstream.received) == 2
    records = gateway.wait_records(3)
    assert [(record.outcome, record.deployment, record.usage is None) for record in records] == [
        ("finished", "m", False),
        ("finished", None, True),
        ("finished", "m", False),
    ]


def test_a_cached_answer_is_of_its_caller_alone(serve: Any, upstream: Any) -> None:
    keys = [{"name": "a", "key": "sk-a"}, {"name": "b", "key": "sk-b"}]
    gateway = serve(general={**middleware("cache"), "keys": keys})
    upstream.otherwise = Answer.json(HELLO)
    for key in ("sk-a", "sk-b", "sk-a"):
        body = {"model": "m", "messages": HI}
        assert gateway.post("/v1/chat/completions", body, authorization=f"Bearer {key}").status_code == 200
    assert len(upstream.received) == 2


def test_a_middleware_chooses_another_model_after_a_failure(serve: Any, upstream: Any) -> None:
    models = {"m": "openai/gpt-4o", "spare": "openai/gpt-4o-mini"}
    gateway = serve(models, general=middleware({"name": "fallback", "options": {"model": "spare"}}))
    upstream.answers += [Answer.json({"error": {"message": "down"}}, 500), Answer.json(HELLO)]
    reply = gateway.chat()
    assert (reply.status_code, reply.headers["x-llmgate-deployment"]) == (200, "spare")
    assert [request["json"]["model"] for request in upstream.received] == ["gpt-4o", "gpt-4o-mini"]
    assert gateway.wait_records(1)[0].deployment == "spare"
    states = {live.label: live.outcome for live in gateway.app.snapshot.deployments}
    assert states == {"m": "failed", "spare": "finished"}


def test_a_budget_is_reserved_before_and_settled_after(serve: Any, upstream: Any) -> None:
    options = {"estimate": 10, "limit": 20, "seconds": 10**9}
    gateway = serve(general=middleware({"name": "budget", "options": options}))
    upstream.otherwise = Answer.json(HELLO)
    statuses = [gateway.chat().status_code for _ in range(3)]
    assert statuses == [200, 200, 429]  # 7 are used, then 14, and 10 more do not fit
    assert gateway.chat().json()["error"]["code"] == "budget_exceeded"


# --- middleware that sees a stream ---


def test_a_middleware_sees_a_stream_as_it_passes(serve: Any, upstream: Any) -> None:
    gateway = serve(general=middleware("count-bytes"))
    release = threading.Event()
    upstream.answers.append(Answer(200, STREAM, EVENTS, hold=release, hold_at=1))
    body = {"model": "m", "messages": HI, "stream": True}
    with gateway.http.stream("POST", "/v1/chat/completions", json=body) as reply:
        blocks = reply.iter_bytes()
        received = next(blocks)
        assert received == STREAM[0]  # passed on before the upstream has sent the rest
        release.set()
        received += b"".join(blocks)
    record = gateway.wait_records(1)[0]
    assert record.extra["stream_bytes"] == len(received)
    assert received.endswith(b"data: [DONE]\n\n")
    assert (record.outcome, record.stream) == ("finished", True)


def test_a_stream_that_a_middleware_wraps_still_ends_with_its_error(serve: Any, upstream: Any) -> None:
    gateway = serve(general=middleware("count-bytes"))
    upstream.answers.append(Answer(200, STREAM[:2], EVENTS))
    reply = gateway.chat(stream=True)
    assert "stream_truncated" in reply.text
    assert gateway.wait_records(1)[0].outcome == "truncated"


def test_hanging_up_closes_the_upstream_behind_a_middleware(serve: Any, upstream: Any) -> None:
    gateway = serve(general=middleware("count-bytes"))
    upstream.answers.append(Answer(200, STREAM, EVENTS, hold=threading.Event(), hold_at=1))
    body = {"model": "m", "messages": HI, "stream": True}
    with gateway.http.stream("POST", "/v1/chat/completions", json=body) as reply:
        next(reply.iter_bytes())
    upstream.wait_disconnect()
    assert gateway.wait_records(1)[0].outcome == "cancelled"
    gateway.wait_idle()


def test_the_first_middleware_is_the_outermost(serve: Any, upstream: Any) -> None:
    gateway = serve(general=middleware("cache", {"name": "guard", "options": {"words": ["hi"]}}))
    assert gateway.chat().json()["error"]["code"] == "prompt_refused"
    gateway = serve(general=middleware({"name": "guard", "options": {"words": ["x"]}}, "broken"))
    assert gateway.chat(messages="x").json()["error"]["code"] == "prompt_refused"


# --- what runs at the end of a call ---


def test_everything_runs_at_the_end_of_a_call_the_newest_first() -> None:
    ran: list[str] = []

    async def first() -> None:
        ran.append("first")

    async def second() -> None:
        ran.append("second")
        raise ZeroDivisionError

    call = GatewayCall(Caller(), "chat", "create", "m", {}, None, RequestRecord("r", 0.0))
    call.on_end += [first, second]
    with pytest.raises(ZeroDivisionError):
        asyncio.run(call.aclose())
    assert ran == ["second", "first"]
    asyncio.run(call.aclose())
    assert ran == ["second", "first"]


# --- stores ---


def test_a_key_store_knows_keys_that_the_config_does_not(serve: Any, upstream: Any) -> None:
    upstream.otherwise = Answer.json(HELLO)
    store = {"name": "listed-keys", "options": {"keys": {"alice": "sk-alice"}}}
    gateway = serve(general={"master_key": "sk-master", "stores": {"keys": store}})
    body = {"model": "m", "messages": HI}
    statuses = {
        key: gateway.post("/v1/chat/completions", body, authorization=f"Bearer {key}").status_code
        for key in ("sk-alice", "sk-master", "sk-other")
    }
    assert statuses == {"sk-alice": 200, "sk-master": 200, "sk-other": 401}
    assert [record.client for record in gateway.wait_records(3)] == ["alice", "master", None]


def test_a_key_store_alone_asks_for_keys(serve: Any) -> None:
    store = {"name": "listed-keys", "options": {"keys": {"alice": "sk-alice"}}}
    gateway = serve(general={"stores": {"keys": store}})
    assert gateway.chat().status_code == 401
    assert not gateway.app.snapshot.keys.is_open


def test_a_blob_store_of_another_distribution_outlives_a_reload_and_is_closed_once(upstream: Any) -> None:
    import importlib

    samples: Any = importlib.import_module("sample_extensions")
    upstream.otherwise = Answer.json(HELLO)
    entry = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x", "api_base": upstream.base_url}}
    general = {**middleware("cache"), "stores": {"blobs": "traced-blobs"}}
    config = load_config_dict({"model_list": [entry], "general_settings": general})
    app = create_app(config)

    async def work() -> None:
        await call_app(app)
        app.reconfigure(config)
        await call_app(app)
        await app.aclose()

    asyncio.run(work())
    assert len(upstream.received) == 1
    assert list(samples.TracedBlobs.content.values()) == [json.dumps(HELLO).encode()]
    assert samples.TracedBlobs.closed == 1


async def call_app(app: Any) -> None:
    body = json.dumps({"model": "m", "messages": HI}).encode()
    waiting = asyncio.Event()
    blocks = [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        if blocks:
            return blocks.pop()
        await waiting.wait()
        raise AssertionError("never set")

    async def send(message: Any) -> None: ...

    path = "/v1/chat/completions"
    headers = [(b"content-length", b"%d" % len(body))]
    await app({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)


# --- dialects ---


def test_a_second_dialect_has_its_own_shape_for_everything(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"dialects": ["openai", "plain"], "master_key": "sk-master"})
    gateway.http.headers["authorization"] = "Bearer sk-master"
    upstream.answers += [
        Answer.json(HELLO),
        Answer(200, STREAM, EVENTS),
        Answer(200, STREAM[:2], EVENTS),
        Answer.json({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429),
    ]
    answer = gateway.http.post("/ask/m", content="Hi?")
    assert (answer.status_code, answer.text) == (200, "Hello!")
    assert answer.headers["x-llmgate-deployment"] == "m"
    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi?"}]}
    streamed = {"accept": "text/event-stream"}
    assert gateway.http.post("/ask/m", content="Hi?", headers=streamed).text == "Hello!"
    cut = gateway.http.post("/ask/m", content="Hi?", headers=streamed)
    assert cut.text == "Hello\n[chat ended after 2 events: stream_truncated]".replace("Hello", "Hello!")
    limited = gateway.http.post("/ask/m", content="Hi?")
    assert (limited.status_code, limited.text) == (429, "rate_limit_exceeded: slow down")
    assert gateway.http.post("/ask/m").text == "empty_question: The question is empty."
    assert gateway.http.post("/ask/other", content="Hi?").text.startswith("model_not_found: ")
    wrong = gateway.http.post("/ask/m", content="Hi?", headers={"authorization": "Bearer no"})
    assert (wrong.status_code, wrong.text.partition(":")[0]) == (401, "invalid_api_key")
    upstream.answers.append(Answer.json(HELLO))
    assert gateway.chat().json()["choices"] == HELLO["choices"]  # and OpenAI's is served as ever


# --- the config ---

MODEL = 'model_list: [{model_name: m, params: {model: openai/gpt-4o, api_key: "os.environ/K"}}]\n'


@pytest.mark.parametrize(
    ("general", "where", "named"),
    [
        ("middleware: [gaurd]", "general_settings.middleware[0]", "did you mean 'guard'?"),
        ("middleware: [{name: cashe}]", "general_settings.middleware[0]", "did you mean 'cache'?"),
        ("stores: {blobs: redis}", "general_settings.stores.blobs", "llmgate.gateway.stores"),
        ("dialects: [openai, plane]", "general_settings.dialects[1]", "did you mean 'plain'?"),
        ("dialects: [opena1]", "general_settings.dialects[0]", "did you mean 'openai'?"),
        ("middleware: [absent]", "general_settings.middleware[0]", "ModuleNotFoundError"),
        ("middleware: [guard, value]", "general_settings.middleware[1]", "not a function that returns a middleware"),
        ("stores: {keys: value}", "general_settings.stores.keys", "not a function that returns a store"),
        ("dialects: [openai, value]", "general_settings.dialects[1]", "not a dialect: it has no name"),
    ],
)
def test_config_check_names_extensions_that_are_not_installed(
    tmp_path: Path, general: str, where: str, named: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"{MODEL}general_settings:\n  {general}\n")
    load_config(path, environment={"K": "sk-x"})
    with pytest.raises(ConfigProblems) as caught:
        load_config(path, environment={"K": "sk-x"}, plugins=True)
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert f"{where}: " in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LLMGATE_PLUGINS", "-llmgate-sample-extensions", "allowed"),
        ("LLMGATE_PLUGINS_LOCK", "{lock}", "not in the lock"),
    ],
)
@pytest.mark.parametrize("general", ["middleware: [guard]", "stores: {keys: listed-keys}", "dialects: [plain]"])
def test_config_check_names_extensions_that_are_refused(
    general: str, variable: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, path = tmp_path / "plugins.lock", tmp_path / "config.yaml"
    path.write_text(f"{MODEL}general_settings:\n  {general}\n")
    load_config(path, environment={"K": "sk-x"}, plugins=True)
    sys.modules.pop("sample_extensions")
    lock.write_text('{"format": 1, "distributions": []}')
    monkeypatch.setenv(variable, value.format(lock=lock))
    with pytest.raises(ConfigProblems, match=said) as caught:
        load_config(path, environment={"K": "sk-x"}, plugins=True)
    assert 3 in [problem.line for problem in caught.value.problems]  # the lock forbids the model's plugin as well
    assert "sample_extensions" not in sys.modules
    with pytest.raises(LLMGateError, match=said):
        create_app(load_config(path, environment={"K": "sk-x"}))


@pytest.mark.parametrize("general", [{"middleware": ["nobody"]}, {"stores": {"keys": "nobody"}}, {"dialects": ["no"]}])
def test_an_extension_that_is_not_installed_is_an_error_of_the_config(general: dict[str, Any]) -> None:
    entry = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
    with pytest.raises(ConfigError, match=r"llmgate\.gateway\."):
        create_app(load_config_dict({"model_list": [entry], "general_settings": general}))


def test_an_extension_that_cannot_be_imported_names_its_distribution() -> None:
    entry = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
    config = load_config_dict({"model_list": [entry], "general_settings": middleware("absent")})
    with pytest.raises(PluginLoadError) as caught:
        create_app(config)
    assert caught.value.distribution == "llmgate-sample-extensions"


def test_options_of_an_extension_are_shown_by_nothing() -> None:
    entry = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
    options = {"url": "redis://:p4ssw0rd@host"}
    general = middleware({"name": "cache", "options": options})
    config = load_config_dict({"model_list": [entry], "general_settings": general})
    assert config.general.middleware[0].options == options
    for shown in (repr(config), str(config.general), config.general.model_dump_json()):
        assert "p4ssw0rd" not in shown
