"""Wrong facts of a provider are an error when its plugin is loaded, which says what is right."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import Client, Settings, errors
from llmgate_core.plugin import OpenAICompatible, Option, ProviderInfo, hookimpl

GOOD: dict[str, Any] = {"api": (1, 1), "name": "acme", "base_url": "https://api.acme.example/v1"}
REGION = (Option("region", default="us"),)


class Serving(OpenAICompatible):
    @hookimpl
    def serve(self, call: Any, route: Any) -> Any:
        return {}


def load(kind: type[OpenAICompatible] = OpenAICompatible, /, **facts: Any) -> None:
    plugin = kind()
    plugin.info = ProviderInfo(**{**GOOD, **facts})
    with Client(settings=Settings()) as client:
        client.add_plugin(plugin, family="chat", prefix="acme")


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"api": "1.0"}, r"\(1, 1\)"),
        ({"api": (1,)}, r"\(1, 1\)"),
        ({"api": (True, 1)}, r"\(1, 1\)"),
        ({"name": ""}, "name"),
        ({"env_key": ""}, "ACME_API_KEY"),
        ({"env_key": ["A"]}, "tuple"),
        ({"env_key": ("A", 1)}, "tuple"),
        ({"env_base_url": "ACME_URL"}, "tuple"),
        ({"streams": "no"}, "True or False"),
        ({"operations": "responses.retrieve"}, "frozenset"),
        ({"operations": frozenset({"response.retrieve"})}, "did you mean 'responses.retrieve'"),
        ({"organization_header": "no header"}, "organization_header"),
        ({"key_header": "x api key"}, "x-api-key"),
        ({"key_header": ""}, "x-api-key"),
        ({"key_header": "Content-Length"}, "core sets"),
        ({"key_prefix": "a\n"}, "key_prefix"),
        ({"headers": {"acme-version": 1}}, "strings"),
        ({"headers": {"acme version": "1"}}, "strings"),
        ({"headers": {"acme-version": "1\r\nx: y"}}, "strings"),
        ({"headers": [("a", "b")]}, "mapping"),
        ({"headers": {"Authorization": "Bearer k"}}, "key_header"),
        ({"headers": {"Host": "evil.example"}}, "core sets"),
        ({"request_id_header": None}, "request_id_header"),
        ({"rate_limit_headers": {"left": "remaining"}}, "x-ratelimit-remaining-requests"),
        ({"rate_limit_headers": ("left",)}, "mapping"),
        ({"cost_field": None}, "cost_field"),
        ({"only_models": ("claude-*",)}, "mapping"),
        ({"only_models": {"messages": "claude-*"}}, "tuples"),
        ({"only_models": {"message": ("claude-*",)}}, "did you mean 'messages'"),
        ({"only_models": {"embedding": ("titan-*",)}}, "can be bridged"),
        ({"expired_headers": {"acme-error": "TokenExpired"}}, "tuples"),
        ({"hosts": "https://login.acme.example"}, "tuple"),
        ({"hosts": ("login.acme.example",)}, "https://login.acme.example"),
        ({"hosts": ("https://login.acme.example/token",)}, "scheme, host and port"),
        ({"hosts": ("https://a:b@login.acme.example",)}, "user name"),
        ({"hosts": ("https://{zone}.acme.example",)}, "zone"),
        ({"base_url": ""}, "serve"),
        ({"base_url": None}, "URL"),
        ({"base_url": "api.acme.example/v1"}, "URL"),
        ({"base_url": "https://{regoin}.acme.example", "options": REGION}, "did you mean 'region'"),
        ({"base_url": "https://{key}.acme.example", "options": (Option("key", secret=True),)}, "secret"),
        ({"base_url": "https://{a}.acme.example", "options": (Option("a", default="b/c"),)}, "letters"),
        ({"options": [Option("region")]}, "tuple"),
        ({"options": ("region",)}, "Option"),
        ({"options": (Option("region"), Option("region"))}, "twice"),
        ({"options": (Option("the-region"),)}, "identifier"),
        ({"options": (Option("region", env="ACME_REGION"),)}, "tuple"),  # type: ignore[arg-type]
        ({"options": (Option("region", default=1),)}, "default"),  # type: ignore[arg-type]
        ({"options": (Option("secret", secret=True, default="s"),)}, "default"),
        ({"options": (Option("secret", required="yes"),)}, "True or False"),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_wrong_fact_is_an_error_that_says_what_is_right(facts: dict[str, Any], says: str) -> None:
    with pytest.raises(errors.PluginLoadError, match=says):
        load(**facts)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"env_key": ("ACME_API_KEY", "ACME_KEY"), "key_header": "X-API-Key", "key_prefix": "Key "},
        {"base_url": "https://{region}.acme.example/{region}/v1?v={region}", "options": REGION},
        {"base_url": "http://127.0.0.1:{port}/v1", "options": (Option("port", required=True),)},
        {"hosts": ("https://login.acme.example:8443", "http://127.0.0.1:80")},
        {"operations": {"responses.retrieve"}},
    ],
    ids=str,
)
def test_what_is_right_is_taken(facts: dict[str, Any]) -> None:
    load(**facts)


def test_a_plugin_that_serves_calls_itself_needs_no_url() -> None:
    load(Serving, base_url="")
