"""Upstreams with certificates of an authority that only the config knows."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream

WHOLE = {"id": "c", "choices": [{"index": 0, "message": {"content": "hello"}, "finish_reason": "stop"}]}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def private_upstream(authority: trustme.CA) -> Iterator[FakeUpstream]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with fake_upstream(tls=context) as upstream:
        upstream.otherwise = Answer.json(WHOLE)
        yield upstream


@pytest.mark.parametrize("place", ["deployment", "general_settings"])
@pytest.mark.parametrize("transport", ["http1", "httpx"])
def test_the_certificates_that_the_config_names_are_trusted(
    gateways: Any, private_upstream: Any, authority: trustme.CA, tmp_path: Path, place: str, transport: str
) -> None:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    general = f"ca_file: {file}" if place == "general_settings" else ""
    gateways.write(private_upstream, general, settings=f"{{transport: {transport}}}")
    if place == "deployment":
        text = gateways.config.read_text()
        gateways.config.write_text(text.replace("max_retries: 0,", f"max_retries: 0, ca_file: '{file}',"))
    gateway = gateways.start()
    assert gateway.chat()[0] == 200


def test_a_certificate_that_is_not_trusted_is_named_in_the_log_only(gateways: Any, private_upstream: Any) -> None:
    gateways.write(private_upstream)
    gateway = gateways.start()
    status, _, body = gateway.chat()
    assert (status, json.loads(body)["error"]["code"]) == (502, "upstream_unreachable")
    assert "certificate" not in body.decode()
    assert gateway.stop() == 0
    (record,) = gateway.records()
    assert (record["error_code"], "certificate" in record["detail"]) == ("tls_certificate", True)


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_file_that_cannot_be_trusted_is_refused_at_the_start(
    gateways: Any, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    gateways.write(None, f"ca_file: {file}")
    gateway = gateways.start(wait=False)
    assert gateway.end() == 2
    assert "ca_file" in "".join(gateway.err)
