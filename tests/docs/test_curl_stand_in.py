"""The stand-in for curl sends what curl sends; where there is a curl, both are asked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llmgate_core.testing import Answer, fake_upstream
from tests.support import curl as stand_in

CURLS = [[sys.executable, str(Path(stand_in.__file__))], *([path] for path in [shutil.which("curl")] if path)]
PART = re.compile(rb'name="(\w+)"(?:; filename="([^"]+)")?\r\n(?:[\w-]+: [^\r]+\r\n)*\r\n(.*?)\r\n--', re.DOTALL)
"""Name, file name and content of a part of a form."""
each_curl = pytest.mark.parametrize("curl", CURLS, ids=["ours", "curl"][: len(CURLS)])


def run(curl: list[str], *arguments: str, folder: Path) -> str:
    done = subprocess.run([*curl, "-s", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.replace("\r\n", "\n")


@each_curl
def test_data_is_posted_with_its_headers(curl: list[str], tmp_path: Path) -> None:
    with fake_upstream() as upstream:
        upstream.otherwise = Answer.json({"a": 1})
        header = "Content-Type: application/json"
        printed = run(curl, upstream.base_url, "--header", header, "--data", ' {"b": 2}', folder=tmp_path)
    (request,) = upstream.received
    assert (request["method"], request["path"], request["body"]) == ("POST", "/v1", b' {"b": 2}')
    assert request["headers"]["content-type"] == "application/json"
    assert printed == '{"a": 1}'


@each_curl
def test_a_form_has_fields_and_files(curl: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with fake_upstream() as upstream:
        upstream.otherwise = Answer.json({})
        run(curl, upstream.base_url, "--form", 'file=@"a.wav"', "-F", 'model="m"', folder=tmp_path)
    (request,) = upstream.received
    assert request["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert sorted(PART.findall(request["body"])) == [(b"file", b"a.wav", b"RIFF"), (b"model", b"", b"m")]


@each_curl
def test_the_head_is_shown_where_it_is_asked_for(curl: list[str], tmp_path: Path) -> None:
    with fake_upstream() as upstream:
        upstream.otherwise = Answer.json({}, 404, x_a="b")
        printed = run(curl, "-i", "-X", "DELETE", upstream.base_url, folder=tmp_path)
    assert [request["method"] for request in upstream.received] == ["DELETE"]
    assert printed.startswith("HTTP/1.1 404 Not Found\n")
    assert "\nx-a: b\n" in printed
