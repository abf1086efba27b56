"""The pages' parts that come from the code are as the code says, and the tables beside them name what there is."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from llmgate_gateway.access.cors import EXPOSED
from llmgate_gateway.commands.serve import FLAGS
from llmgate_gateway.config import json_schema
from llmgate_gateway.config.litellm.fates import litellm_keys
from llmgate_gateway.http import errors as failures
from llmgate_gateway.http.responses import PASSED
from llmgate_gateway.server.refusals import REFUSALS
from llmgate_gateway.telemetry.access_log import AccessLog
from llmgate_gateway.telemetry.log_writer import LineWriter
from llmgate_gateway.telemetry.record import RequestRecord

from llmgate_core.plugin import LedgerEntry, errors
from llmgate_core.testing import Answer, fake_upstream
from tests.support.config_keys import documented, keys, works
from tests.support.gateway_pages import FOLDER, PAGES, ROOT, headings, named, rows
from tests.support.gateway_process import gateway_process
from tests.support.gateway_reference import PARTS, rewritten

PACKAGE = ROOT / "plugins" / "gateway" / "llmgate_gateway"
RUN, CONFIGURE, KEYS, OPERATE, MIGRATE = (
    FOLDER / f"{name}.md" for name in ("run", "configure", "keys", "operate", "migrate")
)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def words(text: str) -> list[str]:
    """Return a text without its line breaks, at which argparse of other Pythons breaks otherwise."""
    return text.split()


# --- what comes from the code ---


@each_page
def test_the_parts_of_a_page_that_come_from_the_code_are_as_the_code_says(page: Path) -> None:
    text = page.read_text("utf-8")
    fresh, _ = rewritten(text)
    assert words(text) == words(fresh), "write them again: python -m tests.support.gateway_reference"


def test_every_part_that_the_code_can_write_stands_on_one_page() -> None:
    found = [name for page in PAGES for name in rewritten(page.read_text("utf-8"))[1]]
    assert sorted(found) == sorted(PARTS)


def test_every_key_of_the_schema_has_a_heading_or_is_named_as_a_spelling() -> None:
    text = CONFIGURE.read_text("utf-8")
    schema = json_schema()
    told = {path.rpartition(".")[2] for path in headings(CONFIGURE)} | set(re.findall(r"Also written\s`(\w+)`", text))
    for part in (schema, *schema["$defs"].values()):
        for option in part.get("anyOf", [part]):
            wanted = {name for name, said in option.get("properties", {}).items() if not said.get("deprecated")}
            assert wanted <= told, wanted - told
    assert headings(CONFIGURE) == [key.path for key in keys()]


def test_every_key_of_litellms_has_a_row() -> None:
    table = rows(MIGRATE, "LiteLLM's keys at")
    listed = sorted((row[1], name) for row in table for name in named(row[3]) if row[0] != "its environment")
    fates = [(fate.what, key) for fates in litellm_keys().values() for key, fate in fates.items()]
    working = [("works", name) for part, names in documented().items() for name in names if works(part, name)]
    assert listed == sorted([*fates, *working])


def test_the_address_is_port_4000_of_this_machine_unless_said_otherwise() -> None:
    defaults = {flag: default for flag, _, _, default in FLAGS}
    assert (defaults["host"], defaults["port"]) == ("127.0.0.1", 4000)


# --- errors ---


def codes_in_source() -> Iterator[str]:
    """Yield every code that a reply of the gateway's own may have."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in ("refuse", "ErrorFacts"):
                given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                yield from (str(code.value) for code in given if isinstance(code, ast.Constant))
    yield from (str(refusal.facts.code) for refusal in REFUSALS.values())


def codes_of_failures() -> Iterator[str]:
    """Yield the codes of calls that failed where the upstream gave none."""
    failed: list[errors.LLMGateError] = [
        errors.PluginError("x"),
        errors.ConfigError("x"),
        errors.AuthenticationError("x", status_code=401, attempts=0),
        errors.AuthenticationError("x", status_code=401),
        errors.APIResponseValidationError("x", status_code=200),
        errors.StreamTruncatedError("x"),
        errors.APITimeoutError("x", phase="total"),
        errors.APIConnectionError("x"),
        failures.STOPPING,
    ]
    for failure in failed:
        yield str(failures.error_facts(failure).code)


def test_every_code_of_the_gateways_own_has_a_row_and_every_row_is_one() -> None:
    listed = [name for row in rows(RUN, "code") for name in named(row[0])]
    assert len(listed) == len(set(listed))
    assert sorted(listed) == sorted({*codes_in_source(), *codes_of_failures()})


