"""The unit, the container file and the nginx site of `deploy.md` say what they must.

Each is read here, line by line. Where systemd and nginx are installed there are two tests more: each of them checks
its file, and nginx hands on a stream. Elsewhere these two are not there, rather than green.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
import yaml
from llmgate_gateway.commands.config import command as config_command
from llmgate_gateway.commands.serve import FLAGS
from llmgate_gateway.commands.serve import command as serve_command

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.gateway_pages import FOLDER, ROOT, blocks
from tests.support.gateway_process import gateway_process
from tests.support.openai_upstream import chat_chunks

PAGE = FOLDER / "deploy.md"
PATIENCE_SECONDS = 10.0
SYSTEMD, NGINX = shutil.which("systemd-analyze"), shutil.which("nginx")
PROGRAM = "/opt/llmgate/bin/llmgate"
INSTRUCTIONS = {"FROM", "COPY", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
HI = [{"role": "user", "content": "hi"}]


def block(language: str) -> str:
    (found,) = (block.text for block in blocks(PAGE) if block.language == language)
    return found


def settings_of_unit() -> dict[str, dict[str, str]]:
    unit: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in filter(None, block("ini").splitlines()):
        if line.startswith("["):
            section = unit[line.strip("[]")] = {}
        else:
            name, _, value = line.partition("=")
            assert name not in section
            section[name] = value
    return unit


def given_to(command: object, words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]  # what the command line asks of a command
    return parser.parse_args(words)


def drain_timeout() -> float:
    config = yaml.safe_load(block("yaml"))
    return float(config["general_settings"]["drain_timeout"])


# --- systemd ---


def test_the_unit_starts_checks_reloads_and_stops_the_gateway_as_the_command_line_takes_it() -> None:
    unit = settings_of_unit()
    service = unit["Service"]
    assert list(unit) == ["Unit", "Service", "Install"]
    program, command, *words = shlex.split(service["ExecStart"])
    assert (program, command, given_to(serve_command, words).workers) == (PROGRAM, "serve", 2)
    program, command, *words = shlex.split(service["ExecStartPre"])
    assert (program, command, given_to(config_command, words).action) == (PROGRAM, "config", "check")
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert float(service["TimeoutStopSec"]) > drain_timeout()
    assert service["RestartPreventExitStatus"] == "2"
    assert service["KillMode"] == "mixed"


if SYSTEMD:

    def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
        path = tmp_path / "llmgate.service"
        path.write_text(block("ini").replace(PROGRAM, "/bin/true"), "utf-8")
        done = subprocess.run([str(SYSTEMD), "verify", "--man=no", str(path)], capture_output=True, text=True)
        assert [line for line in done.stderr.splitlines() if path.name in line] == []


# --- the container ---


def test_the_container_file_copies_what_there_is_and_starts_the_gateway() -> None:
    text = block("dockerfile").replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line]
    assert {word for word, _ in lines} <= INSTRUCTIONS
    (installs,) = (rest for word, rest in lines if word == "RUN")
    folders = re.findall(r"\./\S+", installs)
    assert folders
    assert [folder for folder in folders if not list(ROOT.glob(folder.strip("./") + "/pyproject.toml"))] == []
    entry = dict(lines)
    program, command, *words = [*json.loads(entry["ENTRYPOINT"]), *json.loads(entry["CMD"])]
    given = given_to(serve_command, words)
    assert (program, command, given.host, given.port) == ("llmgate", "serve", "0.0.0.0", None)
    assert {flag: default for flag, _, _, default in FLAGS}["port"] == int(entry["EXPOSE"])
    check = json.loads(entry["HEALTHCHECK"].removeprefix("CMD "))
    assert f":{entry['EXPOSE']}/livez" in check[-1]
    compile(check[-1], "healthcheck", "exec")


# --- nginx ---


def directives() -> dict[str, list[str]]:
    """Return name -> values of every directive; raises where a line is none."""
    found: dict[str, list[str]] = {}
    depth = 0
    for line in block("nginx").splitlines():
        code = line.partition("#")[0].strip()
        if not code:
            continue
        if code == "}":
            depth -= 1
        else:
            match = re.fullmatch(r"(\w+)(?:\s+([^;{}]+?))?\s*([;{])", code)
            assert match, line
            found.setdefault(match[1], []).append(match[2] or "")
            depth += match[3] == "{"
        assert depth >= 0
    assert depth == 0
    return found


def test_the_nginx_site_holds_nothing_back_and_waits_long_enough() -> None:
    site = directives()
    for name in ("proxy_buffering", "proxy_request_buffering", "proxy_next_upstream", "gzip"):
        assert site[name] == ["off"]
    assert site["proxy_http_version"] == ["1.1"]
    assert 'Connection ""' in site["proxy_set_header"]
    assert site["client_max_body_size"] == ["100m"]
    (wait,) = site["proxy_read_timeout"]
    assert int(wait.removesuffix("s")) > 300  # Timeouts.idle
    assert site["proxy_pass"] == ["http://llmgate"]
    assert "127.0.0.1:4000" in site["server"]


@pytest.fixture
def paced() -> Iterator[tuple[FakeUpstream, threading.Event]]:
    """Return an upstream that holds back the last events of a stream until it is told."""
    hold = threading.Event()
    with fake_upstream() as upstream:
        chunks = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chat_chunks({"model": "gpt-4o"})]
        events = [*chunks, b"data: [DONE]\n\n"]
        upstream.answers.append(Answer(200, events, {"content-type": "text/event-stream"}, hold=hold, hold_at=1))
        yield upstream, hold
        hold.set()


if NGINX:

    def test_nginx_takes_the_site_and_hands_on_an_event_as_it_comes(
        tmp_path: Path, paced: tuple[FakeUpstream, threading.Event]
    ) -> None:
        upstream, hold = paced
        (tmp_path / "config.yaml").write_text(block("yaml"), "utf-8")
        keys = {"OPENAI_API_KEY": "sk-up", "GATEWAY_MASTER_KEY": "sk-master", "OPENAI_BASE_URL": upstream.base_url}
        authority, port = trustme.CA(), free_port()
        with gateway_process("--config", "config.yaml", folder=tmp_path, environment=keys) as gateway:
            site = write_site(tmp_path, authority, port=port, gateway_port=int(gateway.url.rpartition(":")[2]))
            subprocess.run([str(NGINX), "-t", "-p", str(tmp_path), "-c", str(site)], check=True, capture_output=True)
            with running_nginx(site, port), httpx.Client(verify=trusting(authority), trust_env=False) as client:
                address = f"https://127.0.0.1:{port}"
                assert client.get(f"{address}/metrics").status_code == 403
                headers = {"authorization": "Bearer sk-master"}
                body = {"model": "gpt-4o", "messages": HI, "stream": True}
                with client.stream("POST", f"{address}/v1/chat/completions", json=body, headers=headers) as answer:
                    lines = answer.iter_lines()
                    assert '"one "' in next(lines)
                    hold.set()
                    assert [line for line in lines if line][-1] == "data: [DONE]"
                refused = client.post(f"{address}/v1/chat/completions", content=b" " * 70_000_000, headers=headers)
                assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def write_site(folder: Path, authority: trustme.CA, *, port: int, gateway_port: int) -> Path:
    """Write the page's site as a whole configuration, with addresses and files of this test."""
    certificate = authority.issue_cert("127.0.0.1")
    pem = folder / "site.pem"
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(pem), append=True)
    key = folder / "site.key"
    certificate.private_key_pem.write_to_path(str(key))
    text = block("nginx")
    for said, used in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("127.0.0.1:4000;", f"127.0.0.1:{gateway_port};"),
        ("/etc/ssl/llm.example.pem", str(pem)),
        ("/etc/ssl/llm.example.key", str(key)),
    ):
        assert said in text
        text = text.replace(said, used)
    folders = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = (
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}{text}}}\n"
    )
    path = folder / "nginx.conf"
    path.write_text(whole, "utf-8")
    return path


@contextlib.contextmanager
def running_nginx(site: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen([str(NGINX), "-p", str(site.parent), "-c", str(site)], stderr=subprocess.DEVNULL)
    try:
        wait_until_it_listens(port)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def wait_until_it_listens(port: int) -> None:
    ticks = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.05)):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        ticks.wait(0.05)
    raise TimeoutError("nginx does not listen")
