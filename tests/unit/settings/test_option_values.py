"""The values of a provider's options, as far as they can be sent at all."""

from __future__ import annotations

import pytest

from llmgate_core.errors import ConfigError
from llmgate_core.plugin import Option, ProviderInfo
from llmgate_core.settings.provider_options import hidden_options, provider_values

INFO = ProviderInfo(
    api=(1, 1),
    name="acme",
    base_url="https://acme.example/v1",
    env_key="ACME_KEY",
    options=(Option("place", env=("ACME_PLACE",)), Option("token", env=("ACME_TOKEN",), secret=True)),
)
HALF = "canary-\udcff"


@pytest.mark.parametrize("name", ["place", "token"])
def test_a_value_that_is_not_text_is_refused_and_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as given:
        provider_values(INFO, hidden_options({name: HALF}), None, None, needs_all=True)
    monkeypatch.setenv(f"ACME_{name.upper()}", HALF)
    with pytest.raises(ConfigError) as found:
        provider_values(INFO, None, None, None, needs_all=True)
    assert name in str(given.value)
    assert "canary" not in f"{given.value} {given.value.__context__} {found.value} {found.value.__context__}"
