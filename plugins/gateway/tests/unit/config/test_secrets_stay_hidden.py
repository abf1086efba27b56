"""No key of a config is in any text: repr, dump, error, warning, schema.

Source: row S15 of docs/reliability.md.
"""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import Any

import pytest
from llmgate_gateway.config import ConfigProblems, check_bind, load_config_dict, options_for
from llmgate_gateway.config.load import load_config_text

from llmgate_core import ConfigError

CANARY = "sk-canary-7f3a9c5e1b"


def content(**params: Any) -> dict[str, Any]:
    return {
        "model_list": [
            {
                "model_name": "m",
                "params": {
                    "model": "openai/m",
                    "api_key": CANARY,
                    "extra_headers": {"x-key": CANARY, "x-other": "os.environ/KEY"},
                    "extra_body": {"deep": [{"token": CANARY}]},
                    "user": "os.environ/KEY",
                    **params,
                },
            }
        ],
        "general_settings": {"master_key": "os.environ/KEY", "keys": [{"name": "a", "key": f"{CANARY}-a"}]},
        "settings": {"api_key": CANARY},
        "router_settings": {"default_params": {"safety_identifier": CANARY}},
    }


def hits(text: str) -> list[int]:
    """Return where the canary, or any 12 characters of it, stands."""
    return [at for start in range(len(CANARY) - 11) if (at := text.find(CANARY[start : start + 12])) >= 0]


def test_no_text_of_a_config_shows_a_key() -> None:
    config = load_config_dict(content(), environment={"KEY": CANARY})
    deployment = config.deployments[0]
    options = options_for(config, deployment)
    texts = [repr(config), str(config), repr(options), repr(deployment.params), *config.warnings]
    for part in (deployment, config.general, config.settings):
        texts += [repr(part), str(part.model_dump()), part.model_dump_json()]
    assert [hits(text) for text in texts] == [[]] * len(texts)


def test_the_server_still_gets_them() -> None:
    config = load_config_dict(content(temperature=0.2), environment={"KEY": CANARY})
    options = options_for(config, config.deployments[0])
    assert {name: value.reveal() for name, value in options.extra_headers.items()} == {
        "x-key": CANARY,
        "x-other": CANARY,
    }
    assert options.request_defaults == {"user": CANARY, "temperature": 0.2, "safety_identifier": CANARY}
    assert options.extra_body == {"deep": [{"token": CANARY}]}
    assert options.api_key is not None
    assert options.api_key.reveal() == CANARY


def test_numbers_of_request_parameters_are_shown_in_dumps_and_text_is_not() -> None:
    config = load_config_dict(content(temperature=0.2), environment={"KEY": CANARY})
    dumped = config.deployments[0].params.model_dump()
    assert (dumped["temperature"], dumped["user"], dumped["api_key"]) == (0.2, "***", "***")


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": CANARY + "/../x"},
        {"timeout": CANARY},
        {"max_retries": CANARY},
        {"api_base": f"https://{CANARY}@host/v1"},
        {"api_base": CANARY},
        {"organization": f"{CANARY}\n"},
        {"extra_headers": {"x-key": f"{CANARY}\r\nx: y"}},
        {"extra_headers": CANARY},
        {"api_key": f"{CANARY} {CANARY}"},
        {"api_key": [CANARY]},
        {"param_policy": CANARY},
        {"additional_drop_params": {CANARY: 1}},
        {"drop_params": "os.environ/KEY"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_no_mistake_shows_the_value_that_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigProblems) as caught:
        load_config_dict(content(**wrong), environment={"KEY": CANARY})
    error = caught.value
    texts = [str(error), repr(error), repr(error.problems), "".join(traceback.format_exception(error))]
    assert [hits(text) for text in texts] == [[]] * len(texts)


def test_a_key_in_the_wrong_place_is_not_shown_in_the_warning() -> None:
    config = load_config_dict(content(**{CANARY: 1}), environment={"KEY": CANARY})
    assert len(config.warnings) == 1
    assert hits(config.warnings[0]) == []


def test_an_error_survives_pickling() -> None:
    with pytest.raises(ConfigProblems) as caught:
        load_config_dict(content(timeout=CANARY), environment={"KEY": CANARY})
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (str(copied), copied.problems) == (str(caught.value), caught.value.problems)


def test_a_refused_address_shows_no_key() -> None:
    config = load_config_dict(content(), environment={"KEY": "sk-canary"})
    with pytest.raises(ConfigError) as caught:
        check_bind(config, "0.0.0.0")
    assert "canary" not in str(caught.value)


def test_a_config_cannot_be_changed() -> None:
    config = load_config_dict(content(), environment={"KEY": CANARY})
    for owner, name in ((config, "source"), (config.general, "log_content"), (config.deployments[0].params, "model")):
        with pytest.raises((AttributeError, ValueError)):
            setattr(owner, name, copy.copy("x"))


def test_a_key_that_was_pasted_as_the_model_is_not_shown() -> None:
    text = f"model_list: [{{model_name: m, params: {{model: {CANARY}}}}}]"
    with pytest.raises(ConfigProblems) as caught:
        load_config_text(text, source="config.yaml")
    assert (caught.value.problems[0].path, hits(str(caught.value))) == ("model_list[0].params.model", [])
