"""What HTTP clients log while they work for us: nothing that was sent or received."""

from __future__ import annotations

import contextlib
import logging
import ssl
from typing import Any

import httpx
import httpx2
import pytest
import trustme

from llmgate_core.contract.transport import Origin
from llmgate_core.errors import LLMGateError
from tests.support.client_drivers import ClientDriver, HTTPXDriver
from tests.support.scripted_upstream import HEAD, HELLO, OK, STYLES, Driver, Peer, always, request_to, upstream

CANARY = "sk-canary-0123456789abcdef"
ECHO = f"HTTP/1.1 200 {CANARY}\r\nX-Echo: {CANARY}\r\nContent-Length: 2\r\n\r\nhi".encode()
BAD_HEAD = f"HTTP/1.1 200 OK\r\nX\0: {CANARY}\r\n\r\n".encode()
BAD_CHUNK = HEAD + HELLO + f"{CANARY}\r\n".encode()
MAKERS: dict[str, Any] = {
    "http1": Driver,
    "httpx": HTTPXDriver,
    "client-httpx": lambda variant: ClientDriver(httpx, variant),
    "client-httpx2": lambda variant: ClientDriver(httpx2, variant),
}


def send(driver: Any, request: Any) -> None:
    with contextlib.suppress(LLMGateError):  # only what is logged counts
        driver.whole(request)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("answer", [ECHO, BAD_HEAD, BAD_CHUNK], ids=["echo", "bad head", "bad chunk"])
def test_no_key_is_logged_at_any_level(maker: str, style: str, answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    def script(peer: Peer) -> None:
        while peer.read():
            peer.send(answer)
            if answer != ECHO:
                return

    caplog.set_level(1)
    driver = MAKERS[maker](style)
    with upstream(script) as server:
        request = request_to(server, headers=[("authorization", f"Bearer {CANARY}"), ("x-trace", CANARY)])
        request.target += f"?key={CANARY}"
        for _ in range(2):
            send(driver, request)
        driver.close()
    assert CANARY not in caplog.text
    assert CANARY not in "".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("style", STYLES)
def test_no_password_of_a_proxy_is_logged(style: str, caplog: pytest.LogCaptureFixture, tmp_path: Any) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("upstream.test").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def tunnel(peer: Peer) -> None:
        peer.read()
        peer.send(f"HTTP/1.1 200 Connected\r\nX-Echo: {CANARY}\r\n\r\n".encode())
        peer.sock = context.wrap_socket(peer.sock, server_side=True)
        always(ECHO)(peer)

    caplog.set_level(1)
    with upstream(tunnel) as proxy:
        url = f"http://user:{CANARY}@127.0.0.1:{proxy.port}"
        driver = HTTPXDriver(style, proxy=url, ca_file=str(tmp_path / "ca.pem"))
        request = request_to(
            origin=Origin("https", "upstream.test", 443), headers=[("authorization", f"Bearer {CANARY}")]
        )
        assert driver.whole(request) == (200, b"hi")
        driver.close()
    assert CANARY not in caplog.text


def test_what_the_caller_does_with_his_client_is_logged_as_before(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    driver = ClientDriver(httpx, "sync")
    with driver.facing(always(OK)) as server:
        send(driver, request_to(server))
        ours = [record.getMessage() for record in caplog.records if record.name == "httpx"]
        assert ours == ["HTTP Request: POST 127.0.0.1 200"]
        caplog.clear()
        driver.client.get(f"http://127.0.0.1:{server.port}/own")
        assert f"http://127.0.0.1:{server.port}/own" in caplog.text
