"""What a plugin says as data: its tables of parameters and its rows of models, which a user may correct."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import BadRequestError, Client, Settings, UnknownModelError, UnsupportedParamsError
from llmgate_core.cli import main
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_site import PluginSite

SOURCE = """
from llmgate_core.plugin import OpenAICompatible, ProviderInfo, UpstreamRequest, hookimpl
class Acme(OpenAICompatible):
    info = ProviderInfo(api=(1, 1), name="acme", base_url="https://acme.example/v1", env_key="ACME_API_KEY")
    unsupported = frozenset({"logprobs", "n", "stop", "logit_bias", "store"})
class Other(Acme):
    info = ProviderInfo(api=(1, 1), name="other", base_url="https://other.example/v1", env_key="OTHER_API_KEY")
    @hookimpl
    def transform_request(self, call, route):
        limit = call.body.get("max_tokens")
        own = route.facts["x-other"]["thinking"]
        return UpstreamRequest("POST", "/said", {"limit": limit, "own": own, "seed": call.body.get("seed")})
acme, other = Acme(), Other()
"""
PRICES = {"input": 1, "output": 2, "cache_write": 10, "cache_write_5m": 100, "cache_write_1h": 1000}
ROWS = {
    "large": {
        "mode": "chat",
        "params": {"unsupported": ["seed"], "temperature": "only_1"},
        "capabilities": {"function_calling": False},
        "pricing": {"standard": PRICES},
        "x-acme": {"thinking": {"budget": 5}},
    },
}
OTHER = {"provider": "other", "models": {"small": {"mode": "chat", "x-other": {"thinking": "deep"}}}}
HI = [{"role": "user", "content": "hi"}]


def answer_with(**details: int) -> Answer:
    usage: dict[str, Any] = {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000}
    usage["prompt_tokens_details"] = details
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return Answer.json(body)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: FakeUpstream) -> None:
    site = PluginSite(tmp_path, monkeypatch)
    acme = {"provider": "acme", "prefix_by_mode": {"chat": "acme"}, "models": ROWS}
    site.install("llmgate-acme", {"chat:acme": "acme"}, source=SOURCE, models=acme)
    site.install("llmgate-other", {"chat:other": "other"}, source=SOURCE, models=OTHER)
    upstream.otherwise = answer_with()


@pytest.fixture
def client(upstream: FakeUpstream) -> Iterator[Client]:
    with Client(api_base=upstream.base_url, api_key="sk-test", max_retries=0) as opened:
        yield opened


def test_what_asks_for_nothing_passes_a_table_of_unsupported_parameters(client: Client, upstream: FakeUpstream) -> None:
    neutral = {"logprobs": False, "n": 1, "stop": [], "logit_bias": {}, "store": None}
    answer = client.completion("acme/large", HI, **neutral)  # type: ignore[arg-type]
    assert upstream.received[-1]["json"] == {"model": "large", "messages": HI}
    assert {entry.parameter for entry in answer.ledger if not entry.lossy} == neutral.keys() - {"store"}
    with pytest.raises(UnsupportedParamsError, match="acme does not take it"):
        client.completion("acme/large", HI, n=2)


@pytest.mark.parametrize("given", [{"seed": 1}, {"temperature": 0.5}, {"tools": [{"type": "function"}]}])
def test_rows_act_without_a_line_of_code(given: dict[str, Any], client: Client) -> None:
    with pytest.raises(UnsupportedParamsError, match="catalogue"):
        client.completion("acme/large", HI, **given)


@pytest.mark.parametrize(
    ("details", "dollars"),
    [
        ({}, 1000 * 1),
        ({"cache_write_tokens": 300}, 700 * 1 + 300 * 10),
        ({"cache_write_tokens": 300, "cache_write_5m_tokens": 300}, 700 * 1 + 300 * 100),
        (
            {"cache_write_tokens": 300, "cache_write_5m_tokens": 100, "cache_write_1h_tokens": 50},
            700 * 1 + 150 * 10 + 100 * 100 + 50 * 1000,
        ),
        ({"cache_write_tokens": 300, "cache_write_2h_tokens": 1}, None),
        ({"cache_write_tokens": 300, "cache_write_5m_tokens": 301}, None),
        ({"cache_write_tokens": 300, "cache_write_h_tokens": 9}, 700 * 1 + 300 * 10),
    ],
)
def test_tokens_kept_in_a_cache_cost_what_their_lifetime_costs(
    details: dict[str, int], dollars: float | None, client: Client, upstream: FakeUpstream
) -> None:
    upstream.otherwise = answer_with(**details)
    cost = client.completion("acme/large", HI).cost
    assert (None if cost is None else round(cost * 1_000_000)) == dollars


def test_a_row_may_hold_facts_that_only_its_plugin_reads(client: Client, upstream: FakeUpstream) -> None:
    client.completion("other/small", HI, max_tokens=5)
    assert upstream.received[-1]["json"] == {"limit": 5, "own": "deep", "seed": None}


def test_a_row_with_the_facts_of_another_provider_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"mine": {"mode": "chat", "x-acme": {}}, "odd": {"mode": "chat", "x-third": {"a": [None, 1]}}}
    third = {"provider": "third", "models": rows}
    PluginSite(tmp_path / ".", monkeypatch).install("llmgate-third", {"chat:third": "acme"}, models=third)
    with (
        Client(api_key="sk-test") as client,
        pytest.warns(UserWarning, match=r"models.mine.x-acme is not a key of a catalogue"),
    ):
        client.prepare("chat", "acme/large", {"messages": HI}, {})


def test_a_user_corrects_the_rows_of_a_plugin(tmp_path: Path, upstream: FakeUpstream) -> None:
    file = tmp_path / "user.json"
    row = {"pricing": {"standard": {"input": 7}}, "params": {"unsupported": []}, "x-acme": {"thinking": {"more": 1}}}
    file.write_text(json.dumps({"provider": "acme", "models": {"large": row}}))
    settings = Settings(catalogue_file=str(file))
    with Client(api_base=upstream.base_url, api_key="sk-test", settings=settings) as client:
        cost = client.completion("acme/large", HI, seed=1).cost
        facts = client.prepare("chat", "acme/large", {"messages": HI}, {}).route.facts
    assert cost is not None
    assert round(cost * 1_000_000) == 7000
    assert facts is not None
    assert facts["x-acme"] == {"thinking": {"budget": 5, "more": 1}}


def test_a_bare_name_is_routed_where_the_distribution_says_so(client: Client) -> None:
    assert client.prepare("chat", "large", {"messages": HI}, {}).route.prefix == "acme"
    with pytest.raises(BadRequestError, match="'small' does not say whose model it is: write 'other/small'"):
        client.completion("small", HI)


@pytest.mark.parametrize("name", ["acme/", "acme"])
def test_a_prefix_without_a_model_says_what_is_missing(name: str, client: Client) -> None:
    with pytest.raises(UnknownModelError, match=r"names the prefix acme/ and no model.*'acme/MODEL'"):
        client.completion(name, HI)


def test_explain_tells_what_the_plugin_has_turned_into_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "other/small", "--param", "max_tokens=5", "--param", "seed=3"]) == 0
    told = capsys.readouterr().out
    assert "parameter   max_tokens: converted" in told
    assert "parameter   seed: kept: as given" in told
    assert "parameter   messages: converted" in told


def test_files_of_models_are_always_read(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plugins"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if " models " in line and "acme" in line] == ["read"]
