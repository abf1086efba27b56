"""Mistakes of plugin authors: each is found as early as it can be, and names distribution, hook, what to write instead.

docs/plugins/mistakes.md has the same table; a test compares them.
"""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, PluginError, PluginLoadError, PluginPolicy, Settings
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.paths import ROOT
from tests.support.plugin_site import PluginSite

HI = [{"role": "user", "content": "hi"}]
WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]}
CHUNK = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
PAGE = ROOT / "docs" / "plugins" / "mistakes.md"
SOURCE = """
from llmgate_core.plugin import OpenAICompatible, ProviderInfo, UpstreamRequest, hookimpl

class Acme(OpenAICompatible):
    info = ProviderInfo(api=(1, 1), name="acme", base_url={base_url!r})
{hooks}

plugin = Acme()
{rest}
"""


@dataclass(frozen=True)
class Mistake:
    """A mistake, and when it is found: `load`, `request`, `answer`, `stream` or `error`."""

    says: str
    found: str = "load"
    hooks: str = ""
    rest: str = ""
    entry_point: str = "acme = llmgate_acme:plugin"
    group: str = "chat"
    hook: str | None = None
    model: str = "acme/m"


def hook(name: str, arguments: str, body: str) -> str:
    return f"    @hookimpl\n    def {name}(self, {arguments}):\n        {body}\n"


def parser(feed: str = "return []", close: str | None = "return []") -> str:
    lines = ["class Parser:", f"    def feed(self, event): {feed}"]
    return "\n".join([*lines, *([f"    def close(self): {close}"] if close else [])])


def request(fields: str) -> str:
    return hook("transform_request", "call, route", f"return UpstreamRequest({fields})")


def table(line: str) -> str:
    return f"    {line}\n"


PARSES = hook("stream_parser", "call, route", "return Parser()")

