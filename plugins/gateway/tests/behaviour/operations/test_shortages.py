"""No more open files, and no more disk space: an answer of its own, one line in the log, and all is well after.

The limits are those of the gateway's own process, changed while it runs.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import subprocess
import sys
from typing import Any

import pytest

from llmgate_core.testing import Answer

pytestmark = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")

BOUNDARY = "b"
AUDIO = b"a" * (3 * 1024 * 1024)


def form(file: bytes) -> bytes:
    head = (
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="x.wav"\r\n\r\n'
    )
    return head.encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def upload(gateway: Any, file: bytes) -> tuple[int, dict[str, Any]]:
    with contextlib.closing(gateway.connection()) as connection:
        kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", "/v1/audio/transcriptions", form(file), kind)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def transcribing(gateways: Any, upstream: Any, general: str = "") -> None:
    gateways.write(upstream, general)
    gateways.config.write_text(gateways.config.read_text().replace("openai/gpt-4o", "openai/whisper-1"))
    upstream.otherwise = Answer.json({"text": "hello"})


def with_limit(gateway: Any, what: int, limit: int) -> int:
    """Set a limit of the gateway's process, and return what it was."""
    soft, hard = resource.prlimit(gateway.process.pid, what)
    resource.prlimit(gateway.process.pid, what, (limit, hard))
    return soft


def test_an_upload_without_space_is_refused_and_the_next_one_taken(gateways: Any, upstream: Any, tmp_path: Any) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    transcribing(gateways, upstream, f"limits: {{upload_dir: {folder}}}")
    gateway = gateways.start()
    assert upload(gateway, AUDIO)[0] == 200
    before = with_limit(gateway, resource.RLIMIT_FSIZE, 2 * 1024 * 1024)
    for _ in range(5):
        status, body = upload(gateway, AUDIO)
        assert (status, body["error"]["code"]) == (507, "no_space")
    with_limit(gateway, resource.RLIMIT_FSIZE, before)
    assert upload(gateway, AUDIO)[0] == 200
    assert 'llmgate_shortages_total{code="no_space"} 5.0' in gateway.ask("GET", "/metrics")[2].decode()
    assert gateway.stop() == 0
    lines = [line for line in gateway.err if "upload_dir" in line]
    assert 1 <= len(lines) <= 5
    assert str(folder) in lines[0]
    assert "Traceback" not in "".join(gateway.err)
    assert list(folder.iterdir()) == []


def test_a_folder_for_uploads_that_cannot_be_used_is_named(gateways: Any, upstream: Any, tmp_path: Any) -> None:
    transcribing(gateways, upstream, f"limits: {{upload_dir: {tmp_path / 'missing'}}}")
    gateway = gateways.start()
    assert upload(gateway, b"small")[0] == 200
    status, body = upload(gateway, AUDIO)
    assert (status, body["error"]["code"]) == (507, "no_space")
    assert str(tmp_path) not in json.dumps(body)
    assert str(tmp_path / "missing") in gateway.wait_line("upload_dir")


def test_a_request_without_a_free_descriptor_is_told_so_and_not_blamed_on_the_upstream(
    gateways: Any, upstream: Any
) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    answer = upstream.otherwise
    upstream.otherwise = Answer(answer.status, answer.body, {"connection": "close"})  # no connection is kept
    with contextlib.closing(gateway.connection()) as connection:
        connection.request("GET", "/livez")
        assert connection.getresponse().read()
        used = descriptors(gateway)
        assert ask(connection)[0] == 200
        gateways.until(lambda: descriptors(gateway) == used)
        before = with_limit(gateway, resource.RLIMIT_NOFILE, lowest_free(used))
        for _ in range(5):
            connection.request("POST", "/v1/chat/completions", json.dumps(BODY), JSON)
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("retry-after")) == (503, "1")
            assert json.loads(answer.read())["error"]["code"] == "out_of_descriptors"
        connection.request("GET", "/readyz")
        (model,) = json.loads(connection.getresponse().read())["models"]
        assert (model["last_outcome"], model["last_error"]) == ("finished", None)
        with_limit(gateway, resource.RLIMIT_NOFILE, before)
        assert ask(connection)[0] == 200
    assert 'llmgate_shortages_total{code="out_of_descriptors"} 5.0' in gateway.ask("GET", "/metrics")[2].decode()
    assert gateway.stop() == 0
    lines = [line for line in gateway.err if "limit of open files" in line]
    assert 1 <= len(lines) <= 5
    assert "Traceback" not in "".join(gateway.err)


BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
JSON = {"content-type": "application/json"}


def descriptors(gateway: Any) -> set[int]:
    return {int(name) for name in os.listdir(f"/proc/{gateway.process.pid}/fd")}


def lowest_free(used: set[int]) -> int:
    return next(number for number in range(10_000) if number not in used)


def ask(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    connection.request("POST", "/v1/chat/completions", json.dumps(BODY), JSON)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    return answer.status, body.get("error", {}).get("code")


def test_the_first_request_has_nothing_left_to_load(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    with contextlib.closing(gateway.connection()) as connection:
        connection.request("GET", "/livez")
        assert connection.getresponse().read()
        before = with_limit(gateway, resource.RLIMIT_NOFILE, lowest_free(descriptors(gateway)))
        assert ask(connection) == (503, "out_of_descriptors")
        with_limit(gateway, resource.RLIMIT_NOFILE, before)
        assert ask(connection) == (200, None)


def test_a_low_limit_of_open_files_is_raised_and_said_if_that_is_too_little(gateways: Any) -> None:
    gateways.write(None, "limits: {max_in_flight: 500}")
    assert "open files" in first_words(gateways, "ulimit -n 300")
    assert "open files" not in first_words(gateways, "ulimit -S -n 300")


START = 'exec "$0" -m llmgate_core serve --config "$1" --port 0'


def first_words(gateways: Any, limit: str) -> str:
    """Return what a gateway says at its start, under a limit that the shell sets."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"{limit}; {START}", sys.executable, str(gateways.config)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "UPSTREAM_KEY": "sk-upstream-0123456789abcdef"},
        text=True,
    )
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if "no key is set" in line:  # the last one
                return said
    finally:
        process.terminate()
        process.stderr.close()
        assert process.wait(30) == 0
    raise AssertionError(said)
