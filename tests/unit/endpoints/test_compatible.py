"""Plugins as tables: what a class that inherits `OpenAICompatible` refuses, renames and sends by its tables alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from llmgate_core import BadRequestError, Client, Settings, UnsupportedParamsError
from llmgate_core.plugin import FileInput, OpenAICompatible, ProviderInfo, Requires, ValueRule, hookimpl
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream

INFO = ProviderInfo(api=(1, 0), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")
MODELS = {
    "large": {
        "mode": "chat",
        "sources": ["openapi"],
        "params": {"unsupported": ["seed"], "allowlist": ["n", "stream"]},
    },
    "painter": {"mode": "image_generation", "endpoints": ["images.generations"], "sources": ["litellm"]},
    "reader": {"mode": "responses", "modalities": {"input": ["text"]}, "sources": ["openapi"]},
}
PNG = ("a.png", b"\x89PNG")
CHAT = {"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]}
IMAGES = {"created": 1, "data": [{"b64_json": "aGk="}]}


BIG = Requires("size", ("big",), reason="quality needs size='big'", unless=("auto",))
PARAMS = {"chat": {"n": ValueRule(("integer",), 1, 4), "stream": ValueRule(("boolean",))}}
INPUTS = {"image": {"prompt": ValueRule(("string",), max_length=5)}, "responses": {"input": None}}
FILES = {"image.edit": {"image": FileInput(many=True, sent_as="pictures", required=True), "mask": FileInput()}}


class Acme(OpenAICompatible):
    info = replace(INFO, operations=frozenset({"image.edit"}))
    source = "Acme's API page"
    params, inputs, files = PARAMS, INPUTS, FILES
    requires = MappingProxyType({"image": {"quality": BIG}})
    rename = MappingProxyType({"max_tokens": "limit"})
    unsupported = frozenset({"logit_bias"})


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        yield running


@pytest.fixture
def client(upstream: FakeUpstream, tmp_path: Path) -> Iterator[Client]:
    rows = tmp_path / "acme.json"
    rows.write_text(json.dumps({"provider": "acme", "models": MODELS}))
    with Client(
        api_key="k-1234567890", api_base=upstream.base_url, settings=Settings(catalogue_file=str(rows))
    ) as made:
        for family in ("chat", "image", "responses"):
            made.add_plugin(Acme(), family=family, prefix="acme")
        yield made


def refused(client: Client, function: str, *inputs: Any, **arguments: Any) -> UnsupportedParamsError:
    with pytest.raises(UnsupportedParamsError) as caught:
        getattr(client, function)(*inputs, **arguments)
    return caught.value


HI = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        ({"n": 9}, "Acme's API page"),
        ({"seed": 7}, "OpenAI API reference"),
        ({"logit_bias": {"50256": 5}}, "plugin Acme"),
    ],
)
def test_a_parameter_is_judged_by_the_table_then_by_the_row(
    arguments: dict[str, Any], source: str, client: Client, upstream: FakeUpstream
) -> None:
    error = refused(client, "completion", "acme/large", HI, **arguments)
    assert (error.param, error.code, error.provider) == (next(iter(arguments)), "unsupported_parameter", "acme")
    assert f"[{source}]" in str(error).replace("catalogue: ", "")
    assert upstream.received == []


def test_an_allow_list_judges_what_the_table_documents_and_nothing_else(client: Client, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(CHAT))
    client.completion("acme/large", HI, n=2, brand_new=1, max_tokens=3)
    assert upstream.received[0]["json"] == {"model": "large", "messages": HI, "n": 2, "brand_new": 1, "limit": 3}


def test_a_model_without_a_row_is_judged_by_no_table(client: Client, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(CHAT))
    client.completion("acme/unknown", HI, n=9)
    assert upstream.received[0]["json"]["n"] == 9


@pytest.mark.parametrize("policy", ["error", "drop"])
def test_a_refused_input_is_never_left_out(policy: str, client: Client, upstream: FakeUpstream) -> None:
    error = refused(client, "image_generation", "acme/painter", "too long", param_policy=policy)
    assert (error.param, error.way_out) == ("prompt", "param_policy='forward' sends it anyway")
    items = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}]
    assert refused(client, "responses", "acme/reader", items, param_policy=policy).param == "input"
    assert upstream.received == []


def test_a_refused_input_can_be_forwarded_and_the_ledger_says_so(client: Client, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(IMAGES))
    answer = client.image_generation("acme/painter", "too long", param_policy="forward")
    assert upstream.received[0]["json"]["prompt"] == "too long"
    assert [(entry.parameter, entry.action, entry.source) for entry in answer.ledger] == [
        ("prompt", "forwarded", "Acme's API page")
    ]


def test_inputs_that_the_caller_names_to_be_dropped_are_sent_anyway(client: Client, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(IMAGES))
    with pytest.warns(UserWarning, match="size dropped"):
        client.image_generation("acme/painter", "cat", additional_drop_params=["prompt", "size"], size="big")
    assert upstream.received[0]["json"] == {"model": "painter", "prompt": "cat"}


@pytest.mark.parametrize(
    ("arguments", "is_refused"),
    [
        ({"quality": "high"}, True),
        ({"quality": "high", "size": "small"}, True),
        ({"quality": "high", "size": "big"}, False),
        ({"quality": "auto"}, False),
    ],
)
def test_what_a_parameter_requires_beside_it_is_judged(
    arguments: dict[str, Any], is_refused: bool, client: Client, upstream: FakeUpstream
) -> None:
    if is_refused:
        assert refused(client, "image_generation", "acme/painter", "cat", **arguments).param == "quality"
        return
    upstream.answers.append(Answer.json(IMAGES))
    client.image_generation("acme/painter", "cat", **arguments)
    assert upstream.received[0]["json"] == {"model": "painter", "prompt": "cat", **arguments}


@pytest.mark.parametrize("policy", ["error", "drop"])
def test_a_model_of_another_endpoint_is_refused_by_core(policy: str, client: Client, upstream: FakeUpstream) -> None:
    error = refused(client, "image_edit", "acme/painter", PNG, "cat", param_policy=policy)
    assert (error.param, error.model) == ("model", "painter")
    assert "images.edits" in str(error)
    assert "LiteLLM's model list" in str(error)
    assert upstream.received == []


REFERENCE = {"file_id": "file-1"}


def test_references_are_sent_under_the_name_of_the_table(client: Client, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(IMAGES))
    answer = client.image_edit("acme/another", [REFERENCE, REFERENCE], "cat")
    assert upstream.received[0]["json"] == {"model": "another", "pictures": [REFERENCE] * 2, "prompt": "cat"}
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("image", "bridged")]


@pytest.mark.parametrize(
    ("image", "mask", "param"),
    [
        (None, None, "image"),
        ([], None, "image"),
        ([PNG, REFERENCE], None, "image"),
        (PNG, [PNG, PNG], "mask"),
        (PNG, REFERENCE, "mask"),
        (REFERENCE, PNG, "mask"),
    ],
)
def test_files_in_another_shape_than_the_tables_are_refused(
    image: Any, mask: Any, param: str, client: Client, upstream: FakeUpstream
) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.image_edit("acme/another", image, "cat", mask=mask)
    assert (caught.value.param, caught.value.provider, caught.value.attempts) == (param, "acme", 0)
    assert upstream.received == []


class Strict:
    """Written for contract 1.0: an allow list that knows nothing of inputs."""

    info = INFO
    inputs = "this attribute had no meaning then"

    @hookimpl
    def transform_request(self, call: Any, route: Any) -> Any:
        return OpenAICompatible().transform_request(call, route)

    @hookimpl
    def supports_param(self, param: str) -> bool:
        return param == "temperature"


def test_a_plugin_that_declares_no_inputs_is_asked_about_parameters_alone(
    client: Client, upstream: FakeUpstream
) -> None:
    client.add_plugin(Strict(), family="chat", prefix="strict")
    upstream.answers.append(Answer.json(CHAT))
    client.completion("strict/large", HI, temperature=1)
    assert upstream.received[0]["json"] == {"model": "large", "messages": HI, "temperature": 1}
    assert refused(client, "completion", "strict/large", HI, top_p=0.5).param == "top_p"
