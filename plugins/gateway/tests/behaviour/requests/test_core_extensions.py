"""Extensions of llmgate in the gateway: they see every call, know who called, and add pages, middleware and stores."""

from __future__ import annotations

import json
import sqlite3
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llmgate_gateway import Answer as GatewayAnswer
from llmgate_gateway import Caller, GatewayCall, Handler, Reply, create_app
from llmgate_gateway.commands.config import command
from llmgate_gateway.config import ConfigProblems, load_config, load_config_dict

from llmgate_core import ConfigError, PluginError
from llmgate_core.plugin import hookimpl
from llmgate_core.testing import Answer
from tests.support.example_extensions import installed
from tests.support.plugin_site import PluginSite

SAYS = {"id": "c", "object": "chat.completion", "created": 7, "model": "gpt-4o"}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
USD = 1000 * 2.5e-6 + 100 * 10e-6
ASK = "Write to ann@example.com"
TEXT = "Dear <email-1>, <email"
RESTORED = "Dear ann@example.com, <email"
KEYS = [{"name": name, "key": f"sk-gateway-{name}-0123456789"} for name in ("team-a", "team-b")]


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed(tmp_path_factory.mktemp("site")):
        yield


def chunk(text: str | None, finish: str | None = None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}]
    return {**SAYS, "object": "chat.completion.chunk", "choices": choices}


def answer(request: Any) -> Answer:
    if request["json"].get("stream"):
        usage = [{**chunk(None), "choices": [], "usage": USAGE}] if "stream_options" in request["json"] else []
        return Answer.sse([*map(chunk, TEXT), chunk(None, "stop"), *usage])
    choices = [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}]
    return Answer.json({**SAYS, "choices": choices, "usage": USAGE}, x_request_id="up-1")


def text_of(response: Any) -> str:
    if response.headers["content-type"].startswith("application/json"):
        content: str = response.json()["choices"][0]["message"]["content"]
        return content
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait for what an observer's thread does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def rows(file: Path) -> list[Any]:
    if not file.exists():
        return []
    database = sqlite3.connect(file)
    try:
        return database.execute("SELECT caller, outcome, attempts, input_tokens, usd, id FROM calls").fetchall()
    except sqlite3.OperationalError:  # it has no table yet
        return []
    finally:
        database.close()


@pytest.mark.parametrize("stream", [False, True])
def test_costs_are_logged_by_caller_and_addresses_are_restored(
    stream: bool, serve: Any, upstream: Any, tmp_path: Path
) -> None:
    upstream.otherwise = answer
    file = tmp_path / "costs.sqlite"
    extensions = [{"name": "cost-log", "options": {"file": str(file)}}, "email-mask"]
    gateway = serve(general={"keys": KEYS}, settings={"extensions": extensions})
    for key in KEYS:
        body = {"model": "m", "messages": [{"role": "user", "content": ASK}], "stream": stream}
        response = gateway.post("/v1/chat/completions", body, authorization=f"Bearer {key['key']}")
        assert text_of(response) == RESTORED
    assert all(b"@" not in request["body"] for request in upstream.received)
    wait_until(lambda: len(rows(file)) == 2)
    found = sorted(rows(file))
    assert [row[:4] for row in found] == [("team-a", "finished", 1, 1000), ("team-b", "finished", 1, 1000)]
    assert [row[4] for row in found] == [pytest.approx(USD)] * 2
    assert {record.request_id for record in gateway.wait_records(2)} == {row[5] for row in found}


def test_own_prices_of_the_config_are_those_of_the_event(serve: Any, upstream: Any, tmp_path: Path) -> None:
    upstream.otherwise = answer
    file = tmp_path / "costs.sqlite"
    model = {"model": "openai/gpt-4o", "info": {"input_cost_per_token": 0.5, "output_cost_per_token": 1}}
    gateway = serve({"m": model}, settings={"extensions": [{"name": "cost-log", "options": {"file": str(file)}}]})
    response = gateway.chat()
    wait_until(lambda: rows(file))
    assert float(response.headers["x-llmgate-cost"]) == rows(file)[0][4] == 600