MISTAKES = {
    # --- the object ---
    "a class instead of an object": Mistake("write `plugin = Acme()`", entry_point="acme = llmgate_acme:Acme"),
    "a module instead of an object": Mistake("write 'llmgate_acme:plugin'", entry_point="acme = llmgate_acme"),
    "a function instead of an object": Mistake(
        "write `plugin = make()`", rest="def make(): return plugin", entry_point="acme = llmgate_acme:make"
    ),
    "no info": Mistake("write `info = ProviderInfo(", rest="class P: pass\nplugin = P()"),
    "info of another type": Mistake("an `info` of type dict", rest="class P: info = {}\nplugin = P()"),
    "api as text": Mistake(
        "(1, 1)", rest="Acme.info = ProviderInfo(api='1.0', name='acme', base_url='https://a.example')"
    ),
    "a newer contract": Mistake(
        "upgrade llmgate-core", rest="Acme.info = ProviderInfo(api=(1, 99), name='acme', base_url='https://a.example')"
    ),
    "a misspelt operation": Mistake(
        "did you mean 'responses.retrieve'",
        rest="Acme.info = ProviderInfo(api=(1, 1), name='acme', base_url='https://a.example', "
        "operations=frozenset({'response.retrieve'}))",
    ),
    "the module raises": Mistake("cannot be imported: ZeroDivisionError", rest="1 / 0"),
    "the module ends the program": Mistake("cannot be imported: SystemExit", rest="raise SystemExit(3)"),
    # --- entry points ---
    "an attribute that is not there": Mistake("did you mean 'plugin'?", entry_point="acme = llmgate_acme:plugn"),
    "a module that is not there": Mistake("No module named", entry_point="acme = llmgate_acne:plugin"),
    "a value that is not an object": Mistake("write it as 'module:object'", entry_point="acme = llmgate-acme plugin"),
    "a misspelt group": Mistake("did its author mean llmgate.chat?", group="chats"),
    "a capital letter": Mistake("write 'acme'", entry_point="Acme = llmgate_acme:plugin"),
    "an entry point twice": Mistake(
        "keep one", entry_point="acme = llmgate_acme:plugin\nacme = llmgate_acme:other", rest="other = Acme()"
    ),
    # --- hooks ---
    "a misspelt hook": Mistake("did you mean 'map_error'?", hooks=hook("map_eror", "route", "return None")),
    "a hook without its marker": Mistake("lacks the @hookimpl marker", hooks="    def auth(self, route): return None"),
    "an async hook": Mistake("is async", hooks="    @hookimpl\n    async def auth(self, route): return None"),
    "a misspelt argument": Mistake("did you mean 'route'?", hooks=hook("auth", "rout", "return None")),
    "an argument that there is not": Mistake("it may have any of", hooks=hook("auth", "config", "return None")),
    "a keyword-only argument": Mistake("make it positional", hooks=hook("auth", "*, route", "return None")),
    "*args": Mistake("name the arguments that it uses", hooks=hook("auth", "*args", "return None")),
    "a wrapper": Mistake(
        "only extensions may wrap", hooks="    @hookimpl(wrapper=True)\n    def auth(self, route): return (yield)"
    ),
    # --- requests ---
    "auth returns headers": Mistake(
        "not an UpstreamRequest", "request", hook("auth", "route", "return {'x-api-key': 'k'}"), hook="auth"
    ),
    "auth is a generator": Mistake(
        "not an UpstreamRequest", "request", hook("auth", "request, route", "yield request"), hook="auth"
    ),
    "a request of another type": Mistake(
        "not an UpstreamRequest",
        "request",
        hook("transform_request", "call, route", "return call.body"),
        hook="transform_request",
    ),
    "a body of text": Mistake("body is str", "request", request("'POST', '/x', 'text'"), hook="transform_request"),
    "a body that is a list": Mistake("body is list", "request", request("'POST', '/x', []"), hook="transform_request"),
    "a path without a slash": Mistake(
        "path does not begin", "request", request("'POST', 'x', {}"), hook="transform_request"
    ),
    "an absolute path": Mistake(
        "path does not begin", "request", request("'POST', 'https://a.example/x', {}"), hook="transform_request"
    ),
    "a header that is a number": Mistake(
        "headers are not a mapping of strings",
        "request",
        request("'POST', '/x', {}, {'x-version': 1}"),
        hook="transform_request",
    ),
    "a changed body": Mistake(
        "changed call.body",
        "request",
        hook("transform_request", "call, route", "call.body.pop('messages'); return UpstreamRequest('POST', '/x', {})"),
        hook="transform_request",
    ),
    "a verdict of another type": Mistake(
        "not a ParamRule, True, False or None",
        "request",
        hook("supports_param", "route, param, value", "return 'no'"),
        hook="supports_param",
    ),
    "a hook that raises": Mistake(
        "raised KeyError",
        "request",
        hook("transform_request", "call, route", "return {}[1]"),
        hook="transform_request",
    ),
    "an exchange that is not a generator": Mistake(
        "not a generator", "request", hook("exchange", "call, route", "return {}"), hook="exchange"
    ),
    "an exchange that yields something else": Mistake(
        "yielded dict, not an UpstreamRequest, a Sleep or a Progress",
        "request",
        hook("exchange", "call, route", "yield {}"),
        hook="exchange",
    ),
    # --- tables ---
    "a misspelt table": Mistake(
        "it has no table 'unsuported'; did you mean 'unsupported'?", hooks="    unsuported = {'n'}"
    ),
    "names that are one string": Mistake(
        "unsupported = frozenset({'logit_bias'})", hooks="    unsupported = ('penalty')"
    ),
    "a table of pairs": Mistake("rename = {'max_tokens': 'limit'}", hooks=table("rename = [('max_tokens', 'limit')]")),
    "a rule that is a tuple": Mistake(
        "ValueRule(('number',), 0, 1)", hooks="    params = {'chat': {'temperature': (0, 1)}}"
    ),
    "a misspelt family": Mistake("did you mean 'embedding'?", hooks=table("params = {'embeddings': {}}")),
    # --- answers ---
    "an answer of another type": Mistake(
        "transform_response",
        "answer",
        hook("transform_response", "call, route, response", "return 'text'"),
        hook="transform_response",
    ),
    "an answer of the wrong shape": Mistake(
        "not canonical",
        "answer",
        hook("transform_response", "call, route, response", "return {'choices': 'text'}"),
        hook="transform_response",
    ),
    "a mapped error of text": Mistake(
        "map_error", "error", hook("map_error", "call, route, response", "return 'sorry'"), hook="map_error"
    ),
    # --- streams ---
    "a parser without close": Mistake("no feed and close", "stream", PARSES, parser(close=None), hook="stream_parser"),
    "a class instead of a parser": Mistake(
        "returned the class Parser, not an object of it",
        "stream",
        hook("stream_parser", "call, route", "return Parser"),
        parser(),
        hook="stream_parser",
    ),
    "close returns None": Mistake(
        "close() returns None",
        "stream",
        PARSES,
        parser("return [CHUNK]", "return None") + f"\nCHUNK = {CHUNK}",
        hook="stream_parser",
    ),
    "feed returns None": Mistake("makes None of", "stream", PARSES, parser("return None"), hook="stream_parser"),
    "feed returns one chunk": Mistake("dict", "stream", PARSES, parser("return {}"), hook="stream_parser"),
    "a chunk of the wrong shape": Mistake(
        "not canonical", "stream", PARSES, parser("return [{'choices': 'text'}]"), hook="stream_parser"
    ),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    return PluginSite(tmp_path, monkeypatch)


def install(site: PluginSite, mistake: Mistake, base_url: str) -> None:
    source = SOURCE.format(base_url=base_url, hooks=mistake.hooks, rest=mistake.rest)
    package = site.install("llmgate-acme", {"chat:unused": "plugin"}, source=source)
    entry_points = site.folder / f"{package}-1.2.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[llmgate.{mistake.group}]\n{mistake.entry_point}\n")


