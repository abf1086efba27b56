"""`llmgate provider`: what is written and where, what is refused, and reports of calls to good and bad servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from llmgate_gateway.config import load_config

from llmgate_core.cli import main
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream

KEY = "sk-check-canary-Ft63NbVq9w"
URL = "https://api.acme.example/v1"
ADD = ("provider", "add", "acme", "--base-url", URL, "--key-env", "ACME_KEY")
CONFIG = """# the models of our team
model_list:
  - model_name: fast   # cheap
    litellm_params: {model: acme/small, api_key: os.environ/ACME_KEY}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LLMGATE_PROVIDERS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config" / "llmgate" / "providers.json"


@pytest.fixture
def run(file: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, and return its exit status, output and errors."""

    def ran(*words: str) -> tuple[int, str, str]:
        status = main(words)
        said = capsys.readouterr()
        return status, said.out, said.err

    return ran


# --- add, list, show, remove ---


def test_a_provider_is_added_listed_shown_and_removed(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = run(*ADD, "--family", "chat", "--family", "embedding")
    assert (status, str(file) in err) == (0, True)
    row = {"base_url": URL, "env_key": ["ACME_KEY"], "families": ["chat", "embedding"]}
    assert json.loads(out) == json.loads(file.read_text()) == {"acme": row}
    assert list(file.parent.iterdir()) == [file]

    status, out, _ = run("provider", "list", "--json")
    assert json.loads(out) == {"prefix": "acme", "from": str(file), "state": "chat, embedding"}
    monkeypatch.setenv("ACME_KEY", KEY)
    status, out, _ = run("provider", "show", "acme", "--json")
    shown = json.loads(out)
    assert shown["families"]["embedding"]["base_url"] == URL
    assert shown["families"]["chat"]["key_variables"] == {"ACME_KEY": "set"}
    assert (shown["declaration"], shown["declared in"]) == (row, str(file))
    assert KEY not in out

    assert run("provider", "remove", "acme")[0] == 0
    assert json.loads(file.read_text()) == {}
    assert run("provider", "remove", "acme")[0] == 2


def test_the_variable_names_another_file(run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGATE_PROVIDERS", str(tmp_path / "mine.json"))
    assert run(*ADD)[0] == 0
    assert json.loads((tmp_path / "mine.json").read_text())["acme"]["base_url"] == URL
    assert not file.exists()


def test_a_dry_run_writes_nothing(run: Run, file: Path) -> None:
    status, out, err = run(*ADD, "--dry-run")
    assert (status, file.exists(), str(file) in err) == (0, False, True)
    assert json.loads(out)["acme"]["env_key"] == ["ACME_KEY"]


def test_other_providers_of_the_file_stay(run: Run, file: Path) -> None:
    assert run(*ADD)[0] == 0
    assert run("provider", "add", "box", "--base-url", "http://gpu-box:8000/v1", "--no-key")[0] == 0
    assert list(json.loads(file.read_text())) == ["acme", "box"]
    assert run(*ADD)[0] == 2  # it is there already
    assert list(json.loads(file.read_text())) == ["acme", "box"]


@pytest.mark.parametrize(
    "words",
    [
        ("Acme", "--base-url", URL, "--no-key"),
        ("acme/", "--base-url", URL, "--no-key"),
        ("groq", "--base-url", URL, "--no-key"),
        ("openai", "--base-url", URL, "--no-key"),
        ("acme", "--base-url", "http://api.acme.example/v1", "--no-key"),
        ("acme", "--base-url", "http://8.8.8.8/v1", "--no-key"),
        ("acme", "--base-url", "api.acme.example", "--no-key"),
        ("acme", "--base-url", URL, "--key-env", KEY),
    ],
)
def test_what_cannot_be_used_is_not_written(words: tuple[str, ...], run: Run, file: Path) -> None:
    status, out, err = run("provider", "add", *words)
    assert (status, out, file.exists()) == (2, "", False)
    assert KEY not in err


def test_an_installed_prefix_is_replaced_only_if_that_is_asked_for(run: Run, file: Path) -> None:
    status, _, err = run("provider", "add", "groq", "--base-url", URL, "--no-key")
    assert (status, "llmgate-providers" in err, "replace" in err) == (2, True, True)
    assert run("provider", "add", "groq", "--base-url", URL, "--no-key", "--replace")[0] == 0
    assert json.loads(run("provider", "show", "groq", "--json")[1])["families"]["chat"]["base_url"] == URL


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8000/v1", "http://10.1.2.3/v1", "http://[::1]:80/v1", "http://gpu-box/v1", "http://a.local/v1"],
)
def test_http_is_for_this_machine_and_private_names(url: str, run: Run) -> None:
    assert run("provider", "add", "acme", "--base-url", url, "--no-key")[0] == 0


def test_a_damaged_file_is_not_overwritten(run: Run, file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text("{")
    assert run(*ADD)[0] == 2
    assert file.read_text() == "{"


def test_a_bad_row_is_listed_with_its_reason(run: Run, file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"acme": {"base_url": URL, "families": ["chats"]}}))
    status, out, _ = run("provider", "list")
    assert (status, "families" in out) == (1, True)
    assert run("provider", "show", "acme")[0] == 1
    assert run("provider", "show", "nothing-of-this-name")[0] == 2


# --- a gateway's config ---


@pytest.mark.parametrize("section", ["", "providers:\n  box:\n    base_url: http://box/v1\n    key_optional: true\n"])
def test_a_provider_is_added_to_a_config(
    section: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_KEY", KEY)
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG + section)
    path.chmod(0o644)
    assert run(*ADD, "--config", str(path))[0] == 0
    text = path.read_text()
    assert text.startswith(CONFIG)
    assert yaml.safe_load(text)["providers"]["acme"]["env_key"] == ["ACME_KEY"]
    config = load_config(str(path), plugins=True)
    assert set(config.providers) == ({"acme", "box"} if section else {"acme"})
    assert run(*ADD, "--config", str(path))[0] == 2


@pytest.mark.parametrize("content", [CONFIG + "providers: {}\n", "[]", "a: [", CONFIG + "providers: 7\n", ""])
def test_a_config_that_lines_cannot_be_added_to_stays(content: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    status, _, err = run(*ADD, "--config", str(path))
    assert (status, path.read_text()) == (2, content)
    assert str(path) in err


def test_a_config_that_is_not_there(run: Run, tmp_path: Path) -> None:
    assert run(*ADD, "--config", str(tmp_path / "missing.yaml"))[0] == 2


# --- check ---


def chat(message: dict[str, Any], reason: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def good(request: ReceivedRequest) -> Answer:
    """Answer as a provider that does everything."""
    body, path = request["json"], request["path"]
    if request["headers"].get("authorization") != f"Bearer {KEY}":
        return Answer.json({"error": {"message": f"wrong key, yours is not {KEY}", "code": "invalid_api_key"}}, 401)
    if "no-such-model" in str(body.get("model")):
        return Answer.json({"error": {"message": "no such model", "code": "model_not_found"}}, 404)
    if path.endswith("/embeddings"):
        rows = [{"object": "embedding", "index": index, "embedding": [0.5, 1.0]} for index in range(2)]
        return Answer.json(
            {"object": "list", "data": rows, "model": "e", "usage": {"prompt_tokens": 2, "total_tokens": 2}}
        )
    if body.get("stream"):
        return streamed(with_usage=bool(body.get("stream_options")))
    if body.get("max_tokens") == 5:
        return Answer.json(chat({"content": "one two three"}, "length"))
    if body.get("tools") and len(body["messages"]) == 1:
        call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
        return Answer.json(chat({"content": None, "tool_calls": [call]}, "tool_calls"))
    text = '{"city": "Paris", "people": 2000000}' if "response_format" in body else "hello"
    return Answer.json(chat({"content": text}))


def streamed(*, with_usage: bool, ends: bool = True) -> Answer:
    said = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": {"content": "hello"}, "finish_reason": None}]
    end = [{"index": 0, "delta": {}, "finish_reason": "stop"}] if ends else []
    chunks = [{**said, "choices": choices}, {**said, "choices": end}]
    if with_usage:
        chunks.append({**said, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    return Answer.sse(chunks)


def careless(request: ReceivedRequest) -> Answer:
    """Answer as a server that takes every key and model, never says `length`, and counts nothing in streams."""
    body = request["json"]
    if any("image_url" in str(message) for message in body.get("messages", ())):
        return Answer.json({"error": {"message": f"this model has no eyes {KEY}"}}, 400)
    if body.get("stream"):
        return streamed(with_usage=False)
    if body.get("tools"):
        call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "Paris"}}
        return Answer.json(chat({"content": None, "tool_calls": [call]}, "tool_calls"))
    return Answer.json(chat({"content": "hello"}))


@pytest.fixture
def acme(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUpstream]:
    monkeypatch.setenv("ACME_KEY", KEY)
    with fake_upstream() as upstream:
        words = ("provider", "add", "acme", "--base-url", upstream.base_url, "--key-env", "ACME_KEY")
        assert run(*words, "--family", "chat", "--family", "embedding")[0] == 0
        yield upstream


CHECK = ("provider", "check", "acme", "--model", "m", "--embedding-model", "e")


def test_a_provider_that_behaves_passes_every_call(run: Run, acme: FakeUpstream) -> None:
    acme.otherwise = good
    status, out, err = run(*CHECK, "--json")
    report = json.loads(out)
    outcomes = {call["name"]: call["outcome"] for call in report["calls"]}
    assert len(outcomes) == 12
    assert outcomes.pop("Responses API") == "skipped"
    assert set(outcomes.values()) == {"passed"}
    assert (status, report["provider"], report["base_url"]) == (0, "acme", acme.base_url)
    assert KEY not in out + err
    assert "12/12" in err


def test_a_report_in_markdown_names_what_fails_and_no_key(run: Run, acme: FakeUpstream) -> None:
    acme.otherwise = careless
    status, out, err = run(*CHECK)
    rows = [line.split("|") for line in out.splitlines() if line.startswith("| ")]
    outcomes = {row[1].strip(): row[2].strip() for row in rows}
    assert {name for name, outcome in outcomes.items() if outcome == "failed"} == {
        "usage in a stream",
        "tools",
        "tool loop",
        "JSON schema",
        "length",
        "wrong key",
        "wrong model",
        "embedding",
    }
    assert (outcomes["picture"], outcomes["chat"], outcomes["stream"]) == ("refused", "passed", "passed")
    assert status == 1
    assert KEY not in out + err


def test_a_stream_without_an_end_and_a_server_that_fails(run: Run, acme: FakeUpstream) -> None:
    def broken(request: ReceivedRequest) -> Answer:
        if request["json"].get("stream"):
            return streamed(with_usage=False, ends=False)
        return Answer.json({"error": {"message": "out of order"}}, 500)

    acme.otherwise = broken
    status, out, _ = run(*CHECK, "--json")
    assert status == 1
    assert {call["outcome"] for call in json.loads(out)["calls"]} <= {"failed", "skipped"}


def test_what_an_answer_says_is_not_in_the_report(run: Run, acme: FakeUpstream) -> None:
    acme.otherwise = Answer.json(chat({"content": f"the key is {KEY}"}, KEY))
    status, out, err = run(*CHECK)
    assert status == 1
    assert KEY not in out + err


def test_a_check_needs_a_model_a_prefix_and_a_key(
    run: Run, acme: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("provider", "check", "acme")[0] == 2
    assert run("provider", "check", "nothing-of-this-name", "--model", "m")[0] == 2
    monkeypatch.delenv("ACME_KEY")
    status, _, err = run("provider", "check", "acme", "--model", "m")
    assert (status, "ACME_KEY" in err) == (2, True)
    assert acme.received == []


def test_a_provider_without_a_key_is_not_asked_with_a_wrong_one(run: Run) -> None:
    with fake_upstream() as upstream:
        upstream.otherwise = careless
        assert run("provider", "add", "box", "--base-url", upstream.base_url, "--no-key")[0] == 0
        _, out, _ = run("provider", "check", "box", "--model", "m", "--json")
        outcomes = {call["name"]: call["outcome"] for call in json.loads(out)["calls"]}
        assert outcomes["wrong key"] == "skipped"
        assert all("authorization" not in request["headers"] for request in upstream.received)
