"""The path of a stranger: `llmgate plugin new`, install, test, call through SDK, command line and gateway."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from llmgate_core.cli import main
from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.gateway_process import GatewayProcess, clean_environment
from tests.support.openai_upstream import answered
from tests.support.paths import ROOT
from tests.support.plugin_site import PluginSite, provider_module

STREAMED = {"own": "Hello!", "compatible": "one two three"}
"""What the two upstreams stream: the fake of the generated tests, and the one that all our tests share."""
ARGUMENTS = {"own": [], "compatible": ["--openai-compatible", "--family", "chat", "--family", "embedding"]}
MAX_LINES_OF_A_COMPATIBLE_PLUGIN = 20
CALL = """
from llmgate_core import Client
with Client() as client:
    messages = [{"role": "user", "content": "hi"}]
    print(client.completion("acme/large", messages).choices[0].message.content)
    print(client.completion("acme-large", messages).choices[0].message.content)
    print(client.responses("acme/large", "hi").output_text)
    print("".join(it.choices[0].delta.content or "" for it in client.completion("acme/large", messages, stream=True)))
"""


def new(folder: Path, *arguments: str) -> int:
    return main(["plugin", "new", *arguments, "--dir", str(folder)])


def install(source: Path, site: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([*pip, str(source)], check=True, capture_output=True, timeout=120)


def done(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    run = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(autouse=True)
def no_module_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what another test may have imported under the name of the new plugin, which counts as taken."""
    monkeypatch.delitem(sys.modules, "llmgate_acme", raising=False)


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        yield running


def fake_of(source: Path) -> Any:
    """Return the function with which the generated tests answer."""
    spec = importlib.util.spec_from_file_location("generated_fake", source / "tests" / "fake.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.answered


def ask_gateway(folder: Path, environment: dict[str, str]) -> str:
    config = folder / "config.yaml"
    config.write_text(json.dumps({"model_list": [{"model_name": "acme", "params": {"model": "acme/large"}}]}))
    config.chmod(0o600)
    arguments = ["serve", "--config", str(config), "--port", "0"]
    gateway = GatewayProcess(arguments, folder=folder, environment=environment)
    try:
        body = {"model": "acme", "messages": [{"role": "user", "content": "hi"}]}
        answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=body, timeout=30)
        return str(answer.json()["choices"][0]["message"]["content"])
    finally:
        gateway.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["own", "compatible"])
def test_a_new_plugin_installs_passes_its_tests_and_answers_everywhere(
    kind: str, upstream: FakeUpstream, tmp_path: Path, record_property: Any
) -> None:
    started = time.monotonic()
    assert new(tmp_path, "acme", *ARGUMENTS[kind]) == 0
    source, site = tmp_path / "llmgate-acme", tmp_path / "site"
    install(source, site)
    upstream.otherwise = answered if kind == "compatible" else fake_of(source)
    environment = clean_environment(
        PYTHONPATH=f"{site}:{ROOT}", ACME_API_KEY="sk-test", ACME_BASE_URL=upstream.base_url
    )
    done(["-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(source)], tmp_path, environment)
    said = done(["-c", CALL], tmp_path, environment).splitlines()
    assert said == ["Hello!", "Hello!", "Hello!", STREAMED[kind]]
    assert done(["-m", "llmgate_core", "chat", "acme/x", "hi"], tmp_path, environment) == f"{STREAMED[kind]}\n"
    assert ask_gateway(tmp_path, environment) == "Hello!"
    seconds = time.monotonic() - started
    sys.stdout.write(f"from `llmgate plugin new` to the answer of a gateway ({kind}): {seconds:.1f} s\n")
    record_property("seconds", seconds)


def test_a_compatible_plugin_is_a_few_lines(tmp_path: Path) -> None:
    assert new(tmp_path, "acme", "--openai-compatible", "--family", "chat", "--family", "embedding") == 0
    package = tmp_path / "llmgate-acme" / "llmgate_acme"
    lines = [line for path in package.rglob("*.py") for line in path.read_text().splitlines()]
    assert 0 < len(lines) <= MAX_LINES_OF_A_COMPATIBLE_PLUGIN
    assert (package / "py.typed").exists()
    pyproject = (tmp_path / "llmgate-acme" / "pyproject.toml").read_text()
    assert pyproject.count('acme = "llmgate_acme:plugin"') == 2


@pytest.mark.parametrize(
    ("family", "mode"), [("chat", "chat"), ("responses", "responses"), ("translation", "audio_transcription")]
)
def test_a_model_has_the_mode_of_its_family(family: str, mode: str, tmp_path: Path) -> None:
    assert new(tmp_path, "acme", "--openai-compatible", "--family", family) == 0
    models = json.loads((tmp_path / "llmgate-acme" / "llmgate_acme" / "models.json").read_text())
    assert models["prefix_by_mode"] == {mode: "acme"}
    assert models["models"]["acme-large"] == {"mode": mode}


def test_the_next_commands_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new(tmp_path, "z.ai") == 0
    folder = tmp_path / "llmgate-z-ai"
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"  pip install -e '{folder}[test]'",
        f"  python -m pytest {folder}",
        '  Z_AI_API_KEY=... llmgate chat z.ai/z.ai-large "Hello"',
    ]
    assert '"z.ai" = "llmgate_z_ai:plugin"' in (folder / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    "name",
    ["", "-", "Acme", "a/b", "a b", "../x", "a..b", "é", "acme-", "a" * 61, "1a", "a;b", "a\nb", "openai", "local"],
)
def test_a_name_that_is_wrong_or_taken_is_refused_before_anything_is_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new(tmp_path, f"llmgate-{name}" if name in ("", "-", "-x") else name) == 2
    assert "llmgate: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_prefix_or_a_distribution_that_is_installed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site").mkdir()
    site = PluginSite(tmp_path / "site", monkeypatch)
    site.install("llmgate-of-acme", {"chat:acme/fast": "plugin"}, source=provider_module("acme", "https://a.example"))
    site.install("llmgate-other", {"extensions:log": "log"})
    target = tmp_path / "target"
    for name, owner in (("acme", "llmgate-of-acme"), ("other", "llmgate-other")):
        assert new(target, name) == 2
        assert owner in capsys.readouterr().err
    assert not target.exists()


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new(tmp_path, "acme") == 0
    (tmp_path / "llmgate-acme" / "README.md").write_text("mine")
    assert new(tmp_path, "acme") == 2
    assert "exists" in capsys.readouterr().err
    assert (tmp_path / "llmgate-acme" / "README.md").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["llmgate-acme"]


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert new(tmp_path / "file" / "below", "acme") == 2


def test_a_wire_of_its_own_begins_with_chat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new(tmp_path, "acme", "--family", "embedding") == 2
    assert "--openai-compatible" in capsys.readouterr().err


def test_the_page_shows_the_pyproject_that_is_written(tmp_path: Path) -> None:
    assert new(tmp_path, "acme", "--openai-compatible", "--family", "chat", "--family", "embedding") == 0
    page = (ROOT / "docs" / "plugins" / "publishing.md").read_text("utf-8")
    assert f"```toml\n{(tmp_path / 'llmgate-acme' / 'pyproject.toml').read_text('utf-8')}```" in page
