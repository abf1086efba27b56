"""An option is declared once: what is called like it elsewhere has to exist and mean the same."""

from __future__ import annotations

import inspect
from dataclasses import fields

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.settings.call_options import OPTION_NAMES
from llmgate_core.settings.options import ClientOptions

SETTINGS = {field.name for field in fields(Settings)}
CLIENT = {field.name for field in fields(ClientOptions)}
OF_A_CALL_ONLY = {
    "extra_headers",
    "extra_body",
    "fake_stream",
    "use_chat_completions_api",
    "wait",
    "poll_seconds",
    "on_progress",
    "base_model",
}
OF_ONE_PROVIDER = {"provider_options"}


def test_an_option_of_a_call_is_a_setting_too_unless_it_makes_sense_for_one_call_only() -> None:
    assert OPTION_NAMES - SETTINGS == OF_A_CALL_ONLY | OF_ONE_PROVIDER


def test_an_option_of_a_client_is_a_setting_but_for_its_limits_and_what_one_provider_needs() -> None:
    beyond_settings = CLIENT - SETTINGS
    assert beyond_settings == {"limits"} | OF_ONE_PROVIDER


def test_both_clients_spell_out_the_same_parameters() -> None:
    parameters = inspect.signature(Client).parameters
    assert {*parameters} == CLIENT | {"plugins", "extensions", "settings"}
    assert inspect.signature(AsyncClient).parameters == parameters
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
