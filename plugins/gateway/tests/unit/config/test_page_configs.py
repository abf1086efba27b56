"""The configs of LiteLLM's OpenAI page load as they are printed, and mean what the page says.

Source: docs.litellm.ai/docs/providers/openai; docs/internal/capabilities.md, A32 to A43, A88 and A89.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml
from llmgate_gateway.config import ModelNames, check_routes, json_schema, load_config, load_config_dict, options_for

ENVIRONMENT = {"OPENAI_API_KEY": "sk-from-the-environment"}
PREFIXES = ("openai", "openai/responses", "text-completion-openai", "local")

CHAT_AND_TEXT = """
model_list:
  - model_name: gpt-3.5-turbo
    litellm_params:
      model: openai/gpt-3.5-turbo                          # The `openai/` prefix will call openai.chat.completions.create
      api_key: os.environ/OPENAI_API_KEY
  - model_name: gpt-3.5-turbo-instruct
    litellm_params:
      model: text-completion-openai/gpt-3.5-turbo-instruct # The `text-completion-openai/` prefix will call openai.completions.create
      api_key: os.environ/OPENAI_API_KEY
"""  # noqa: E501
WILDCARD = """
model_list:
  - model_name: "*"             # all requests where model not in your config go to this deployment
    litellm_params:
      model: openai/*           # set `openai/` to use the openai route
      api_key: os.environ/OPENAI_API_KEY
"""
SEARCH = """
model_list:
  # Search model for /chat/completions
  - model_name: gpt-5-search-api
    litellm_params:
      model: openai/gpt-5-search-api
      api_key: os.environ/OPENAI_API_KEY

  # Regular model for /responses with web_search_preview tool
  - model_name: gpt-5
    litellm_params:
      model: openai/gpt-5
      api_key: os.environ/OPENAI_API_KEY
"""
PDF = """
model_list:
  - model_name: openai-model
    litellm_params:
      model: gpt-4o
      api_key: os.environ/OPENAI_API_KEY
"""
RESPONSES = """
model_list:
  # Model with mode: responses (automatic)
  - model_name: o3-deep-research
    litellm_params:
      model: o3-deep-research-2025-06-26
      api_key: os.environ/OPENAI_API_KEY

  # Model with mode: chat (use prefix for built-in tools)
  - model_name: gpt-4o-with-tools
    litellm_params:
      model: openai/responses/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
"""
TRANSCRIPTION = """
model_list:
- model_name: gpt-4o-transcribe
  litellm_params:
    model: gpt-4o-transcribe
    api_key: os.environ/OPENAI_API_KEY
  model_info:
    mode: audio_transcription

general_settings:
  master_key: sk-1234
"""
FORWARD_ORG = """
model_list:
  - model_name: "gpt-3.5-turbo"
    litellm_params:
      model: gpt-3.5-turbo
      api_key: os.environ/OPENAI_API_KEY

general_settings:
    forward_openai_org_id: true # 👈 KEY CHANGE
"""
PAGE = {
    "chat and text": (CHAT_AND_TEXT, ["openai/gpt-3.5-turbo", "text-completion-openai/gpt-3.5-turbo-instruct"]),
    "wildcard": (WILDCARD, ["openai/*"]),
    "search": (SEARCH, ["openai/gpt-5-search-api", "openai/gpt-5"]),
    "pdf": (PDF, ["gpt-4o"]),
    "responses": (RESPONSES, ["o3-deep-research-2025-06-26", "openai/responses/gpt-4o"]),
    "transcription": (TRANSCRIPTION, ["gpt-4o-transcribe"]),
    "forward org": (FORWARD_ORG, ["gpt-3.5-turbo"]),
}
each_page_config = pytest.mark.parametrize(("text", "models"), PAGE.values(), ids=list(PAGE))


@each_page_config
def test_a_config_of_the_page_loads_as_it_stands(text: str, models: list[str], write: Callable[[str], Path]) -> None:
    config = load_config(write(text), environment=ENVIRONMENT)
    assert [deployment.params.model for deployment in config.deployments] == models
    keys = [options_for(config, deployment).api_key for deployment in config.deployments]
    assert [key.reveal() for key in keys if key] == ["sk-from-the-environment"] * len(models)
    assert [warning for warning in config.warnings if "the key is written in the file" not in warning] == []


@each_page_config
def test_the_schema_takes_a_config_of_the_page(text: str, models: list[str]) -> None:
    jsonschema.validate(yaml.safe_load(text), json_schema())


@each_page_config
def test_a_mapping_means_the_same_as_the_file(text: str, models: list[str], write: Callable[[str], Path]) -> None:
    from_file = load_config(write(text), environment=ENVIRONMENT)
    from_mapping = load_config_dict(yaml.safe_load(text), environment=ENVIRONMENT)
    assert (from_mapping.deployments, from_mapping.general) == (from_file.deployments, from_file.general)


@pytest.mark.parametrize("text", [CHAT_AND_TEXT, WILDCARD, SEARCH], ids=["chat and text", "wildcard", "search"])
def test_installed_plugins_serve_the_pages_chat_models(text: str, write: Callable[[str], Path]) -> None:
    served = check_routes(load_config(write(text), environment=ENVIRONMENT, plugins=True))
    assert all("chat" in entry.families for entry in served)


def test_the_page_says_mode_key_and_organization(write: Callable[[str], Path]) -> None:
    config = load_config(write(TRANSCRIPTION), environment=ENVIRONMENT)
    assert config.deployments[0].model_info.mode == "audio_transcription"
    assert config.general.master_key is not None
    assert config.general.master_key.reveal() == "sk-1234"
    assert config.general.forward_openai_org_id is False
    assert load_config(write(FORWARD_ORG), environment=ENVIRONMENT).general.forward_openai_org_id is True


def test_golden_router_settings_set_the_retries() -> None:
    entry = {"model_name": "gpt-3.5-turbo", "litellm_params": {"model": "openai/gpt-3.5-turbo"}}
    config = load_config_dict({"model_list": [entry], "router_settings": {"num_retries": 0}}, environment={})
    assert options_for(config, config.deployments[0]).max_retries == 0


def test_our_spelling_means_the_same_as_the_pages() -> None:
    ours = {"model_list": [{"model_name": "m", "params": {"model": "openai/m", "max_retries": 1}}]}
    theirs = {"model_list": [{"model_name": "m", "litellm_params": {"model": "openai/m", "num_retries": 1}}]}
    assert load_config_dict(ours).deployments == load_config_dict(theirs).deployments


def test_the_alias_is_listed_and_never_the_key(write: Callable[[str], Path]) -> None:
    names = ModelNames(load_config(write(PDF), environment=ENVIRONMENT), PREFIXES)
    assert names.names() == ("openai-model",)
    assert names.find("gpt-4o") is None
