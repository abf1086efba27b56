"""The command `llmgate`, run as its users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from llmgate_core.testing import Answer, fake_upstream
from tests.support.plugin_site import PluginSite

KEY = "sk-canary-1234567890"
NO_SOCKETS = (
    "import sys; sys.addaudithook(lambda e, a: e.startswith('socket.') and sys.exit('touched ' + e));"
    "from llmgate_core.cli import main; sys.exit(main(sys.argv[1:]))"
)


def llmgate(
    *arguments: str, stdin: str | None = None, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LLMGATE_PLUGINS"))}
    return subprocess.run(
        [sys.executable, "-m", "llmgate_core", *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**clean, **(env or {})},
        timeout=60,
    )


def chunk(text: str, finish: str | None = None) -> str:
    return json.dumps({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


def test_chat_streams_the_answer_to_a_prompt_from_stdin() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer.sse([chunk("Hel"), chunk("lo", "stop")]))
        done = llmgate(
            "chat", "gpt-4o", "--api-base", upstream.base_url, stdin="Say hello", env={"OPENAI_API_KEY": KEY}
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello\n", "")
    assert upstream.received[0]["json"] == {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Say hello"}],
        "stream": True,
    }


@pytest.mark.parametrize("options", [(), ("--no-stream",)], ids=["stream", "whole"])
def test_the_prompt_may_stand_behind_the_options(options: tuple[str, ...]) -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "ab"}, "finish_reason": "stop"}]}
    with fake_upstream() as upstream:
        upstream.answers.append(Answer.json(whole) if options else Answer.sse([chunk("a"), chunk("b", "stop")]))
        given = ("chat", "gpt-4o", "--api-base", upstream.base_url, *options, "Say it")
        done = llmgate(*given, env={"OPENAI_API_KEY": KEY})
    assert (done.returncode, done.stdout, done.stderr) == (0, "ab\n", "")
    assert upstream.received[0]["json"]["messages"] == [{"role": "user", "content": "Say it"}]
    unknown = llmgate(*given, "and more")
    assert unknown.returncode == 2
    assert unknown.stderr.endswith("llmgate: error: unrecognized arguments: and more\n")


PARTS = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


@pytest.mark.parametrize(
    ("answer", "options", "printed"),
    [
        (Answer.sse([{"choices": [{"delta": {"content": PARTS}, "finish_reason": "stop"}]}]), (), "ab\n"),
        (Answer.json({"choices": [{"message": {"content": PARTS}}]}), ("--no-stream",), "ab\n"),
        (Answer.json({"choices": []}), ("--no-stream", "--param", "stream=true"), "\n"),
    ],
    ids=["parts in a stream", "parts", "no choice"],
)
def test_chat_prints_the_text_of_an_answer_in_any_form(answer: Answer, options: tuple[str, ...], printed: str) -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(answer)
        given = ("chat", "gpt-4o", "hi", "--api-base", upstream.base_url, *options)
        done = llmgate(*given, env={"OPENAI_API_KEY": KEY})
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


@pytest.mark.parametrize("name", ["messages", "model"])
def test_a_parameter_that_the_command_has_an_argument_for_is_refused_in_one_line(name: str) -> None:
    done = llmgate("chat", "gpt-4o", "hi", "--param", f"{name}=x", env={"OPENAI_API_KEY": KEY})
    assert done.returncode == 1
    assert done.stderr == f"llmgate: --param cannot give '{name}': the command has an argument for it\n"


def test_chat_json_prints_one_chunk_a_line() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer.sse([chunk("a"), chunk("b", "stop")]))
        done = llmgate("chat", "gpt-4o", "hi", "--json", "--api-base", upstream.base_url, env={"OPENAI_API_KEY": KEY})
    assert [json.loads(line)["choices"][0]["delta"]["content"] for line in done.stdout.splitlines()] == ["a", "b"]


def test_an_error_is_one_line_and_status_1_and_bad_usage_is_2() -> None:
    failed = llmgate("chat", "gpt-4o", "hi")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "llmgate: no API key for openai: set OPENAI_API_KEY, or pass api_key=\n"
    assert llmgate("chatt").returncode == 2


def test_the_key_comes_from_dotenv_and_an_existing_variable_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"# keys\nexport OPENAI_API_KEY='{KEY}'\n")
    with fake_upstream() as upstream:
        upstream.answers += [Answer.sse([chunk("a", "stop")])] * 2
        arguments = ("chat", "gpt-4o", "hi", "--api-base", upstream.base_url)
        assert llmgate(*arguments, cwd=tmp_path).returncode == 0
        assert llmgate(*arguments, cwd=tmp_path, env={"OPENAI_API_KEY": "sk-existing-123"}).returncode == 0
    sent = [request["headers"]["authorization"] for request in upstream.received]
    assert sent == [f"Bearer {KEY}", "Bearer sk-existing-123"]


def test_explain_sends_nothing_needs_no_key_and_shows_every_fate() -> None:
    given = ("temperature=0.2", "max_tokens=5", "verbosity=low", "stop=END")
    parameters = [word for item in given for word in ("--param", item)]
    done = subprocess.run(
        [sys.executable, "-c", NO_SOCKETS, "explain", "gpt-5", "--json", *parameters],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENAI_API_KEY": KEY},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert told["route"]["prefix"] == "openai"
    assert {fate["parameter"]: fate["fate"] for fate in told["parameters"]} == {
        "messages": "kept",
        "max_tokens": "renamed",
        "verbosity": "kept",
    }
    assert [refusal.split()[0] for refusal in told["refused"]] == ["temperature", "stop"]
    assert "$OPENAI_API_KEY" in told["curl"]
    assert KEY not in done.stdout


def test_models_lists_the_catalogue_by_prefix() -> None:
    done = llmgate("models", "--prefix", "gpt-5-nano", "--json")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["gpt-5-nano", "gpt-5-nano-2025-08-07"]


def test_plugins_shows_a_broken_one_with_its_reason_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken_one.py").write_text("import a_module_that_there_is_not\n")
    metadata = tmp_path / "broken_one-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-one\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[llmgate.chat]\nbroken = broken_one:plugin\n")
    done = llmgate("plugins", "--json", env={"PYTHONPATH": str(tmp_path)})
    states = {(row["family"], row["prefix"]): row["state"] for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0
    assert states["chat", "openai"] == "ready"
    assert "a_module_that_there_is_not" in states["chat", "broken"]
    assert llmgate("doctor", env={"PYTHONPATH": str(tmp_path)}).returncode == 1


def test_doctor_finds_nothing_wrong_here_and_shows_no_key() -> None:
    done = llmgate("doctor", env={"OPENAI_API_KEY": KEY})
    assert (done.returncode, done.stderr) == (0, "")
    assert KEY not in done.stdout
    (keys,) = [line for line in done.stdout.splitlines() if "keys set" in line]
    assert "OPENAI_API_KEY (openai/" in keys
    assert len(done.stdout.splitlines()) < 60  # not one for each of some 400 claims


def test_plugins_names_a_distribution_with_many_prefixes_once_for_each_family() -> None:
    lines = llmgate("plugins").stdout.splitlines()
    (chat,) = [line for line in lines if line.startswith("llmgate-providers ") and " chat " in line]
    assert " prefixes " in chat
    whole = [json.loads(line) for line in llmgate("plugins", "--json").stdout.splitlines()]
    assert len([row for row in whole if row["distribution"] == "llmgate-providers"]) > 100
    assert len(lines) < 100


def test_show_names_the_prefix_that_was_probably_meant() -> None:
    done = llmgate("provider", "show", "groc")
    assert (done.returncode, "groq/" in done.stderr) == (2, True)


def test_help_loads_no_client_and_no_plugin() -> None:
    probe = (
        "import sys; from llmgate_core.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'httpx', 'pydantic', 'pluggy', 'yaml'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert done.stderr == "[]\n"


def test_doctor_and_plugins_list_what_a_stranger_may_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = PluginSite(tmp_path, monkeypatch)
    models = {"provider": "openai", "models": {"gpt-4o": {"mode": "chat", "pricing": {"standard": {"input": 0}}}}}
    claims = {"chat:openai": "plugin", "chat:openai/ft": "plugin", "embeddings:acme": "plugin"}
    site.install("llmgate-stranger", claims, models=models)
    environment = {"PYTHONPATH": str(tmp_path), "LLMGATE_PLUGINS": "-llmgate-typo"}
    parts = ("'openai/' for chat", "'openai/ft/' for chat", "rows of the provider 'openai'", "llmgate.embeddings;")
    for command, status in (("doctor", 1), ("plugins", 0)):
        done = llmgate(command, env=environment)
        assert done.returncode == status
        assert "UserWarning" not in done.stderr
        for part in parts:
            (line,) = [line for line in done.stdout.splitlines() if part in line and "llmgate-stranger 1.2" in line]
            assert command == "plugins" or line.startswith("FAIL ")
        assert "'llmgate-typo'" in done.stdout
        shown = llmgate(command, "--json", env=environment)
        assert all(isinstance(json.loads(line), dict) for line in shown.stdout.splitlines())
