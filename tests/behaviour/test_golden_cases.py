"""The golden cases, through the public SDK: each one sync and async, over our own wires and callers' clients.

Fields, matchers and comparison rules: `cases/README.md`. The upstream's host names are reached on the
loopback without changing the call: callers' clients speak TLS to it under the real names, our own wires
get base URLs whose path begins with `/host/<name>`.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import ssl
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import httpx
import pytest
import trustme

import llmgate_core
from llmgate_core.client.functions import default_client
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.paths import GOLDEN_CASES

pytestmark = pytest.mark.usefixtures("trusts_one_certificate")

CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(GOLDEN_CASES.glob("*.json"))}

RUN = {"audio", "bridge", "chat", "embedding", "image", "moderation", "responses", "text_completion", "video"}
NOT_HERE = {"gateway": "runs in plugins/gateway/tests"}
"""First tag of a case -> where it runs instead."""

RUNNABLE = [name for name, case in CASES.items() if case["tags"][0] in RUN]
AT_HOME_ONLY = {"bridge-014-gpt55-tools-auto"}
"""Cases of a rule that holds only on api.openai.com, which only a caller's own client reaches here."""
WIRES = ["httpx", "http1", "callers httpx"]
HOSTS = {"api.openai.com", "llm.example.test", "your-host.example.test"}
IGNORED_KEYS = {"provider_specific_fields", "reasoning_items"}
IGNORED_IN_BRIDGED = {"service_tier", "system_fingerprint"}
KEY = "sk-golden-0000"


# --- the upstream ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def answer_of(reply: dict[str, Any], drip: int | None) -> Answer:
    """Return the reply as the server's answer; event streams cut into `drip` bytes."""
    headers = reply["headers"]
    if "sse" in reply:
        return Answer(reply["status"], [reply["sse"].encode()], headers, drip=drip)
    if "body_parts_base64" in reply:
        return Answer(reply["status"], [base64.b64decode(part) for part in reply["body_parts_base64"]], headers)
    if "base64" in reply:
        return Answer(reply["status"], base64.b64decode(reply["base64"]), headers)
    if "text" in reply:
        return Answer(reply["status"], reply["text"].encode(), headers)
    return Answer(reply["status"], json.dumps(reply["json"]).encode(), headers)


class LoopbackTransport(httpx.BaseTransport):
    """Connects to the loopback, whatever host the URL names; TLS checks the certificate for that name."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self._port = port
        self._inner = httpx.HTTPTransport(verify=tls)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        to_loopback(request, self._port)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


class AsyncLoopbackTransport(httpx.AsyncBaseTransport):
    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self._port = port
        self._inner = httpx.AsyncHTTPTransport(verify=tls)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        to_loopback(request, self._port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def to_loopback(request: httpx.Request, port: int) -> None:
    request.extensions = {**request.extensions, "sni_hostname": request.url.host}
    request.url = request.url.copy_with(host="127.0.0.1", port=port)


# --- one run of one case ---


class Outcome:
    """What the caller got: a result, chunks, an error, or chunks and then an error."""

    def __init__(self) -> None:
        self.result: Any = None
        self.chunks: list[Any] = []
        self.error: llmgate_core.LLMGateError | None = None
        self.warnings: list[str] = []


def run_sync(call: dict[str, Any], tls: tuple[int, ssl.SSLContext] | None) -> Outcome:
    outcome = Outcome()
    function = getattr(llmgate_core, call["function"])
    with session(None if tls is None else httpx.Client(transport=LoopbackTransport(*tls))) as extra:
        try:
            outcome.result = function(**arguments_of(call), **({"client_session": extra} if extra else {}))
            if isinstance(outcome.result, llmgate_core.Stream):
                for chunk in outcome.result:
                    outcome.chunks.append(chunk)
        except llmgate_core.LLMGateError as error:
            outcome.error = error
    return outcome


def run_async(call: dict[str, Any], tls: tuple[int, ssl.SSLContext] | None) -> Outcome:
    outcome = Outcome()
    function = getattr(llmgate_core, "a" + call["function"])

    async def run() -> None:
        extra = None if tls is None else httpx.AsyncClient(transport=AsyncLoopbackTransport(*tls))
        try:
            outcome.result = await function(**arguments_of(call), **({"aclient_session": extra} if extra else {}))
            if isinstance(outcome.result, llmgate_core.AsyncStream):
                async for chunk in outcome.result:
                    outcome.chunks.append(chunk)
        except llmgate_core.LLMGateError as error:
            outcome.error = error
        finally:
            if extra is not None:
                await extra.aclose()

    asyncio.run(run())
    return outcome


@contextmanager
def session(client: httpx.Client | None) -> Iterator[httpx.Client | None]:
    try:
        yield client
    finally:
        if client is not None:
            client.close()


def arguments_of(call: dict[str, Any]) -> dict[str, Any]:
    """Return the call's arguments, with `$file` values as open binary files."""
    return {name: open_file(value) for name, value in call["kwargs"].items()}


