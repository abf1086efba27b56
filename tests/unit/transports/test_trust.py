"""Which certificates are trusted: one store for both transports, and a way to name another one."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from llmgate_core import APIConnectionError, AsyncClient, Client, ConfigError, Settings
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
MESSAGE = {"role": "assistant", "content": "hello"}
CHAT = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}],
}

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder: `ca.pem`, and `ca/` with the same under the name that OpenSSL looks for."""
    folder = tmp_path_factory.mktemp("authority")
    made = trustme.CA()
    made.cert_pem.write_to_path(str(folder / "ca.pem"))
    made.private_key_pem.write_to_path(str(folder / "ca.key"))
    (folder / "ca").mkdir()
    show = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(folder / "ca.pem")]
    name = subprocess.run(show, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    (folder / "ca" / f"{name}.0").write_bytes((folder / "ca.pem").read_bytes())
    return folder


@pytest.fixture
def server(authority: Path) -> Iterator[FakeUpstream]:
    issuer = trustme.CA.from_pem((authority / "ca.pem").read_bytes(), (authority / "ca.key").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert("127.0.0.1").configure_cert(context)
    running = FakeUpstream(context)
    running.otherwise = Answer.json(CHAT)
    yield running
    running.close()


@pytest.fixture(params=["http1", "httpx"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, transport: str, server: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return a function that makes a call with further arguments of the client, and returns the answer's text."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    known: dict[str, Any] = {"api_key": "sk-x", "api_base": server.base_url, "transport": transport, "max_retries": 0}

    async def acall(given: dict[str, Any]) -> Any:
        async with AsyncClient(**{**known, **given}) as client:
            return await client.completion("openai/gpt-4o", HI)

    def make_call(**given: Any) -> Any:
        given.setdefault("settings", Settings())
        if request.param == "async":
            answer = asyncio.run(acall(given))
        else:
            with Client(**{**known, **given}) as client:
                answer = client.completion("openai/gpt-4o", HI)
        return answer.choices[0].message.content

    return make_call


@pytest.mark.parametrize("name", ["ca.pem", "ca"])
def test_a_private_authority_is_trusted_where_it_is_named(
    call: Call, authority: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(authority / name)
    assert call(ca_file=path) == "hello"
    assert call(settings=Settings(ca_file=path)) == "hello"
    monkeypatch.setenv("SSL_CERT_FILE" if name == "ca.pem" else "SSL_CERT_DIR", path)
    assert call() == "hello"


def test_both_variables_count_together(
    call: Call, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    monkeypatch.setenv("SSL_CERT_DIR", str(authority / "ca"))
    assert call() == "hello"


def test_a_refused_certificate_names_the_problem_and_the_way_out(call: Call, server: FakeUpstream) -> None:
    with pytest.raises(APIConnectionError) as caught:
        call()
    message = caught.value.message
    assert (caught.value.code, server.received) == ("tls_certificate", [])
    assert f"127.0.0.1:{server.port}" in message
    assert "certificate" in message.partition(":")[2]
    assert "ca_file" in message
    assert "SSL_CERT_FILE" in message


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_certificates_is_an_error_that_names_it_and_its_source(
    call: Call, server: FakeUpstream, tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="ca_file") as caught:
        call(ca_file=str(path))
    assert str(path) in str(caught.value)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        call()
    assert server.received == []


def test_a_certificate_for_another_name_is_no_question_of_trust(call: Call, authority: Path) -> None:
    issuer = trustme.CA.from_pem((authority / "ca.pem").read_bytes(), (authority / "ca.key").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert("other.test").configure_cert(context)
    running = FakeUpstream(context)
    with pytest.raises(APIConnectionError) as caught:
        call(api_base=running.base_url, ca_file=str(authority / "ca.pem"))
    running.close()
    assert caught.value.code == "tls_certificate"
    assert "127.0.0.1" in caught.value.message.partition("accepted:")[2]
    assert "ca_file" not in caught.value.message
