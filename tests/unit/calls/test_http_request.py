"""The way out of one call: bodies are encoded once, before any signature, and requests put together for the wire."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import BadRequestError, ConfigError, Timeouts
from llmgate_core.calls.http_request import RequestBuilder
from llmgate_core.calls.route_headers import RouteHeaders
from llmgate_core.contract.call import Route
from llmgate_core.contract.limits import Deadline, Limits
from llmgate_core.files.form_content import FormContent
from llmgate_core.plugin import Multipart, ProviderInfo, UpstreamRequest
from llmgate_core.serving import Secret

INFO = ProviderInfo(api=(1, 0), name="acme", base_url="https://acme.test/v1", organization_header="Acme-Org")
ROUTE = Route(
    provider="acme",
    prefix="acme",
    family="chat",
    model="m",
    base_url="https://acme.test/v1",
    api_key=Secret("sk-1"),
    organization="org",
)
BODY = {"messages": []}


def builder(extra_headers: Any = None) -> RequestBuilder:
    deadline = Deadline(Timeouts())
    return RequestBuilder(
        ROUTE,
        RouteHeaders(ROUTE, INFO),
        extra_headers=extra_headers,
        deadline=deadline,
        limits=Limits(),
        canonical_body=BODY,
    )


def test_only_the_canonical_body_gets_the_model() -> None:
    encoded = builder().encoded
    assert encoded(UpstreamRequest("POST", "/x", BODY)).body == b'{"model":"m","messages":[]}'
    assert encoded(UpstreamRequest("POST", "/x", {**BODY})).body == b'{"messages":[]}'


def test_what_is_encoded_is_left_as_it_is() -> None:
    encoded = builder().encoded
    for body in (None, b"", b"bytes"):
        request = UpstreamRequest("POST", "/x", body, {"a": "b"})
        assert encoded(request) is request
    form = encoded(UpstreamRequest("POST", "/x", Multipart(fields=(("a", "b"),)), {"a": "b"}))
    assert isinstance(form.body, FormContent)
    assert (encoded(form), form.headers) == (form, {"a": "b"})


def test_what_has_no_json_form_is_named() -> None:
    with pytest.raises(BadRequestError) as caught:
        builder().encoded(UpstreamRequest("POST", "/x", {"n": 1, "odd": object()}))
    assert (caught.value.param, caught.value.attempts) == ("odd", 0)


def test_a_request_is_joined_to_the_base_url_with_its_headers() -> None:
    request = UpstreamRequest("POST", "/a b", b"{}", {"X-Own": "1"}, {"q": "ü"})
    sent = builder({"x-extra": "2"}).transport_request(request, bearer=True, new_connection=True)
    headers = dict(sent.headers)
    assert (sent.origin.host, sent.target, sent.content, sent.new_connection) == (
        "acme.test",
        "/v1/a%20b?q=%C3%BC",
        b"{}",
        True,
    )
    assert {name: headers[name] for name in ("authorization", "Acme-Org", "content-type", "x-own", "x-extra")} == {
        "authorization": "Bearer sk-1",
        "Acme-Org": "org",
        "content-type": "application/json",
        "x-own": "1",
        "x-extra": "2",
    }


def test_without_bearer_no_key_goes_out_and_without_a_body_no_content_type() -> None:
    sent = builder().transport_request(UpstreamRequest("GET", "/x"))
    assert {"authorization", "content-type"}.isdisjoint(dict(sent.headers))
    assert sent.new_connection is False


@pytest.mark.parametrize("path", ["x", "//host/x", "https://host/x"])
def test_a_path_that_could_name_a_host_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        builder().transport_request(UpstreamRequest("GET", path))


@pytest.mark.parametrize("headers", [{"authorization": "x"}, {"a b": "x"}, {"a": "x\ny"}, {"a": 1}, [("a", "b")]])
def test_headers_that_a_caller_may_not_set_are_refused(headers: Any) -> None:
    with pytest.raises(BadRequestError) as caught:
        builder(headers).transport_request(UpstreamRequest("GET", "/x"))
    assert (caught.value.param, caught.value.attempts) == ("extra_headers", 0)