def call(mistake: Mistake) -> Any:
    with Client(api_key="k", settings=Settings(), max_retries=0) as client:
        answer = client.completion(mistake.model, HI, temperature=1, stream=mistake.found == "stream")
        return list(answer) if mistake.found == "stream" else answer


def error_of(mistake: Mistake, site: PluginSite, fake_upstream: FakeUpstream) -> PluginError:
    install(site, mistake, fake_upstream.base_url)
    answers = {"stream": Answer.sse([CHUNK]), "error": Answer.json({"error": {"message": "no"}}, 400)}
    fake_upstream.otherwise = answers.get(mistake.found, Answer.json(WHOLE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # there is one about a claim that is not served
        with pytest.raises(PluginError) as caught:
            call(mistake)
    return caught.value


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_an_error_that_says_what_is_right(
    name: str, site: PluginSite, fake_upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake = MISTAKES[name]
    monkeypatch.setenv("LLMGATE_CHECK_PLUGINS", "1")
    error = error_of(mistake, site, fake_upstream)
    assert mistake.says in str(error)
    assert (error.distribution, error.version, error.hook) == ("llmgate-acme", "1.2", mistake.hook)
    assert isinstance(error, PluginLoadError) == (mistake.found == "load")
    sent = len(fake_upstream.received)
    assert sent == 0 if mistake.found in ("load", "request") else sent == 1  # as early as it can be found


def test_the_page_of_mistakes_has_each_of_them_with_its_message() -> None:
    text = PAGE.read_text("utf-8")
    listed = dict(re.findall(r"^\| ([^|]+?) \| `([^|`]+)` \| .+? \|$", text.partition("## Names")[0], re.MULTILINE))
    assert set(listed) == set(MISTAKES)
    assert {name for name, message in listed.items() if plain(MISTAKES[name].says) not in plain(message)} == set()


def plain(text: str) -> str:
    return text.replace("`", "").replace("'", "")


# --- mistakes of names that no call raises: a notice, which doctor and the gateway's check show ---


def notices(policy: PluginPolicy | None = None) -> str:
    with Client(settings=Settings(), plugins=policy or PluginPolicy()) as client, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return "\n".join(notice.message for notice in client.plugin_notices())


def test_an_entry_point_without_a_name_is_named(site: PluginSite) -> None:
    install(site, Mistake("", entry_point=" = llmgate_acme:plugin"), "https://a.example")
    assert "write the prefix there" in notices()


def test_a_slash_at_an_end_of_a_prefix_is_left_out(site: PluginSite, fake_upstream: FakeUpstream) -> None:
    mistake = Mistake("", entry_point="/acme/ = llmgate_acme:plugin")
    install(site, mistake, fake_upstream.base_url)
    fake_upstream.otherwise = Answer.json(WHOLE)
    assert call(mistake).choices[0].message.content == "a"


def test_two_versions_on_the_path_are_named_and_the_first_one_serves(site: PluginSite, tmp_path: Path) -> None:
    install(site, Mistake(""), "https://a.example")
    metadata = tmp_path / "further" / "llmgate_acme-1.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "entry_points.txt").write_text("[llmgate.chat]\nacme = llmgate_acme:plugin\n")
    sys.path.append(str(metadata.parent))
    try:
        assert "llmgate-acme is installed twice: 1.2 is used, 1.1" in notices()
    finally:
        sys.path.remove(str(metadata.parent))


@pytest.mark.parametrize(
    "policy", [{"block": {"llmgate-acne"}}, {"allow": {"llmgate-acne", "llmgate-acme"}}], ids=["block", "allow"]
)
def test_a_name_in_the_settings_that_matches_nothing_is_named(site: PluginSite, policy: dict[str, Any]) -> None:
    install(site, Mistake(""), "https://a.example")
    assert "did you mean 'llmgate-acme'?" in notices(PluginPolicy(**policy))


def test_a_name_in_the_environment_that_matches_nothing_is_named(
    site: PluginSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, Mistake(""), "https://a.example")
    monkeypatch.setenv("LLMGATE_PLUGINS", "-llmgate-acne")
    assert "did you mean 'llmgate-acme'?" in notices()
    with Client(settings=Settings()) as client, pytest.warns(UserWarning, match="llmgate-acne"):
        client.load()
