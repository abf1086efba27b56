"""Each of our plugins comes and goes alone: what it serves goes with it, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, LLMGateError, PluginNotInstalledError, Settings
from llmgate_core.cli import main
from llmgate_core.plugin import install_command
from llmgate_core.registry.entry_points import first_party

HI = [{"role": "user", "content": "hi"}]
SOUND = ("a.wav", b"RIFF....WAVE")
INPUTS: dict[str, dict[str, Any]] = {
    "chat": {"messages": HI},
    "responses": {"input": "hi"},
    "text_completion": {"prompt": "hi"},
    "embedding": {"input": "hi"},
    "transcription": {"file": SOUND},
    "translation": {"file": SOUND},
    "speech": {"input": "hi", "voice": "alloy"},
    "image": {"prompt": "a sea"},
    "video": {"prompt": "a sea"},
    "moderation": {"input": "hi"},
    "messages": {"messages": HI, "max_tokens": 9},
    "rerank": {"query": "hi", "documents": ["a"]},
}
ROUTES = {
    (family, prefix): owner
    for family, prefixes in first_party().items()
    for prefix, owner in prefixes.items()
    if not prefix.startswith("local")  # its models are on this machine
}
OURS = sorted(set(ROUTES.values()))
BARE_NAMES = {
    "llmgate-openai-chat": ("chat", "gpt-4o"),
    "llmgate-openai-responses": ("chat", "gpt-5-pro"),
    "llmgate-openai-audio": ("transcription", "whisper-1"),
    "llmgate-text-completion": ("text_completion", "gpt-3.5-turbo-instruct"),
    "llmgate-openai-embeddings": ("embedding", "text-embedding-3-small"),
    "llmgate-openai-images": ("image", "gpt-image-2"),
    "llmgate-openai-video": ("video", "sora-2"),
    "llmgate-openai-moderation": ("moderation", "omni-moderation-latest"),
}
"""Distribution -> a model of the catalogue that core ships."""
each_of_ours = pytest.mark.parametrize("distribution", OURS)


@pytest.fixture
def without(distribution: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shadow a distribution by another of its name that serves nothing, as if it were not there."""
    info = tmp_path / f"{distribution.replace('-', '_')}-0.0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.0.1\n")
    (info / "entry_points.txt").write_text("[llmgate.extensions]\nnothing = nowhere:nothing\n")
    monkeypatch.syspath_prepend(tmp_path)


def missing(family: str, model: str) -> str | None:
    """Return what a call says that cannot be served; None: it would be sent."""
    try:
        Client(settings=Settings()).prepare(family, model, INPUTS[family], {})
    except PluginNotInstalledError as error:
        return str(error)
    except LLMGateError:  # the plugin is there, and asks for an option that it needs
        return None
    return None


@each_of_ours
@pytest.mark.usefixtures("without")
def test_without_a_distribution_its_routes_name_the_pip_command_and_all_others_serve(distribution: str) -> None:
    found = {route: missing(route[0], f"{route[1]}/your-model-name") for route in ROUTES}
    messages = {route: message for route, message in found.items() if message is not None}
    assert set(messages) == {route for route, owner in ROUTES.items() if owner == distribution}
    for (family, prefix), message in messages.items():
        assert f"'{prefix}/' for {family}" in message
        assert message.endswith(install_command(distribution))


@pytest.mark.parametrize("distribution", BARE_NAMES)
@pytest.mark.usefixtures("without")
@pytest.mark.filterwarnings("ignore:.* as the end of sora-2")
def test_without_a_distribution_its_models_are_missed_by_their_bare_names(distribution: str) -> None:
    said = {owner: missing(*called) for owner, called in BARE_NAMES.items()}
    assert {owner for owner, words in said.items() if words is not None} == {distribution}
    assert str(said[distribution]).endswith(install_command(distribution))


@each_of_ours
def test_the_command_shows_an_installed_distribution_and_what_it_serves(
    distribution: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugins"]) == 0
    shown = capsys.readouterr().out
    assert distribution in shown


def test_every_distribution_of_ours_is_tried() -> None:
    shipped = {"openai", "text-completion-openai"}
    assert set(BARE_NAMES) == {owner for (_, prefix), owner in ROUTES.items() if prefix.split("/")[0] in shipped}
    assert sorted(INPUTS) == sorted(first_party())
