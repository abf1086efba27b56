"""What a provider serves under another prefix than its usual one is found through a star.

Source: docs/internal/capabilities.md, A55.
"""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_gateway.calls.deployments import Deployments, Selection
from llmgate_gateway.config import check_routes, load_config_dict
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import RefusedError

INSTRUCT = "text-completion-openai/gpt-3.5-turbo-instruct"
ANYBODY = Caller("anybody")


def selected(name: str, model: str, requested: str, family: str = "text_completion", **info: Any) -> Selection:
    params = {"model": model, "api_key": "sk-of-the-deployment", "api_base": "http://127.0.0.1:9/v1"}
    config = load_config_dict({"model_list": [{"model_name": name, "params": params, "model_info": info}]})
    return Deployments(config).of_model(family, "create", requested, ANYBODY)


@pytest.mark.parametrize(
    ("name", "model", "requested", "led_to"),
    [
        ("*", "openai/*", "gpt-3.5-turbo-instruct", INSTRUCT),
        ("*", "openai/*", "openai/gpt-3.5-turbo-instruct", INSTRUCT),
        ("lab/*", "openai/*", "lab/gpt-3.5-turbo-instruct", INSTRUCT),
        ("*", "openai/*", "a-model-of-vllm", "text-completion-openai/a-model-of-vllm"),
        ("m", "openai/gpt-3.5-turbo-instruct", "m", INSTRUCT),
        ("m", INSTRUCT, "m", INSTRUCT),
    ],
)
def test_text_completions_are_found(name: str, model: str, requested: str, led_to: str) -> None:
    selection = selected(name, model, requested)
    assert (selection.model, selection.target.family) == (led_to, "text_completion")
    arguments = selection.deployment.arguments
    assert (arguments["api_base"], arguments["api_key"].reveal()) == (
        "http://127.0.0.1:9/v1",
        "sk-of-the-deployment",
    )


@pytest.mark.parametrize(
    ("name", "model", "requested", "code"),
    [
        ("*", "openai/*", "gpt-4o", "model_mode_mismatch"),  # known to be served elsewhere
        ("m", "openai/my-model", "m", "model_mode_mismatch"),  # the config says where, and nothing says otherwise
        ("*", "openai/my-model", "anything", "model_mode_mismatch"),
        ("*", "openai/responses/*", "my-model", "model_mode_mismatch"),
        ("*", "openai/*", "openai/responses/my-model", "model_mode_mismatch"),
        ("*", "openai/*", INSTRUCT, "model_not_found"),  # the client's prefix is outside of the star's
    ],
)
def test_nothing_else_is(name: str, model: str, requested: str, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        selected(name, model, requested)
    assert caught.value.code == code


def test_a_mode_that_leaves_them_out_is_kept() -> None:
    with pytest.raises(RefusedError):
        selected("*", "openai/*", "gpt-3.5-turbo-instruct", mode="chat")


def test_chat_goes_where_it_went() -> None:
    assert selected("*", "openai/*", "gpt-4o", "chat").model == "openai/gpt-4o"


def test_the_check_of_a_config_names_the_plugin() -> None:
    config = load_config_dict({"model_list": [{"model_name": "*", "params": {"model": "openai/*"}}]})
    (served,) = check_routes(config)
    assert served.families["text_completion"].startswith("llmgate-text-completion ")
