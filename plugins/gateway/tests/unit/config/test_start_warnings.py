"""What would fail at its first request is a warning at the start: no key, a retired model, a wrong endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_gateway.config import load_config


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)


def warnings_of(model: str, *, info: dict[str, Any] | None = None, **params: Any) -> list[str]:
    entry = {"model_name": "*" if "*" in model else "m", "params": {"model": model, **params}, "model_info": info or {}}
    return list(load_config({"model_list": [entry]}, environment={}, plugins=True).warnings)


@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o", "openai/*", "openai/responses/gpt-4o"])
def test_a_deployment_without_a_key_for_its_upstream_is_warned_of(model: str) -> None:
    (warning,) = warnings_of(model)
    assert warning.endswith(
        "there is no key for the upstream, so its requests will be refused: set OPENAI_API_KEY, or give api_key"
    )


@pytest.mark.parametrize(
    "params",
    [{"api_key": "sk-x"}, {"api_base": "http://localhost:8000/v1"}, {"extra_headers": {"x-key": "k"}}],
    ids=str,
)
def test_a_deployment_that_needs_no_other_key_is_not_warned_of(params: dict[str, Any]) -> None:
    assert warnings_of("openai/gpt-4o", **params) == []


def test_the_variable_of_the_plugin_is_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert warnings_of("openai/gpt-4o") == []


@pytest.mark.parametrize("model", ["text-completion-openai/babbage-002", "babbage-002"])
def test_a_model_that_was_shut_down_is_warned_of(model: str) -> None:
    (warning,) = warnings_of(model, api_key="sk-x")
    assert "says that 'babbage-002' was shut down, on 2026-09-28" in warning


@pytest.mark.parametrize(
    ("model", "mode"),
    [("openai/text-embedding-3-small", "embedding"), ("openai/whisper-1", "audio_transcription")],
)
def test_a_model_that_the_catalogue_knows_for_another_endpoint_is_warned_of(model: str, mode: str) -> None:
    (warning,) = warnings_of(model, api_key="sk-x")
    assert f"as a model of mode {mode}: with model_info.mode: {mode} the gateway refuses other requests" in warning
    assert warnings_of(model, api_key="sk-x", info={"mode": mode}) == []


def test_a_mode_that_contradicts_the_catalogue_is_warned_of() -> None:
    (warning,) = warnings_of("openai/text-embedding-3-small", api_key="sk-x", info={"mode": "chat"})
    assert "model_info.mode is chat, and the catalogue knows" in warning
    assert warnings_of("openai/gpt-4o", api_key="sk-x", info={"mode": "responses"}) == []
