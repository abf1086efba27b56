"""Arguments of other libraries that no upstream takes, and what to use instead; and misspelt options.

Sent as a parameter, `base_url` would silently leave prompt and key with the wrong host, and `guardrails` would be
believed in. A name that a host with OpenAI's API takes as a parameter is not in the table.

Source: the signatures of LiteLLM's `completion` and `embedding`, of the OpenAI SDK's clients and methods, of
LangChain's `ChatOpenAI`, and of Instructor's `create`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from llmgate_core.errors import BadRequestError
from llmgate_core.settings.call_options import OPTION_NAMES
from llmgate_core.settings.near_name import near_name

__all__ = ["RENAMED_ARGUMENTS", "SECRET_ARGUMENTS", "refuse_foreign", "refuse_unused_options"]

_API_BASE = "here it is called api_base"
_CACHE = "nothing is cached"
_TRUST = "the setting ca_file names the certificates to trust; or pass your own client as client_session"
_HEADERS = "here it is called extra_headers"
_LIMITS = "a gateway limits its keys, see docs/gateway/keys.md"
_LOGGING = "an extension sees every call, see docs/plugins/extensions.md"
_OPTION = "this model's provider has no option of this name"
_PRICES = "the catalogue file gives a model's prices"
_PROVIDER = "put the provider into the model string, as in 'openai/gpt-4o'"
_QUERY = "put it into api_base, as in https://your-host/v1?name=value"
_RETRIES = "here it is called max_retries"
_ROUTING = "a gateway chooses among deployments, see docs/gateway/configure.md"
_SESSION = "here it is called client_session, and aclient_session for asynchronous calls"
_TAGS = "put labels into metadata"

_OPTIONS_OF_PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "api_version": f"{_OPTION}; what its URL needs goes into api_base, as in "
        "https://your-host/v1?api-version=2024-10-21",
        "aws_access_key_id": _OPTION,
        "aws_bedrock_client": "name the source of the keys in provider_options, see docs/providers/bedrock.md",
        "aws_bedrock_runtime_endpoint": _API_BASE,
        "aws_external_id": _OPTION,
        "aws_profile_name": _OPTION,
        "aws_region_name": _OPTION,
        "aws_role_name": _OPTION,
        "aws_secret_access_key": _OPTION,
        "aws_session_name": _OPTION,
        "aws_session_token": _OPTION,
        "aws_sts_endpoint": "there is no such option; the token comes from the region's own host",
        "aws_web_identity_token": _OPTION,
        "azure_ad_token": _OPTION,
        "azure_ad_token_provider": "pass its token as azure_ad_token, or what it is made of: see "
        'docs/providers/azure.md, "Sign in"',
        "azure_password": 'user names with passwords are not supported, see docs/providers/azure.md, "Sign in"',
        "azure_scope": _OPTION,
        "azure_username": 'user names with passwords are not supported, see docs/providers/azure.md, "Sign in"',
        "client_certificate_password": _OPTION,
        "client_secret": _OPTION,
        "tenant_id": _OPTION,
        "vertex_ai_credentials": "here it is called vertex_credentials",
        "vertex_ai_location": "here it is called vertex_location",
        "vertex_ai_project": "here it is called vertex_project",
        "vertex_credentials": _OPTION,
        "vertex_location": _OPTION,
        "vertex_project": _OPTION,
    }
)
"""Options that LiteLLM's providers have -> what is wrong if the plugin of the called model does not declare them."""

SECRET_ARGUMENTS = frozenset(
    {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_web_identity_token",
        "azure_ad_token",
        "azure_password",
        "client_certificate_password",
        "client_secret",
        "vertex_ai_credentials",
        "vertex_credentials",
    }
)
"""Those of them whose value is a secret. It is hidden before anything else is done with the arguments."""