# --- headers ---


def listed_headers(first: str) -> set[str]:
    return {name for row in rows(RUN, first) for name in named(row[0])}


def covered(name: str, listed: set[str]) -> bool:
    return name in listed or any(entry.endswith("…") and name.startswith(entry[:-1]) for entry in listed)


def test_every_header_that_the_gateway_sets_or_lets_through_has_a_row() -> None:
    listed = listed_headers("response header")
    in_source = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'(?<!\w)\(b"([a-z-]+)", ', path.read_text("utf-8"))
        if name not in {"date", "content-length", "transfer-encoding"}
    }
    pages_only = {"content-security-policy", "x-content-type-options", "referrer-policy"}
    in_source |= set(PASSED) | {name.strip().decode() for name in EXPOSED.split(b",")}
    assert {name for name in in_source - pages_only if not covered(name, listed)} == set()


def test_no_reply_has_a_header_that_the_page_does_not_list(tmp_path: Path) -> None:
    listed = listed_headers("response header") | {"date", "content-length", "transfer-encoding"}
    upstream_headers = {"x-ratelimit-limit-requests": "5", "set-cookie": "a=b", "retry-after": "1", "server": "x"}
    config = "model_list: [{model_name: m, params: {model: openai/gpt-4o, max_retries: 0}}]\n"
    (tmp_path / "config.yaml").write_text(config, "utf-8")
    with fake_upstream() as upstream:
        environment = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": upstream.base_url}
        body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        answers = [
            Answer.json({"id": "x", "choices": []}),
            Answer.json({"error": {"message": "no"}}, 429),
            Answer.sse([{"choices": [{"index": 0, "delta": {"content": "x"}}]}]),
        ]
        for answer in answers:
            pairs = {**dict(answer.headers), **upstream_headers}
            upstream.answers.append(Answer(answer.status, answer.body, pairs))
        with (
            gateway_process("--config", "config.yaml", folder=tmp_path, environment=environment) as gateway,
            httpx.Client(base_url=gateway.url, trust_env=False) as client,
        ):
            replies = [
                client.post("/chat/completions", json=body),
                client.post("/chat/completions", json=body),
                client.post("/chat/completions", json={**body, "stream": True}),
                client.post("/chat/completions", content=b"{"),
                client.get("/nowhere"),
                client.put("/chat/completions"),
                client.get("/v1/models"),
            ]
    assert [reply.status_code for reply in replies] == [200, 429, 200, 400, 404, 405, 200]
    sent = {name for reply in replies for name in reply.headers}
    assert {name for name in sent if not covered(name, listed)} == set()
    assert {"x-ratelimit-limit-requests", "retry-after", "x-llmgate-model", "x-llmgate-request-id"} <= sent


# --- the log, and what the page of keys promises ---


def test_every_field_of_the_access_log_has_a_row_in_its_order() -> None:
    record = RequestRecord(
        "r",
        0.0,
        "GET",
        "/",
        family="chat",
        operation="create",
        requested_model="m",
        deployment="m",
        model="m",
        provider="p",
        plugin="p",
        client="c",
        user="u",
        client_request_id="i",
        status=200,
        stream=True,
        first_byte_seconds=0.1,
        total_seconds=0.2,
        usage={"prompt_tokens": 1, "completion_tokens": 1},
        cost=0.1,
        ledger=(LedgerEntry("p", "dropped", "r", "s", lossy=True),),
        upstream_request_id="u",
        upstream_status=200,
        error_code="e",
        traceparent="t",
        extra={"client_session": "s", "detail": "d", "upstream_text": "t"},
    )
    line = json.loads(AccessLog(LineWriter(1), shows_user=True).line(record))
    listed = [name for row in rows(OPERATE, "field") for name in named(row[0])]
    assert sorted(listed) == sorted(line)
    assert [name for name in RequestRecord.__slots__ if getattr(record, name) is None] == []


FOREIGN = {
    "sqlite3",
    "sqlalchemy",
    "jinja2",
    "string.Template",
    "pickle",
    "marshal",
    "shelve",
    "subprocess",
    "urllib.request",
}


def test_the_gateway_has_none_of_what_the_page_says_it_does_not_have() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Call):
                assert getattr(node.func, "id", "") not in ("eval", "exec", "compile", "__import__"), path
            assert FOREIGN.isdisjoint(names), path


def test_no_page_of_the_gateways_own_is_sent_anything_but_a_question() -> None:
    asked = [row[0].strip("`") for row in rows(RUN, "page")]
    assert [request for request in asked if not request.startswith("GET ")] == ["POST /explain"]
