"""An entry point of a family that llmgate does not have is never served, and every place that lists plugins says so."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from llmgate_core import BadRequestError, Client
from llmgate_core.cli import main
from tests.support.plugin_site import PluginSite, provider_module

CONFIG = """
model_list:
  - model_name: sorter
    params: {model: acme/sorter, api_key: os.environ/ACME_API_KEY}
    model_info: {mode: realtime}
"""
UNSERVED = ("'acme' is never served: there is no group llmgate.realtime", "did its author mean llmgate.embedding?")


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "acme-canary-1234567")
    source = provider_module("acme", "http://127.0.0.1:9/v1", env_key="ACME_API_KEY")
    rows = {"provider": "acme", "prefix_by_mode": {"realtime": "acme"}, "models": {"sorter": {"mode": "realtime"}}}
    groups = {"chat:acme": "plugin", "realtime:acme": "plugin", "embeddings:acme": "plugin"}
    PluginSite(tmp_path, monkeypatch).install("llmgate-acme", groups, source=source, models=rows)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("command", ["plugins", "doctor", "config check"])
def test_commands_name_the_claim_and_what_its_author_may_have_meant(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    main([*command.split(), *([str(file)] if command == "config check" else [])])
    told = capsys.readouterr()
    for sentence in UNSERVED:
        assert sentence in told.out + told.err
    if command == "config check":
        assert "realtime is not served" in told.out


def test_a_client_warns_and_refuses_the_model() -> None:
    with Client() as client, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(BadRequestError, match="has the mode realtime and does not serve chat"):
            client.completion("sorter", [{"role": "user", "content": "hi"}])
    told = " ".join(str(warning.message) for warning in caught)
    assert all(sentence in told for sentence in UNSERVED)