RENAMED_ARGUMENTS: Mapping[str, str] = MappingProxyType(
    {
        **_OPTIONS_OF_PROVIDERS,
        "acompletion": "call acompletion() for an asynchronous call",
        "allowed_openai_params": "param_policy='forward' sends what the catalogue would refuse",
        "api_type": _PROVIDER,
        "azure_endpoint": _API_BASE,
        "base_url": _API_BASE,
        "cache": _CACHE,
        "caching": _CACHE,
        "callbacks": _LOGGING,
        "client": _SESSION,
        "context_window_fallback_dict": "catch ContextWindowExceededError and call another model",
        "context_window_fallbacks": "catch ContextWindowExceededError and call another model",
        "cooldown_time": _ROUTING,
        "custom_llm_provider": _PROVIDER,
        "default_headers": _HEADERS,
        "default_query": _QUERY,
        "deployment_id": "put the deployment's name into the model string, or its address into api_base",
        "engine": "here it is called model",
        "extra_query": _QUERY,
        "failure_callback": _LOGGING,
        "fallbacks": "catch the error and call another model",
        "guardrails": "an extension can stop a call, and a gateway's middleware too; see docs/plugins/extensions.md",
        "headers": _HEADERS,
        "http_client": _SESSION,
        "input_callback": _LOGGING,
        "input_cost_per_second": _PRICES,
        "input_cost_per_token": _PRICES,
        "litellm_call_id": _TAGS,
        "litellm_metadata": "here it is called metadata",
        "litellm_session_id": _TAGS,
        "litellm_trace_id": _TAGS,
        "logger_fn": _LOGGING,
        "max_parallel_requests": _LIMITS,
        "mock_response": "llmgate_core.testing has a real server for tests",
        "mock_timeout": "llmgate_core.testing has a real server for tests",
        "mock_tool_calls": "llmgate_core.testing has a real server for tests",
        "model_kwargs": "pass each parameter by its name, or all of them in extra_body",
        "model_list": _ROUTING,
        "no_log": "no prompt and no answer is logged",
        "num_retries": _RETRIES,
        "openai_api_base": _API_BASE,
        "openai_api_key": "here it is called api_key",
        "openai_organization": "here it is called organization",
        "openai_proxy": "set HTTPS_PROXY, or pass your own client as client_session",
        "output_cost_per_second": _PRICES,
        "output_cost_per_token": _PRICES,
        "request_timeout": "here it is called timeout",
        "response_model": "here it is called response_format",
        "retry_policy": _RETRIES,
        "retry_strategy": _RETRIES,
        "rpm": _LIMITS,
        "ssl_verify": _TRUST,
        "stream_timeout": "pass timeout=Timeouts(first_event=..., idle=...)",
        "success_callback": _LOGGING,
        "tags": _TAGS,
        "text_completion": "call text_completion()",
        "tpm": _LIMITS,
        "verbose": "set the level of the logger 'llmgate'",
    }
)
"""Argument -> what to use instead."""


def refuse_foreign(arguments: Mapping[str, Any]) -> None:
    """Refuse an argument of another library, and one whose name is nearly that of an option. None is not an argument.

    Options of providers are left to `refuse_unused_options`: which of them a call may have depends on its model.

    Raises:
        BadRequestError: there is one; `code` is `unknown_argument`.
    """
    for name, value in arguments.items():
        if value is None or name in _OPTIONS_OF_PROVIDERS:
            continue
        way_out = RENAMED_ARGUMENTS.get(name)
        if way_out is None and (option := _near_option(name)) is not None:
            way_out = f"did you mean {option}?"
        if way_out is not None:
            raise _unknown(name, way_out)


def refuse_unused_options(arguments: Mapping[str, Any]) -> None:
    """Refuse an option of providers that the plugin of the called model has not taken: it is not a parameter.

    Raises:
        BadRequestError: there is one; `code` is `unknown_argument`.
    """
    for name, value in arguments.items():
        if value is not None and (way_out := _OPTIONS_OF_PROVIDERS.get(name)) is not None:
            raise _unknown(name, way_out)


def _unknown(name: str, way_out: str) -> BadRequestError:
    return BadRequestError(
        f"llmgate has no argument {name!r}, and it was not sent: {way_out}; "
        f"extra_body={{{name!r}: ...}} sends it anyway",
        status_code=400,
        code="unknown_argument",
        param=name,
        attempts=0,
    )


@lru_cache(maxsize=1024)  # bounded, because callers choose the names
def _near_option(name: str) -> str | None:
    return near_name(name, OPTION_NAMES)
