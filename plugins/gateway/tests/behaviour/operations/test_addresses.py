"""Where the gateway listens: addresses of both families, Unix sockets, TLS, and what the environment says."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

LIVE = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def lives(family: int, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(20)
        sock.connect(address)
        sock.sendall(LIVE)
        return sock.makefile("rb").read().startswith(b"HTTP/1.1 200")


@needs_ipv6
@pytest.mark.parametrize("host", ["::", "[::]"])
@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_two_colons_are_all_addresses_of_both_families(gateways: Any, host: str, flags: tuple[str, ...]) -> None:
    gateways.write(None)
    gateway = gateways.start("--host", host, "--insecure-no-auth", *flags)
    assert gateway.url.startswith("http://[::]:")
    assert lives(socket.AF_INET, ("127.0.0.1", gateway.port))
    assert lives(socket.AF_INET6, ("::1", gateway.port))


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_is_taken_with_brackets_and_without(gateways: Any, host: str) -> None:
    gateways.write(None)
    gateway = gateways.start("--host", host)
    assert gateway.url.startswith("http://[::1]:")
    assert lives(socket.AF_INET6, ("::1", gateway.port))


def test_a_name_serves_every_address_that_it_has(gateways: Any) -> None:
    gateways.write(None)
    gateway = gateways.start("--host", "localhost")
    for family, *_, address in set(socket.getaddrinfo("localhost", gateway.port, type=socket.SOCK_STREAM)):
        if family == socket.AF_INET or has_ipv6():
            assert lives(family, address)


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_a_unix_socket_is_served_and_removed_at_the_end(gateways: Any, tmp_path: Path, flags: tuple[str, ...]) -> None:
    path = tmp_path / "gateway.sock"
    gateways.write(None)
    gateway = gateways.start("--uds", str(path), *flags, port=None)
    assert gateway.url == f"unix:{path}"
    assert lives(socket.AF_UNIX, str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    second = gateways.start("--uds", str(path), port=None, wait=False)
    assert second.end() == 1
    assert str(path) in "".join(second.err)
    assert lives(socket.AF_UNIX, str(path))
    assert gateway.stop() == 0
    assert not path.exists()


def test_a_unix_socket_of_a_dead_gateway_is_replaced_and_another_file_is_not(gateways: Any, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    gateways.write(None)
    gateway = gateways.start("--uds", str(path), port=None)
    gateway.signal(signal.SIGKILL)
    gateway.end()
    assert path.exists()
    gateway = gateways.start("--uds", str(path), port=None)
    assert lives(socket.AF_UNIX, str(path))
    other = tmp_path / "notes.txt"
    other.write_text("keep me")
    refused = gateways.start("--uds", str(other), port=None, wait=False)
    assert refused.end() == 1
    assert other.read_text() == "keep me"


def test_the_environment_stands_for_flags_and_flags_win(gateways: Any) -> None:
    gateways.write(None)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gateway = gateways.start(port=None, HOST="localhost", PORT=str(port), NUM_WORKERS="2")
    assert gateway.port == port
    gateway.wait_line("workers: 2")
    other = gateways.start("--host", "127.0.0.1", "--workers", "1", HOST="0.0.0.0", PORT="x", NUM_WORKERS="3")
    assert other.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("NUM_WORKERS", "0"), ("PORT", "70000")])
def test_a_wrong_variable_is_named(gateways: Any, name: str, value: str) -> None:
    gateways.write(None)
    gateway = gateways.start(wait=False, port=None, **{name: value})
    assert gateway.end() == 2
    assert name in "".join(gateway.err)


# --- TLS ---


def write_certificate(certificate: Path, key: Path, password: bytes | None = None) -> trustme.CA:
    """Write a certificate for 127.0.0.1 and its key, and return the authority that vouches for it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    content = issued.private_key_pem.bytes()
    if password is not None:
        encryption = BestAvailableEncryption(password)
        content = load_pem_private_key(content, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    key.write_bytes(content)
    return authority


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_tls_is_served_and_a_new_certificate_taken_on_reload(
    gateways: Any, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    authority = write_certificate(certificate, key)
    gateways.write(None)
    gateway = gateways.start("--ssl-certfile", str(certificate), "--ssl-keyfile", str(key), *flags)
    assert gateway.url.startswith("https://127.0.0.1:")
    ask_over_tls(gateway.port, authority)
    newer = write_certificate(certificate, key)
    gateway.signal(signal.SIGHUP)
    workers = 2 if flags else 1
    gateway.wait_for(lambda: sum("a new config was" in line for line in gateway.err) == workers, "a reload")
    ask_over_tls(gateway.port, newer)
    key.write_text("no key\n")
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("the new config was rejected")
    ask_over_tls(gateway.port, newer)
    assert gateway.stop() == 0


def ask_over_tls(port: int, authority: trustme.CA) -> None:
    """Send a request, with a certificate that only `authority` can have vouched for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)) as connection:
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200


@pytest.mark.parametrize("case", ["missing", "not PEM", "another key", "encrypted", "no certificate"])
def test_a_certificate_that_cannot_be_served_is_refused_at_the_start(gateways: Any, tmp_path: Path, case: str) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    write_certificate(certificate, key, b"secret" if case == "encrypted" else None)
    flags = ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)]
    if case == "missing":
        key.unlink()
    elif case == "not PEM":
        certificate.write_text("x")
    elif case == "another key":
        write_certificate(tmp_path / "other.pem", key)
    elif case == "no certificate":
        flags = flags[2:]
    gateways.write(None)
    gateway = gateways.start(*flags, wait=False)
    assert gateway.end() == 2
    assert "--ssl-" in "".join(gateway.err)
    assert "Traceback" not in "".join(gateway.err)


# --- a config from standard input ---


def test_a_config_from_standard_input_is_served_and_stays(gateways: Any, tmp_path: Path) -> None:
    text = "model_list:\n  - {model_name: m, litellm_params: {model: openai/gpt-4o, api_key: sk-upstream-0123456789}}\n"
    process = subprocess.Popen(
        [sys.executable, "-m", "llmgate_core", "serve", "--config", "-", "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
        cwd=tmp_path,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        process.stdin.write(text)
        process.stdin.close()
        port = int(process.stderr.readline().rsplit(":", 1)[1])
        process.send_signal(signal.SIGHUP)
        while "standard input" not in (line := process.stderr.readline()):
            assert line
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request("GET", "/v1/models")
            models = json.loads(connection.getresponse().read())
        assert [model["id"] for model in models["data"]] == ["m"]
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stderr.close()


def test_standard_input_that_is_no_config_is_refused(gateways: Any) -> None:
    gateway = gateways.start("--config", "-", wait=False, config=False)  # empty
    assert gateway.end() == 2
    assert "standard input" in "".join(gateway.err)
    gateway = gateways.start("--config", "-", "--reload", wait=False, config=False)
    assert gateway.end() == 2
    assert "--reload" in "".join(gateway.err)
