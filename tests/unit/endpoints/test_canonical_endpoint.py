"""Where a body goes as it is, without the hook being asked: the hook would have made the same request."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmgate_openai_audio import plugin as audio
from llmgate_openai_chat import plugin as chat
from llmgate_openai_images import plugin as images
from llmgate_openai_responses import plugin as responses

from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.form import FilePart
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.endpoints.compatible import OpenAICompatible
from llmgate_core.endpoints.openai import ENDPOINTS
from llmgate_core.errors import BadRequestError
from llmgate_core.plugin import hookimpl
from llmgate_core.registry.extensions import Extension
from llmgate_core.registry.hooks import HookBinder
from tests.support.examples import examples

PLUGINS = [("chat", chat), ("responses", responses), ("image", images), ("transcription", audio), ("speech", audio)]
CALLS = [(family, operation, plugin) for family, plugin in PLUGINS for operation in ENDPOINTS[family]]
FILE = FilePart("a.png", "image/png", 1, lambda: io.BytesIO(b"x"))
ASKED = OpenAICompatible.transform_request
FIELDS = ["role", "content", "reasoning_items", "provider_specific_fields", "reasoning_content", "images"]
MESSAGES = st.lists(st.dictionaries(st.sampled_from(FIELDS), st.just("x"), max_size=3), max_size=3)
VALUES = st.sampled_from(["x", None, 1, FILE, [FILE], ["x", FILE], {"image_url": "https://x.test/a.png"}])
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "messages": MESSAGES,
        "image": VALUES,
        "mask": VALUES,
        "file": VALUES,
        "input": VALUES,
        "completion_id": st.just("c"),
        "response_id": st.just("r"),
        "limit": st.just(2),
    },
)


@examples(300)
@given(st.sampled_from(CALLS), BODIES, st.sampled_from([None, {}]))
def test_a_body_goes_as_it_is_where_the_hook_leaves_it(
    named: tuple[str, str, OpenAICompatible], body: dict[str, Any], facts: dict[str, Any] | None
) -> None:
    family, operation, plugin = named
    bound = HookBinder().bind(plugin, name="openai", distribution=None, version=None)
    call = Call(family, "m", body, operation=operation)
    route = Route("openai", "openai", family, "m", "https://x.test/v1", facts=facts)
    endpoint = bound.canonical_endpoint(call, route)
    try:
        request = bound.transform_request(call, route)
    except BadRequestError:
        assert endpoint is None
        return
    assert (endpoint is not None) is (request.body is body) or type(plugin).transform_request is not ASKED
    if endpoint is not None:
        assert request == UpstreamRequest(endpoint.method, endpoint.path, body)


class Renames(OpenAICompatible):
    """A plugin with requests of its own."""

    info = chat.info

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        return UpstreamRequest("POST", "/other", call.body)


class Wraps:
    """An extension that changes every request."""

    @hookimpl(wrapper=True)
    def transform_request(self, call: Call, route: Route) -> Any:
        request = yield
        return request.with_headers({"x-a": "1"})


@pytest.mark.parametrize(
    ("plugin", "extension", "asks"), [(chat, None, False), (Renames(), None, True), (chat, Wraps(), True)]
)
def test_the_hook_is_asked_where_it_may_do_something_else(plugin: Any, extension: Any, asks: bool) -> None:
    binder = HookBinder()
    if extension is not None:
        binder.add_extension(Extension(extension, "wraps"))
    bound = binder.bind(plugin, name="openai", distribution=None, version=None)
    route = Route("openai", "openai", "chat", "m", "https://x.test/v1")
    assert (bound.canonical_endpoint(Call("chat", "m", {}), route) is None) is asks
