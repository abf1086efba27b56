"""The option `base_model`: which model of the catalogue a deployment is, for facts, prices and parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import BadRequestError, Client, Settings, UnsupportedParamsError
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream

HI: Any = [{"role": "user", "content": "hi"}]
USAGE = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
ANSWER = {"choices": [{"message": {"content": "Hello!"}, "finish_reason": "stop"}], "usage": USAGE}


class Deployments(OpenAICompatible):
    """Serves deployments, whose names say nothing."""

    info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = Answer.json(ANSWER)
        yield running


@pytest.fixture
def client(upstream: FakeUpstream) -> Iterator[Client]:
    with Client(api_key="k", api_base=upstream.base_url, max_retries=0, settings=Settings()) as made:
        made.add_plugin(Deployments(), family="chat", prefix="acme")
        yield made


@pytest.mark.parametrize("name", ["gpt-4o", "acme/gpt-4o", "azure/gpt-4o", "gpt-4o-2024-11-20", "azure/eu/gpt-4o"])
def test_prices_are_those_of_the_base_model_and_nothing_of_it_is_sent(
    name: str, client: Client, upstream: FakeUpstream
) -> None:
    assert client.completion("acme/mine", HI).cost is None
    answer = client.completion("acme/mine", HI, base_model=name)
    assert answer.cost == pytest.approx(0.0025 + 0.01)
    assert b"base_model" not in upstream.received[-1]["body"]
    assert b'"model":"mine"' in upstream.received[-1]["body"].replace(b" ", b"")


def test_parameters_are_judged_by_the_base_model(client: Client, upstream: FakeUpstream) -> None:
    client.completion("acme/mine", HI, temperature=0.5)
    with pytest.raises(UnsupportedParamsError) as caught:
        client.completion("acme/mine", HI, temperature=0.5, base_model="o3-mini")
    assert caught.value.param == "temperature"
    assert len(upstream.received) == 1


def test_a_client_with_options_has_one_for_all_its_calls(client: Client) -> None:
    based = client.with_options(base_model="gpt-4o")
    assert [based.completion("acme/mine", HI).cost is None for _ in range(3)] == [False] * 3
    assert client.completion("acme/mine", HI).cost is None


def test_a_model_that_the_catalogue_does_not_have_is_in_the_ledger(client: Client) -> None:
    with pytest.warns(UserWarning, match="base_model"):
        answer = client.completion("acme/mine", HI, base_model="gpt-4oo")
    (entry,) = answer.ledger
    assert (entry.parameter, entry.action, entry.lossy) == ("base_model", "dropped", True)
    assert "gpt-4o" in entry.reason
    assert answer.cost is None


def test_a_name_that_is_no_string_is_refused(client: Client, upstream: FakeUpstream) -> None:
    wrong: Any = 5
    with pytest.raises(BadRequestError) as caught:
        client.completion("acme/mine", HI, base_model=wrong)
    assert caught.value.param == "base_model"
    assert upstream.received == []