@pytest.mark.parametrize("stream", [False, True])
def test_a_guard_refuses_with_the_code_of_its_error(stream: bool, serve: Any, upstream: Any) -> None:
    upstream.otherwise = answer
    gateway = serve(settings={"extensions": [{"name": "word-guard", "options": {"words": ["dear", "bomb"]}}]})
    refused = gateway.chat(messages=[{"role": "user", "content": "A bomb"}])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "word_refused")
    assert upstream.received == []
    answered = gateway.chat(stream=stream)
    assert "ear" not in answered.text.replace("bearer", "")
    if stream:
        assert "word_refused" in answered.text
        assert "word_refused" in str(gateway.wait_records(2)[1].error_code)
    else:
        assert (answered.status_code, answered.json()["error"]["code"]) == (400, "word_refused")
    assert len(upstream.received) == 1


def test_a_page_of_an_extension_needs_a_key_and_knows_the_caller(serve: Any, upstream: Any, tmp_path: Path) -> None:
    upstream.otherwise = answer
    file = tmp_path / "costs.sqlite"
    settings = {"extensions": [{"name": "cost-log", "options": {"file": str(file)}}]}
    gateway = serve(general={"keys": KEYS}, settings=settings)
    authorization = f"Bearer {KEYS[0]['key']}"
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    gateway.post("/v1/chat/completions", body, authorization=authorization)
    wait_until(lambda: rows(file))
    assert gateway.http.get("/costs").status_code == 401
    page = gateway.http.get("/costs", headers={"authorization": authorization})
    assert page.json() == {"caller": "team-a", "usd": pytest.approx(USD)}


# --- register_gateway ---

SOURCE = """
from llmgate_core.plugin import hookimpl
class Extension:
    def __init__(self, do=None):
        self.do = do
    def configure(self, options):
        return Extension(options["do"])
    @hookimpl
    def register_gateway(self, gateway):
        exec(self.do, {"gateway": gateway})
extension = Extension()
"""


@pytest.fixture
def registering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    folder = tmp_path / "site"
    folder.mkdir()
    PluginSite(folder, monkeypatch).install("llmgate-adds", {"extensions:adds": "extension"}, source=SOURCE)
    entry = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
    return lambda do: {
        "model_list": [entry],
        "settings": {"extensions": [{"name": "adds", "options": {"do": do}}]},
        "general_settings": {"stores": {}},
    }


