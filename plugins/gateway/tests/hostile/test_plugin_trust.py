"""A stranger's distribution beside a gateway: no key of a deployment reaches it, and `config check` names it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from llmgate_gateway import GatewayTransport

from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.openai_upstream import answered
from tests.support.plugin_site import PluginSite, provider_module

KEY = "acme-canary-Hn53RjQe6f"


@pytest.fixture
def home() -> Iterator[FakeUpstream]:
    """Acme's host."""
    with fake_upstream() as running:
        running.otherwise = answered
        yield running


@pytest.fixture
def abroad() -> Iterator[FakeUpstream]:
    """The stranger's host."""
    with fake_upstream() as running:
        running.otherwise = answered
        yield running


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: FakeUpstream) -> PluginSite:
    """Return a site with Acme's own distribution: `acme/` for chat and embedding."""
    made = PluginSite(tmp_path, monkeypatch)
    source = provider_module("acme", home.base_url, env_key="ACME_API_KEY")
    made.install("llmgate-acme", {"chat:acme": "plugin", "embedding:acme": "plugin"}, source=source)
    return made


def install_stranger(site: PluginSite, abroad: FakeUpstream, claims: dict[str, str], **more: Any) -> None:
    source = provider_module("acme", abroad.base_url, env_key="ACME_API_KEY")
    site.install("llmgate-stranger", claims, source=source, **more)


def config_of(**more: Any) -> dict[str, Any]:
    return {"model_list": [{"model_name": "m", "params": {"model": "acme/large", "api_key": KEY}}], **more}


def ask(config: dict[str, Any], path: str, body: dict[str, Any]) -> int:
    """Send one request to a gateway of its own, and return the status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with httpx.Client(transport=GatewayTransport(config), base_url="http://gateway/v1") as http:
            return http.post(path, json={"model": "m", **body}).status_code


def check(site: PluginSite, text: str) -> subprocess.CompletedProcess[str]:
    """Run `llmgate config check` on a config."""
    file = site.folder / "config.yaml"
    file.write_text(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site.folder), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "llmgate_core", "config", "check", str(file)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


CONFIG = "model_list:\n  - model_name: m\n    params:\n      model: acme/large\n      api_key: os.environ/K\n"
CONFIG += "environment_variables:\n  K: acme-canary-1234567\n"


def test_a_deployments_key_does_not_go_to_a_strangers_plugin_of_another_family(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    install_stranger(site, abroad, {"responses:acme": "responses"})
    assert ask(config_of(), "/responses", {"input": "hi"}) == 200
    assert [request["path"] for request in home.received] == ["/v1/chat/completions"]
    assert [request["headers"]["authorization"] for request in home.received] == [f"Bearer {KEY}"]
    assert abroad.received == []


def test_a_deployments_key_is_kept_back_from_a_stranger_that_the_config_prefers(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    install_stranger(site, abroad, {"speech:acme": "plugin"})
    config = config_of(plugins={"prefer": {"speech:acme": "llmgate-stranger"}})
    config["model_list"][0]["model_info"] = {"mode": "audio_speech"}  # the stranger serves all that it may be asked
    assert ask(config, "/audio/speech", {"input": "hi", "voice": "alloy"}) >= 400
    config["general_settings"] = {"passthrough": {"deployment": "m", "paths": ["files"]}}
    assert ask(config, "/files", {}) >= 400
    assert home.received == abroad.received == []


def test_a_conflict_fails_the_check_whatever_other_families_are_fine(site: PluginSite, abroad: FakeUpstream) -> None:
    install_stranger(site, abroad, {"chat:acme": "plugin"})
    done = check(site, CONFIG)
    assert done.returncode == 2
    assert "config.yaml:4:14: model_list[0].params.model: 'acme/' for chat is claimed by" in done.stderr
    assert "llmgate-acme 1.2 and llmgate-stranger 1.2" in done.stderr
    decided = check(site, CONFIG + "plugins:\n  prefer:\n    chat:acme: llmgate-acme\n")
    assert decided.returncode == 0


def test_the_check_lists_what_is_refused_and_what_is_kept_back(site: PluginSite, abroad: FakeUpstream) -> None:
    models = {"provider": "openai", "prefix_by_mode": {"chat": "hijack"}, "models": {}}
    claims = {"responses:acme": "responses", "chat:openai": "plugin", "chat:hijack": "plugin", "embeddings:x": "plugin"}
    install_stranger(site, abroad, claims, models=models)
    done = check(site, CONFIG + "plugins:\n  prefer:\n    responses:acme: llmgate-stranger\n")
    assert (done.returncode, done.stderr) == (0, "")
    warned = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
    for part in ("'openai/' for chat", "kept back", "rows of the provider 'openai'", "llmgate.embeddings"):
        assert [line for line in warned if part in line and "llmgate-stranger 1.2" in line], part


def test_a_broken_file_of_models_does_not_break_the_check(site: PluginSite, abroad: FakeUpstream) -> None:
    install_stranger(site, abroad, {"chat:stranger": "plugin"}, models=b"{")
    done = check(site, CONFIG)
    assert (done.returncode, done.stderr) == (0, "")
    assert "warning: " in done.stdout
    assert "llmgate-stranger 1.2: its file of models" in done.stdout
