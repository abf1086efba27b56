"""The JSON Schema for editors: valid itself, and of one mind with the loader."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from llmgate_gateway.config import ConfigProblems, json_schema, load_config_dict
from llmgate_gateway.config.schema.file_schema import ConfigFile

ENTRY = {"model_name": "m", "params": {"model": "openai/m"}}
WHOLE: dict[str, Any] = {
    "model_list": [
        {
            "model_name": "m",
            "params": {
                "model": "openai/m",
                "api_key": "os.environ/KEY",
                "api_base": "http://host/v1",
                "organization": "org",
                "project": "proj",
                "timeout": {"total": 10, "connect": 1, "pool": 1, "first_event": 5, "idle": "os.environ/SECONDS"},
                "max_retries": "os.environ/TRIES",
                "extra_headers": {"x-a": "b"},
                "extra_body": {"a": 1},
                "drop_params": True,
                "param_policy": "drop",
                "additional_drop_params": ["user"],
                "use_chat_completions_api": True,
                "fake_stream": True,
                "enable_preview_features": True,
                "temperature": 0.5,
            },
            "model_info": {"mode": "chat", "id": "one", "input_cost_per_token": 0.1},
        }
    ],
    "general_settings": {
        "max_in_flight_requests_per_worker": 5,
        "master_key": "os.environ/KEY",
        "keys": [{"name": "a", "key": "sk-a", "models": ["m"], "passthrough": True, "limits": {"max_in_flight": 2}}],
        "insecure_no_auth": False,
        "ca_file": "/etc/ssl/certs",
        "allowed_hosts": ["llm.example", "*.svc"],
        "default_models": {"moderation": "m"},
        "forward_openai_org_id": True,
        "tracing": True,
        "passthrough": {"deployment": "m", "paths": ["files"]},
        "limits": {
            "max_body": "25MB",
            "max_json_body": 1000,
            "max_json_values": 1000,
            "max_header": "16KiB",
            "max_headers": 50,
            "max_in_flight": 10,
            "per_client_concurrency": 2,
            "upload_dir": "/var/tmp",
        },
        "max_request_size_mb": 1,
        "global_max_parallel_requests": 1,
        "max_parallel_requests": 1,
        "timeouts": {"head": 1, "body": 1, "write": 1, "keep_alive": 1},
        "cors": {"allow_origins": ["*"], "allow_headers": ["x"], "max_age": 1},
        "drain_timeout": 1,
        "log": {"level": "debug", "format": "text", "access": False, "file": "requests.log"},
        "middleware": ["guard", {"name": "cache", "options": {"seconds": 60}}],
        "stores": {"keys": "redis", "counters": {"name": "redis", "options": {}}, "blobs": None},
        "dialects": ["openai"],
        "stream_usage": True,
        "log_content": True,
    },
    "settings": {
        "api_key": "sk-b",
        "api_base": "http://host/v1",
        "organization": "org",
        "project": "proj",
        "timeout": 3,
        "max_retries": 1,
        "drop_params": False,
        "param_policy": "error",
        "additional_drop_params": "user",
        "enable_preview_features": True,
        "bind_key_to_host": True,
        "transport": "httpx",
        "extensions": ["a"],
        "catalogue_file": "models.json",
        "providers_file": "providers.json",
        "set_verbose": True,
        "json_logs": True,
    },
    "router_settings": {
        "max_retries": 1,
        "timeout": 1,
        "model_group_alias": {"a": "m", "b": {"model": "m", "hidden": True}},
        "default_params": {"seed": 1},
        "set_verbose": True,
    },
    "plugins": {"allow": ["a"], "block": ["b"], "prefer": {"chat:openai": "a"}},
    "providers": {"acme": {"base_url": "https://acme.example/v1"}},
    "environment_variables": {"A": "b"},
}
ENVIRONMENT = {"KEY": "sk-aaaa", "SECONDS": "5", "TRIES": "1"}


def test_the_schema_is_a_schema_and_json() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


def test_a_config_with_every_key_passes_both() -> None:
    load_config_dict(WHOLE, environment=ENVIRONMENT)
    jsonschema.validate(WHOLE, {**json_schema(), "additionalProperties": False})


def test_the_example_has_every_key() -> None:
    def keys(model: Any, given: Any) -> None:
        assert set(model.model_fields) <= set(given), set(model.model_fields) - set(given)

    keys(ConfigFile, WHOLE)
    for name in ("general_settings", "settings", "router_settings", "plugins"):
        keys(ConfigFile.model_fields[name].annotation, WHOLE[name])


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"model_list": [{"model_name": "m"}]},
        {"model_list": [{"model_name": "m", "params": {"model": "openai/m"}, "litellm_params": {"model": "openai/m"}}]},
        {"model_list": [ENTRY], "genral_settings": {}},
        {"model_list": [ENTRY], "general_settings": {"master_kee": "x"}},
        {"model_list": [ENTRY], "settings": {"max_retries": "many"}},
        {"model_list": [ENTRY], "settings": {"timeout": 0}},
        {"model_list": [{**ENTRY, "model_info": {"mode": "chatt"}}]},
        {"model_list": [ENTRY], "general_settings": {"custom_auth": "a.b"}},
    ],
    ids=str,
)
def test_what_the_loader_refuses_the_schema_refuses(content: dict[str, Any]) -> None:
    with pytest.raises(ConfigProblems):
        load_config_dict(content, environment={})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json_schema())


@pytest.mark.parametrize(
    "content",
    [
        {"model_list": [{"model_name": "m", "litellm_params": {"model": "openai/m", "rpm": 6, "num_retries": 1}}]},
        {"model_list": [ENTRY], "litellm_settings": {"cache": True, "langfuse_default_tags": ["a"], "num_retries": 2}},
        {"model_list": [ENTRY], "router_settings": {"routing_strategy": "simple-shuffle", "redis_host": "h"}},
        {"model_list": [ENTRY], "general_settings": {"database_url": "postgres://", "passthrough": "m"}},
        {"model_list": [ENTRY], "general_settings": None, "plugins": None},
    ],
    ids=str,
)
def test_what_the_loader_takes_the_schema_takes(content: dict[str, Any]) -> None:
    load_config_dict(content, environment={})
    jsonschema.validate(content, json_schema())


def test_every_key_of_ours_is_described() -> None:
    schema = json_schema()
    parts = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    parts += [option for part in schema["$defs"].values() for option in part.get("anyOf", ()) if "properties" in option]
    missing = [key for part in parts for key, value in part["properties"].items() if not value.get("description")]
    assert missing == []
    assert len(parts) >= 14
