"""A plugin from elsewhere, installed with pip, serves the gateway without a word of core's: A115."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx

from llmgate_core.testing import fake_upstream
from tests.support.gateway_process import gateway_process
from tests.support.openai_upstream import answered

PLUGIN = """
from llmgate_core.plugin import OpenAICompatible, ProviderInfo

class Acme(OpenAICompatible):
    info = ProviderInfo(api=(1, 0), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")
    rename = {"max_tokens": "limit"}

plugin = Acme()
"""
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "llmgate-acme"
version = "0.3"
dependencies = ["llmgate-core>=0.1"]
[project.entry-points."llmgate.chat"]
acme = "llmgate_acme:plugin"
"""
CONFIG = "model_list: [{{model_name: large, params: {{model: acme/large, api_base: '{base_url}'}}}}]\n"


def test_a_plugin_installed_with_pip_from_elsewhere_serves_the_gateway(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    (source / "llmgate_acme").mkdir(parents=True)
    (source / "llmgate_acme" / "__init__.py").write_text(PLUGIN, "utf-8")
    (source / "pyproject.toml").write_text(PROJECT, "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([*pip, str(source)], check=True, capture_output=True, timeout=120)
    with fake_upstream() as upstream:
        upstream.otherwise = answered
        (tmp_path / "config.yaml").write_text(CONFIG.format(base_url=upstream.base_url), "utf-8")
        environment = {"ACME_API_KEY": "acme-key", "PYTHONPATH": str(site)}
        with gateway_process("--config", "config.yaml", folder=tmp_path, environment=environment) as gateway:
            body = {"model": "large", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
            reply = httpx.post(f"{gateway.url}/v1/chat/completions", json=body, trust_env=False)
            assert gateway.stop() == 0
    (request,) = upstream.received
    assert request["headers"]["authorization"] == "Bearer acme-key"
    assert request["json"] == {"model": "large", "messages": body["messages"], "limit": 5}
    assert reply.json()["choices"][0]["message"]["content"] == "Hello!"
    assert [entry["parameter"] for entry in json.loads(reply.headers["x-llmgate-ledger"])] == ["max_tokens"]
    assert json.loads(gateway.out[0])["plugin"] == "llmgate-acme"
