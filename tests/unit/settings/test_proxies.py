"""Which proxy the environment names, as other programs read it."""

from __future__ import annotations

import pytest

from llmgate_core.settings.proxies import is_exempt, proxy_for

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD")
PROXY = "http://proxy.test:3128"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "exempt"),
    [
        # the curl manual: "NO_PROXY <comma-separated list of hosts/domains>", `*` for all hosts
        ("*", "api.openai.com", 443, True),
        ("", "api.openai.com", 443, False),
        ("openai.com", "openai.com", 443, True),
        ("openai.com", "api.openai.com", 443, True),
        ("openai.com", "notopenai.com", 443, False),
        ("api.openai.com", "openai.com", 443, False),
        (".openai.com", "api.openai.com", 443, True),
        (".openai.com", "openai.com", 443, True),
        ("a.test,openai.com", "api.openai.com", 443, True),
        ("a.test, openai.com", "api.openai.com", 443, True),
        ("a.test openai.com", "api.openai.com", 443, True),
        ("OpenAI.com", "api.openai.com", 443, True),
        ("openai.com", "API.OpenAI.com", 443, True),
        ("openai.com.", "api.openai.com", 443, True),
        (",,", "api.openai.com", 443, False),
        # widely written, and read by httpx: the subdomains only
        ("*.openai.com", "api.openai.com", 443, True),
        ("*.openai.com", "openai.com", 443, False),
        ("*.openai.com", "notopenai.com", 443, False),
        # golang.org/x/net/http/httpproxy: "A ... prefix ... can also include a literal port number"
        ("openai.com:443", "api.openai.com", 443, True),
        ("openai.com:8443", "api.openai.com", 443, False),
        ("10.0.0.1:8080", "10.0.0.1", 8080, True),
        ("10.0.0.1:8080", "10.0.0.1", 80, False),
        ("[fd00::1]:8080", "fd00::1", 8080, True),
        ("[fd00::1]:8080", "fd00::1", 80, False),
        # the same: "an IP address ... in CIDR notation"
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3/8", "10.9.9.9", 443, True),
        ("10.0.0.0/99", "10.1.2.3", 443, False),
        ("10.0.0.0/8", "ten.test", 443, False),
        ("fd00::/8", "fd12::1", 443, True),
        ("fd00::/8", "fe80::1", 443, False),
        ("10.0.0.0/8", "fd12::1", 443, False),
        # addresses match as addresses, not as text
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("0.0.1", "10.0.0.1", 443, False),
        ("fd00::1", "fd00:0:0::1", 443, True),
        ("[fd00::1]", "fd00::1", 443, True),
        ("fd00::2", "fd00::1", 443, False),
    ],
)
def test_no_proxy_is_read_as_other_programs_read_it(no_proxy: str, host: str, port: int, exempt: bool) -> None:
    assert is_exempt(host, port, no_proxy) is exempt


@pytest.mark.parametrize(
    ("variables", "scheme", "proxy"),
    [
        ({}, "https", None),
        ({"HTTPS_PROXY": PROXY}, "https", PROXY),
        ({"https_proxy": PROXY}, "https", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http", None),
        ({"HTTP_PROXY": PROXY}, "http", PROXY),
        ({"http_proxy": PROXY}, "http", PROXY),
        ({"HTTP_PROXY": PROXY}, "https", None),
        ({"ALL_PROXY": PROXY}, "https", PROXY),
        ({"all_proxy": "socks5://proxy.test:1080"}, "http", "socks5://proxy.test:1080"),
        ({"HTTPS_PROXY": "", "ALL_PROXY": PROXY}, "https", PROXY),
        # curl: "the proxy ... without a scheme" is an HTTP proxy
        ({"HTTPS_PROXY": "proxy.test:3128"}, "https", PROXY),
        ({"HTTP_PROXY": "user:word@proxy.test:3128"}, "http", "http://user:word@proxy.test:3128"),
        ({"HTTP_PROXY": "[fd00::1]:3128"}, "http", "http://[fd00::1]:3128"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "upstream.test"}, "https", None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "upstream.test"}, "https", None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "upstream.test:80"}, "https", PROXY),
        # under CGI, HTTP_PROXY is the header `Proxy` of a client (CVE-2016-5385)
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, "http", None),
        ({"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, "http", PROXY),
    ],
)
def test_the_proxy_of_a_scheme_is_read_from_the_environment(
    variables: dict[str, str], scheme: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(scheme, "upstream.test", 443) == proxy