@pytest.mark.parametrize(
    ("do", "word"),
    [
        ("gateway.add_page('/livez', print)", "'/costs'"),
        ("gateway.add_page('/v1/models', print)", "served already"),
        ("gateway.add_page('/v1/models/x', print)", "served already"),
        ("gateway.add_page('POST /v1/models', print)", "served already"),
        ("gateway.add_page('/a', print); gateway.add_page('/a', print)", "served already"),
        ("gateway.add_page('/', print)", "'/costs'"),
        ("gateway.add_page('a', print)", "'/costs'"),
        ("gateway.add_page('PUT /a', print)", "'/costs'"),
        ("gateway.add_page('/a', 1)", "'/costs'"),
        ("gateway.add_page(1, print)", "AttributeError|'/costs'"),
        ("gateway.add_middleware(1)", "a call and a handler"),
        ("gateway.use_key_store(1)", "no method find"),
        ("gateway.use_blob_store(1)", "no method get"),
        ("gateway.nothing()", "AttributeError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_an_extension_that_may_not_add_something_stops_the_start(
    do: str, word: str, registering: Callable[[str], dict[str, Any]]
) -> None:
    with pytest.raises(PluginError, match=f"'adds' of llmgate-adds 1.2: hook register_gateway raised .*({word})"):
        create_app(load_config_dict(registering(do)))


class Adds:
    """An extension that adds one of each."""

    def __init__(self) -> None:
        self.seen: list[str | None] = []

    async def find(self, digest: bytes) -> Caller | None:
        return Caller("from-store")

    async def aclose(self) -> None:
        pass

    async def middleware(self, call: GatewayCall, handler: Handler) -> GatewayAnswer:
        self.seen.append(call.caller.name)
        return await handler(call)

    async def page(self, request: Any) -> Reply:
        return Reply(200, json.dumps({"models": len(request.gateway.config.deployments)}).encode())

    @hookimpl
    def register_gateway(self, gateway: Any) -> None:
        gateway.add_page("POST /adds", self.page)
        gateway.add_middleware(self.middleware)
        gateway.use_key_store(self)


def test_an_extension_adds_a_page_a_middleware_and_a_store(
    serve: Any, upstream: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upstream.otherwise = answer
    folder = tmp_path / "site"
    folder.mkdir()
    package = PluginSite(folder, monkeypatch).install("llmgate-one", {"extensions:one": "extension"}, source="")
    module = __import__(package)
    module.extension = adds = Adds()
    gateway = serve(general={"keys": KEYS[:1]}, settings={"extensions": ["one"]})
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    gateway.post("/v1/chat/completions", body, authorization="Bearer sk-of-the-store-0123456789")
    assert adds.seen == ["from-store"]
    assert gateway.post("/adds", {}, authorization=f"Bearer {KEYS[0]['key']}").json() == {"models": 1}


def test_a_reload_keeps_extensions_whose_options_are_the_same() -> None:
    def config(word: str) -> Any:
        entry = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
        guard = {"name": "word-guard", "options": {"words": [word]}}
        return load_config_dict({"model_list": [entry], "settings": {"extensions": [guard]}})

    app = create_app(config("a"))
    (first,) = app.snapshot.extensions
    app.reconfigure(config("a"))
    assert app.snapshot.extensions == (first,)
    app.reconfigure(config("b"))
    (second,) = app.snapshot.extensions
    assert (first.object.words, second.object.words) == (["a"], ["b"])


# --- the config ---

MODEL = 'model_list: [{model_name: m, params: {model: openai/gpt-4o, api_key: "os.environ/K"}}]\n'


@pytest.mark.parametrize(
    ("extensions", "where", "named"),
    [
        ("[word-gard]", "settings.extensions[0]", "did you mean 'word-guard'?"),
        ("[email-mask, nothing]", "settings.extensions[1]", "llmgate.extensions"),
        ("[word-guard]", "settings.extensions[0]", "ValueError: words must be"),
        ("[{name: email-mask, options: {a: 1}}]", "settings.extensions[0]", "takes no options"),
        ("[{name: cost-log, options: {files: x}}]", "settings.extensions[0]", "TypeError"),
    ],
)
def test_config_check_loads_extensions_with_their_options(
    tmp_path: Path, extensions: str, where: str, named: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"{MODEL}settings:\n  extensions: {extensions}\n")
    load_config(path, environment={"K": "sk-x"})
    with pytest.raises(ConfigProblems) as caught:
        load_config(path, environment={"K": "sk-x"}, plugins=True)
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert f"{where}: " in str(caught.value)
    assert named in str(caught.value)


def test_config_check_lists_extensions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    extensions = "[email-mask, {name: word-guard, options: {words: [a]}}]"
    path.write_text(f"{MODEL.replace('os.environ/K', 'sk-x')}settings:\n  extensions: {extensions}\n")
    assert command.run(Namespace(action="check", file=str(path), json=False, no_env=False)) == 0
    assert "extensions: email-mask, word-guard" in capsys.readouterr().out


def test_an_extension_that_is_not_installed_stops_the_start() -> None:
    entry = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
    with pytest.raises(ConfigError, match="'absent'"):
        create_app(load_config_dict({"model_list": [entry], "settings": {"extensions": "absent"}}))
