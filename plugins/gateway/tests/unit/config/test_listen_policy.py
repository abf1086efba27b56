"""Which addresses the gateway listens on with which keys.

Source: row S1 of docs/reliability.md; docs/internal/capabilities.md, A41.
"""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_gateway.config import GatewayConfig, check_bind, load_config_dict

from llmgate_core import ConfigError

GOOD_KEY = "sk-9f2c71d0b84e6a35"


def config_of(**general: Any) -> GatewayConfig:
    entry = {"model_name": "m", "params": {"model": "openai/m"}}
    return load_config_dict({"model_list": [entry], "general_settings": general}, environment={})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost"])
@pytest.mark.parametrize("general", [{}, {"master_key": "sk-1234"}], ids=["no key", "short key"])
def test_this_machine_needs_no_good_key(host: str, general: dict[str, Any]) -> None:
    check_bind(config_of(**general), host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "", "localhost.example.org"])
def test_other_addresses_need_a_key(host: str) -> None:
    with pytest.raises(ConfigError, match="--insecure-no-auth"):
        check_bind(config_of(), host)
    check_bind(config_of(master_key=GOOD_KEY), host)
    check_bind(config_of(keys=[{"name": "a", "key": GOOD_KEY}]), host)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("sk-1234", "published example"),
        ("sk-my_special_key", "published example"),
        ("SK-My_Special_Key", "published example"),
        ("sk-short", "fewer than 16"),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", "too few characters"),
    ],
)
def test_a_poor_key_keeps_nobody_out(key: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        check_bind(config_of(master_key=key), "0.0.0.0")
    assert key not in str(caught.value)


def test_every_key_counts() -> None:
    with pytest.raises(ConfigError, match=r"keys\[0\].key"):
        check_bind(config_of(master_key=GOOD_KEY, keys=[{"name": "a", "key": "sk-short"}]), "0.0.0.0")


def test_the_operator_may_say_so() -> None:
    check_bind(config_of(), "0.0.0.0", insecure_no_auth=True)
    check_bind(config_of(insecure_no_auth=True), "0.0.0.0")