def open_file(value: Any) -> Any:
    if not (isinstance(value, dict) and "$file" in value):
        return value
    file = io.BytesIO(base64.b64decode(value["$file"]["base64"]))
    file.name = value["$file"]["filename"]
    return file


class Runner:
    """Runs cases over one wire, sync or async, with the case's environment and settings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, wire: str, mode: str) -> None:
        self._monkeypatch = monkeypatch
        self._authority = authority
        self._wire = wire
        self._run = {"sync": run_sync, "async": run_async}[mode]
        self._undo = ExitStack()

    def __call__(self, case: dict[str, Any]) -> tuple[Outcome, FakeUpstream]:
        with self._upstream(case) as upstream, self._undo:
            self._set_up(case, upstream)
            call = case["call"] if self._is_callers else self._through_path(case["call"], upstream)
            tls = (upstream.port, self._trusting()) if self._is_callers else None
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                outcome = self._run(call, tls)
            outcome.warnings = [str(warning.message) for warning in caught]
        return outcome, upstream

    @property
    def _is_callers(self) -> bool:
        return self._wire == "callers httpx"

    @contextmanager
    def _upstream(self, case: dict[str, Any]) -> Iterator[FakeUpstream]:
        tls = None
        if self._is_callers:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(*sorted(HOSTS)).configure_cert(tls)
        with fake_upstream(tls=tls) as upstream:
            upstream.answers += [answer_of(exchange["reply"], 7) for exchange in case["upstream"]]
            yield upstream

    def _set_up(self, case: dict[str, Any], upstream: FakeUpstream) -> None:
        for name in ("API_KEY", "BASE_URL", "API_BASE", "ORGANIZATION", "ORG_ID", "PROJECT", "PROJECT_ID"):
            self._monkeypatch.delenv(f"OPENAI_{name}", raising=False)
        for name, value in case["env"].items():
            self._monkeypatch.setenv(name, value)
        for name, value in case.get("settings", {}).items():
            self._set(name, value)
        if not self._is_callers:
            self._set("transport", self._wire)
            base_url = case["env"].get("OPENAI_BASE_URL", "https://api.openai.com/v1")
            self._monkeypatch.setenv("OPENAI_BASE_URL", path_url(base_url, upstream))

    def _set(self, name: str, value: Any) -> None:
        self._undo.callback(setattr, llmgate_core, name, getattr(llmgate_core, name))
        setattr(llmgate_core, name, value)

    def _through_path(self, call: dict[str, Any], upstream: FakeUpstream) -> dict[str, Any]:
        kwargs = dict(call["kwargs"])
        if "api_base" in kwargs:
            kwargs["api_base"] = path_url(kwargs["api_base"], upstream)
        return {**call, "kwargs": kwargs}

    def _trusting(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context


def path_url(url: str, upstream: FakeUpstream) -> str:
    """Return the loopback URL whose path names the host that `url` does."""
    return url.replace("https://", f"http://127.0.0.1:{upstream.port}/host/")


def url_of(request: ReceivedRequest) -> str:
    """Return the URL that the caller meant; the other way round of `path_url`."""
    path = request["path"]
    return "https://" + (
        path.removeprefix("/host/") if path.startswith("/host/") else request["headers"]["host"] + path
    )


# --- comparison ---


def matches(expected: Any, got: Any, root: Any = None) -> bool:
    """Compare by equality, and by the matchers inside `expected`; `root` is the whole body that came."""
    root = got if root is None else root
    if isinstance(expected, dict) and len(expected) == 1 and next(iter(expected)) in MATCHERS:
        ((name, argument),) = expected.items()
        return MATCHERS[name](argument, got, root)
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(matches(expected[key], got[key], root) for key in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(matches, expected, got, [root] * len(got)))
    return (type(expected) is not bool and expected == got) or expected is got


def at_path(root: Any, path: str) -> Any:
    for step in path.split("."):
        root = root[int(step)] if isinstance(root, list) else root[step]
    return root


MATCHERS: dict[str, Any] = {
    "$regex": lambda pattern, got, _: isinstance(got, str) and re.search(pattern, got) is not None,
    "$contains": lambda text, got, _: isinstance(got, (str, list)) and text in got,
    "$any": lambda _, got, __: got is not None,
    "$same_as": lambda path, got, root: got == at_path(root, path),
}


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def without_ignored(got: Any, expected: Any, *, bridged: bool, subset: bool = False) -> Any:
    """Remove the extra keys of a result that the rules ignore, unless `expected` has them too."""
    if isinstance(got, dict) and isinstance(expected, dict):
        return {
            key: without_ignored(item, expected.get(key), bridged=bridged, subset=subset)
            for key, item in got.items()
            if key in expected or not (subset or is_ignored(key, bridged=bridged))
        }
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
        return [without_ignored(*pair, bridged=bridged, subset=subset) for pair in zip(got, expected, strict=True)]
    return got


def is_ignored(key: str, *, bridged: bool) -> bool:
    return key.startswith("_") or key in IGNORED_KEYS or (bridged and key in IGNORED_IN_BRIDGED)


def canonical_request(path: str, body: Any) -> Any:
    """Bring a /responses body into one of its equal spellings; others stay as they are."""
    if not path.endswith("/responses") or not isinstance(body, dict):
        return body
    items = body.get("input")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    return {**body, "input": [canonical_item(item) for item in items]} if isinstance(items, list) else body


def canonical_item(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type", "message") != "message" or "role" not in item:
        return item
    content = item["content"]
    if isinstance(content, str) and item["role"] in ("user", "system", "developer"):
        content = [{"type": "input_text", "text": content}]
    return {**item, "type": "message", "content": content}


def assert_result(case: dict[str, Any], expected: Any, got: Any) -> None:
    subset = case["result"].get("compare") == "subset"
    expected, got = without_nulls(expected), without_nulls(got)
    got = without_ignored(got, expected, bridged=case["tags"][0] == "bridge", subset=subset)
    assert matches(expected, got), f"expected {json.dumps(expected)}\ngot      {json.dumps(got)}"


def assert_requests(case: dict[str, Any], upstream: FakeUpstream) -> None:
    assert [url_of(request) for request in upstream.received] == [it["expect"]["url"] for it in case["upstream"]]
    for exchange, request in zip(case["upstream"], upstream.received, strict=True):
        expect = exchange["expect"]
        assert request["method"] == expect["method"]
        sent = {name: request["headers"].get(name) for name in expect["headers"]}
        assert matches(expect["headers"], sent)
        assert [name for name in expect.get("absent_headers", ()) if name in request["headers"]] == []
        if "multipart" in expect:
            assert_form(expect["multipart"], request)
        else:
            path = request["path"]
            sent_json = canonical_request(path, request["json"])
            assert matches(canonical_request(path, expect.get("json")), sent_json), sent_json


def assert_form(expect: dict[str, Any], request: ReceivedRequest) -> None:
    head = f"content-type: {request['headers']['content-type']}\r\n\r\n".encode()
    parts = list(BytesParser(EmailMessage, policy=HTTP).parsebytes(head + request["body"]).iter_parts())
    names = [str(part.get_param("name", header="content-disposition")) for part in parts]
    contents = [part.get_payload(decode=True) for part in parts]
    files = [
        {"name": name, "filename": part.get_filename(), "content_type": part.get_content_type(), "base64": content}
        for name, part, content in zip(names, parts, contents, strict=True)
        if part.get_filename() is not None
    ]
    for file in files:
        file["base64"] = base64.b64encode(file["base64"]).decode()
    fields = [[n, c.decode()] for n, p, c in zip(names, parts, contents, strict=True) if p.get_filename() is None]
    assert sorted(fields) == sorted(expect["fields"])
    assert matches(expect["files"], files), files


def assert_error(expected: dict[str, Any], error: llmgate_core.LLMGateError | None) -> None:
    assert error is not None
    names = [kind.__name__ for kind in type(error).__mro__] if expected.get("subclass_ok") else [type(error).__name__]
    assert expected["class"] in names
    fields = {"status_code", "code", "type", "param", "request_id", "retry_after"} & set(expected)
    assert {name: getattr(error, name) for name in fields} == {name: expected[name] for name in fields}
    assert expected.get("message_contains", "") in str(error)
    assert KEY not in f"{error!r} {error} {vars(error)}"


def assert_chunks(case: dict[str, Any], chunks: list[Any]) -> None:
    expected = case["result"]["chunks"]
    dumped = [chunk.model_dump() for chunk in chunks]
    assert len(dumped) == len(expected), dumped
    for wanted, got in zip(expected, dumped, strict=True):
        assert_result(case, wanted, got)
    if case["result"].get("same_id_in_all_chunks"):
        assert len({chunk["id"] for chunk in dumped}) == 1
    if "aggregate" in case["result"]:
        assert_result(case, case["result"]["aggregate"], aggregate_of(chunks))


def aggregate_of(chunks: list[Any]) -> dict[str, Any]:
    whole = llmgate_core.fold_chunks(chunks).model_dump()
    choice = whole["choices"][0]
    fields = {name: choice["message"].get(name) for name in ("content", "reasoning_content", "tool_calls")}
    return {**fields, "finish_reason": choice["finish_reason"], "usage": whole.get("usage")}


def assert_outcome(case: dict[str, Any], outcome: Outcome) -> None:
    result = case["result"]
    if result["kind"] in ("error", "chunks_then_error"):
        assert_error(result["error"], outcome.error)
    else:
        assert outcome.error is None, repr(outcome.error)
    if result["kind"] == "response":
        assert_result(case, result["json"], outcome.result.model_dump())
        assert {name: getattr(outcome.result, name) for name in result.get("extra_properties", ())} == result.get(
            "extra_properties", {}
        )
    elif result["kind"] == "events":
        dumped = [event.model_dump(exclude_unset=True) for event in outcome.chunks]
        assert len(dumped) == len(result["events"]), dumped
        for wanted, got in zip(result["events"], dumped, strict=True):
            assert_result(case, wanted, got)
    elif result["kind"] == "binary":
        assert outcome.result.content == base64.b64decode(result["base64"])
        assert outcome.result.content_type == result["content_type"]
    elif result["kind"] != "error":
        assert_chunks(case, outcome.chunks)
    if "response_headers" in result:
        headers = outcome.result._response_headers
        assert {name: headers[name] for name in result["response_headers"]} == result["response_headers"]


# --- the tests ---


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WIRES)
def runner(
    request: pytest.FixtureRequest, mode: str, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA
) -> Iterator[Runner]:
    yield Runner(monkeypatch, authority, request.param, mode)
    default_client().close()  # its kept connections lead to servers that are gone


@pytest.mark.parametrize("name", sorted(set(RUNNABLE) - AT_HOME_ONLY))
def test_a_golden_case_gives_what_it_says(name: str, runner: Runner) -> None:
    check(CASES[name], runner)


@pytest.mark.parametrize("name", sorted(AT_HOME_ONLY))
def test_a_rule_of_the_providers_own_host_holds_there(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA
) -> None:
    check(CASES[name], Runner(monkeypatch, authority, "callers httpx", mode))


def check(case: dict[str, Any], runner: Runner) -> None:
    outcome, upstream = runner(case)
    assert_requests(case, upstream)
    assert_outcome(case, outcome)
    assert upstream.unscripted == 0


def test_every_case_runs_or_is_known_to_wait() -> None:
    assert len(CASES) == 77
    assert {case["tags"][0] for case in CASES.values()} == RUN | set(NOT_HERE)
    assert len(RUNNABLE) == 70


@pytest.mark.parametrize(
    ("name", "parameter", "words"),
    [
        ("chat-010-effort-dict-normalised", "reasoning_effort", ["summary"]),
        ("chat-012-gpt54-tools-drop-effort", "reasoning_effort", ["reasoning_effort", "openai/responses/"]),
    ],
)
def test_a_loss_is_one_ledger_entry_and_one_warning(name: str, parameter: str, words: list[str], mode: str) -> None:
    case = CASES[name]
    answer = answer_of(case["upstream"][0]["reply"], None)
    with fake_upstream() as upstream:
        upstream.answers += [answer, answer]
        with pytest.warns(UserWarning, match=words[0]) as caught:
            results = twice(case["call"]["kwargs"], {"api_key": KEY, "api_base": upstream.base_url}, mode)

    for result in results:
        assert [(entry.parameter, entry.lossy) for entry in result.ledger] == [(parameter, True)]
        assert [word for word in words if word not in str(result.ledger[0])] == []
    assert len(caught) == 1
    assert [word for word in words if word not in str(caught[0].message)] == []


def twice(kwargs: dict[str, Any], options: dict[str, str], mode: str) -> list[Any]:
    """Make one call two times through a fresh client, so that no other test has used up its warnings."""
    if mode == "sync":
        with llmgate_core.Client(settings=llmgate_core.Settings(), **options) as client:
            return [client.completion(**kwargs) for _ in range(2)]

    async def run() -> list[Any]:
        async with llmgate_core.AsyncClient(settings=llmgate_core.Settings(), **options) as client:
            return [await client.completion(**kwargs) for _ in range(2)]

    return asyncio.run(run())


def test_the_matchers_and_rules_tell_right_from_wrong() -> None:
    assert matches({"a": {"$regex": "^x"}, "b": [{"$any": True}]}, {"a": "xy", "b": [0]})
    assert not matches({"a": {"$regex": "^x"}}, {"a": "yx"})
    assert not matches({"a": {"$any": True}}, {"a": None})
    assert matches({"a": 1, "b": {"$same_as": "a"}}, {"a": 1, "b": 1})
    assert not matches({"a": 1, "b": {"$same_as": "a"}}, {"a": 1, "b": 2})
    assert not matches({"stream": True}, {"stream": 1})
    assert not matches({"a": 1}, {"a": 1, "b": 2})
    assert matches({"a": {"$contains": "b"}}, {"a": "abc"})
    spellings = ["hi", [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]]
    assert len({json.dumps(canonical_request("/v1/responses", {"input": it}), sort_keys=True) for it in spellings}) == 1
    assert without_ignored({"_a": 1, "b": 2}, {"b": 2}, bridged=False) == {"b": 2}
    assert without_ignored({"service_tier": "x"}, {}, bridged=False) == {"service_tier": "x"}
