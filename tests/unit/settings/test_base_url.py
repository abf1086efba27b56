"""The parts of a base URL, and how a request's path and query are put to them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.errors import ConfigError
from llmgate_core.settings.base_url import (
    completed_base_url,
    is_loopback,
    shown_base_url,
    split_base_url,
    without_last_slash,
)
from tests.support.examples import examples

PAIRS = st.lists(st.tuples(st.text("abc", min_size=1, max_size=2), st.text("xy &=é", max_size=3)), max_size=4)


@examples(200)
@given(PAIRS, PAIRS)
def test_both_queries_are_sent_and_the_requests_own_names_win(
    base: list[tuple[str, str]], own: list[tuple[str, str]]
) -> None:
    names = frozenset(dict(own))
    url = "https://h.example/v1/" + (f"?{urlencode(base)}" if base else "")
    path, _, query = split_base_url(url).target("/x", urlencode(own), names).partition("?")
    assert path == "/v1/x"
    assert parse_qsl(query, keep_blank_values=True) == [pair for pair in base if pair[0] not in names] + own


@pytest.mark.parametrize(
    ("url", "wanted"),
    [("https://h/v1/", "https://h/v1"), ("https://h/v1/?a=b/", "https://h/v1?a=b/"), ("https://h", "https://h")],
)
def test_only_the_path_loses_its_last_slash(url: str, wanted: str) -> None:
    assert without_last_slash(url) == wanted


def test_a_fragment_is_refused_since_it_would_be_cut() -> None:
    with pytest.raises(ConfigError, match="fragment"):
        split_base_url("https://h.example/v1#part")


@pytest.mark.parametrize(
    "url",
    [
        "https://h:0/v1",
        "http://[::1]:000",
        "https://a>b.example",
        "https://a\\b.example",
        "https://h|",
        "http://[::1]80",
        "https://h%2eb",
    ],
)
def test_a_host_or_port_that_cannot_be_reached_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        split_base_url(url)


def test_a_query_is_not_shown() -> None:
    assert shown_base_url("https://h/v1?key=sk-1") == "https://h/v1?***"
    assert shown_base_url("https://h/v1") == "https://h/v1"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known_by_its_names_and_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "0.0.0.0", "127.0.0.1.example", "localhosts"])
def test_another_machine_is_not_this_one(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:8080", "http://gpu-box:8080"),
        ("10.0.0.7", "http://10.0.0.7:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("gpu-box/below", "http://gpu-box:11434/below"),
        ("https://gpu-box", "https://gpu-box"),
    ],
)
def test_a_host_alone_gets_the_scheme_and_port_of_the_providers_url(value: str, wanted: str) -> None:
    assert completed_base_url(value, "http://localhost:11434") == wanted


def test_a_host_alone_gets_no_port_where_the_provider_has_none() -> None:
    assert completed_base_url("host.example", "https://acme.example/v1") == "https://host.example"
    assert completed_base_url("host.example", "") == "host.example"
