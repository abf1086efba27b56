"""What a client tells a program that builds on it: prefixes, known models and installed plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmgate_core import AsyncClient, Client, ConfigError, PluginPolicy, Settings

CLIENTS = [Client, AsyncClient]


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_knows_the_catalogues_models_and_prefixes(kind: type[Client] | type[AsyncClient]) -> None:
    client = kind(settings=Settings())
    assert (client.knows_model("gpt-4o"), client.knows_model("no-such-model")) == (True, False)
    assert client.default_prefix("chat") == client.prefix_for("openai", "chat") == "openai"
    assert client.prefix_for("openai", "responses") == "openai/responses"
    assert (client.default_prefix("no-such-mode"), client.prefix_for("no-one", "chat")) == (None, None)


def test_a_client_lists_installed_plugins_those_that_are_switched_off_too() -> None:
    everything = Client(settings=Settings()).installed()
    assert ("chat", "openai") in {(plugin.family, plugin.prefix) for plugin in everything}
    nothing_allowed = Settings(plugins=PluginPolicy(allow=frozenset()))
    assert Client(settings=nothing_allowed).installed() == everything


def test_load_raises_what_the_first_call_would(tmp_path: Path) -> None:
    Client(settings=Settings()).load()
    client = Client(settings=Settings(catalogue_file=str(tmp_path / "missing.json")))
    with pytest.raises(ConfigError):
        client.load()
