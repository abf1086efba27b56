"""What the check of a config says of access: keys beside passthrough, default models, names of the gateway."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_gateway.config import load_config_dict
from llmgate_gateway.config.schema.fields import is_loopback

from llmgate_core import ConfigError

MODELS = [
    {"model_name": name, "params": {"model": model, "api_key": "os.environ/PATH"}}
    for name, model in (("m", "openai/gpt-4o"), ("mod", "openai/omni-moderation-latest"))
]


def load(**general: Any) -> Any:
    return load_config_dict({"model_list": MODELS, "general_settings": general})


@pytest.mark.parametrize(
    ("key", "warned"),
    [({}, ""), ({"models": ["m"]}, "models"), ({"models": ["m"], "passthrough": True}, "passthrough")],
)
def test_a_key_with_models_beside_passthrough_is_warned_of(key: dict[str, Any], warned: str) -> None:
    keys = [{"name": "a", "key": "os.environ/HOME", **key}]
    found = [str(it) for it in load(keys=keys, passthrough="m").warnings if "keys[0]" in str(it)]
    assert bool(found) == bool(warned)
    assert all(f"keys[0].{warned}" in text and "general_settings.passthrough" in text for text in found)
    assert not [it for it in load(keys=keys).warnings if "keys[0]" in str(it)]


def test_what_holds_content_only_is_forwarded_by_default() -> None:
    assert load(passthrough="m").general.passthrough.paths == ("files", "uploads", "vector_stores")


@pytest.mark.parametrize("default", [{"moderation": "mod"}, {"image": "m", "responses": "m"}])
def test_a_default_model_is_one_that_is_served(default: dict[str, str]) -> None:
    assert load(default_models=default).general.default_models == default


@pytest.mark.parametrize("default", [{"chat": "m"}, {"moderations": "mod"}, {"moderation": "nobody"}])
def test_a_default_model_that_cannot_be_one_is_a_mistake(default: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="default_models"):
        load(default_models=default)


@pytest.mark.parametrize("name", ["https://llm.example", "llm.example:80", "LLM.example", "a b", "", "*example", "a.*"])
def test_a_host_that_no_request_can_name_is_a_mistake(name: str) -> None:
    with pytest.raises(ConfigError, match="allowed_hosts"):
        load(allowed_hosts=[name])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1", "localhost"])
def test_this_machine_alone_reaches_a_loopback_address(host: str) -> None:
    assert is_loopback(host)
    assert not is_loopback("::ffff:10.0.0.1")
