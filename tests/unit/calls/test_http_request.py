"""The way out of one call: bodies are encoded once, before any signature, and requests put together for the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmgate_core import BadRequestError, ConfigError, Timeouts
from llmgate_core.calls.http_request import RequestBuilder, origin_problem
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


# --- other hosts ---

LOGIN = "https://login.acme.test:8443"
TO_LOGIN = replace(ROUTE, hosts=("https://login.acme.test:8443/", "http://plain.acme.test", "http://localhost:9"))


@pytest.mark.parametrize(
    "origin",
    [None, LOGIN, "https://LOGIN.acme.test:8443", "https://acme.test", "https://acme.test:443/", "http://localhost:9"],
)
def test_the_base_urls_origin_and_the_declared_ones_will_do(origin: str | None) -> None:
    assert origin_problem(TO_LOGIN, origin) is None


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("https://login.acme.test", "does not declare"),
        ("http://login.acme.test:8443", "does not declare"),
        ("https://evil.test", "does not declare"),
        ("https://login.acme.test:8443/path", "more than"),
        ("https://login.acme.test:8443?q", "more than"),
        ("http://plain.acme.test", "TLS"),
        ("login.acme.test", "not an origin"),
        ("https://me@login.acme.test:8443", "not an origin"),
        ("https://login.acme.test:8443#x", "not an origin"),
        ("", "not an origin"),
    ],
)
def test_any_other_origin_is_refused_also_by_what_makes_the_request_on_the_wire(origin: str, said: str) -> None:
    problem = origin_problem(TO_LOGIN, origin)
    assert problem is not None
    assert said in problem
    made = RequestBuilder(
        TO_LOGIN, RouteHeaders(TO_LOGIN, INFO), extra_headers=None, deadline=Deadline(Timeouts()), limits=Limits()
    )
    with pytest.raises(ConfigError):
        made.transport_request(UpstreamRequest("POST", "/x", origin=origin), bearer=True)


def test_a_request_to_another_origin_has_its_own_headers_only() -> None:
    made = RequestBuilder(
        TO_LOGIN,
        RouteHeaders(TO_LOGIN, INFO),
        extra_headers={"x-extra": "1"},
        deadline=Deadline(Timeouts()),
        limits=Limits(),
    )
    request = UpstreamRequest("POST", "/a b", b"{}", {"X-Own": "1"}, {"q": "1"}, origin=LOGIN)
    sent = made.transport_request(request, bearer=True)
    assert (sent.origin.host, sent.origin.port, sent.target) == ("login.acme.test", 8443, "/a%20b?q=1")
    assert {"authorization", "acme-org", "x-extra"}.isdisjoint(dict(sent.headers))
    assert (dict(sent.headers)["x-own"], dict(sent.headers)["content-type"]) == ("1", "application/json")


def test_the_hook_auth_sees_the_url_and_the_headers_that_are_sent_but_not_the_key() -> None:
    made = builder({"x-extra": "2"})
    request = UpstreamRequest("POST", "/a b", b"{}", {"X-Own": "1"}, {"q": "ü"}, retry=False)
    final, sent = made.final_request(request), made.transport_request(request)
    assert final.url == f"https://acme.test{sent.target}" == "https://acme.test/v1/a%20b?q=%C3%BC"
    assert final.headers == {name.lower(): value for name, value in sent.headers}
    assert final.headers["acme-org"] == "org"
    assert (final.path, final.query, final.body, final.retry) == (request.path, request.query, request.body, False)
    signed = final.with_headers({"Authorization": "s"}).with_body(b"{ }")
    assert (signed.retry, signed.url, signed.origin) == (False, final.url, None)
    again = made.transport_request(signed, is_bare=True)
    assert (again.target, dict(again.headers)) == (sent.target, {**final.headers, "authorization": "s"})
