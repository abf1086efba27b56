"""Distributions that claim what is not theirs: prefixes, rows of the catalogue, keys; judged by what is sent where.

Each test has the owner's host and a stranger's; the stranger's must receive nothing, or nothing with a key.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import (
    AuthenticationError,
    Client,
    PluginConflictError,
    PluginNotInstalledError,
    PluginPolicy,
    Settings,
    UnknownModelError,
)
from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.openai_upstream import answered
from tests.support.plugin_site import MODELS_FILE, PluginSite, provider_module

HI = [{"role": "user", "content": "hi"}]
OPENAI_KEY = "sk-openai-canary-Zq81LmPw4d"
ACME_KEY = "acme-canary-Hn53RjQe6f"
STRANGER_KEY = "stranger-canary-Vb72KxTy9c"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUpstream]:
    """The host of the provider whose prefix is claimed; OpenAI's variables lead to it."""
    with fake_upstream() as running:
        running.otherwise = answered
        monkeypatch.setenv("OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
        yield running


@pytest.fixture
def abroad() -> Iterator[FakeUpstream]:
    """The stranger's host."""
    with fake_upstream() as running:
        running.otherwise = answered
        yield running


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    return PluginSite(tmp_path, monkeypatch)


@pytest.fixture
def acme(site: PluginSite, home: FakeUpstream) -> str:
    """Acme's own distribution: `acme/` for chat, at home."""
    return site.install(
        "llmgate-acme", {"chat:acme": "plugin"}, source=provider_module("acme", home.base_url, env_key="ACME_API_KEY")
    )


def install_stranger(site: PluginSite, abroad: FakeUpstream, *routes: str, **more: Any) -> None:
    """Install a stranger's distribution with these claims; its plugin calls itself what it likes."""
    name, env_key = more.pop("name", "hijack"), more.pop("env_key", None)
    claims = {route: "responses" if route.startswith("responses:") else "plugin" for route in routes}
    site.install("llmgate-stranger", claims, source=provider_module(name, abroad.base_url, env_key=env_key), **more)


def client(**more: Any) -> Client:
    return Client(settings=Settings(**more.pop("settings", {})), max_retries=0, **more)


def authorizations(upstream: FakeUpstream) -> list[str | None]:
    return [request["headers"].get("authorization") for request in upstream.received]


@contextlib.contextmanager
def recorded_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Record the warnings of a block, which are not errors there."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


def texts_of(caught: Any) -> list[str]:
    return [str(warning.message) for warning in caught]


# --- rows of a catalogue ---

HIJACKS: dict[str, Any] = {
    "prefix_by_mode": {"provider": "openai", "prefix_by_mode": {"chat": "hijack"}, "models": {}},
    "row": {"provider": "openai", "prefix_by_mode": {"chat": "hijack"}, "models": {"gpt-4o": {"mode": "chat"}}},
    "bare name": {"provider": "hijack", "prefix_by_mode": {"chat": "hijack"}, "models": {"gpt-4o": {"mode": "chat"}}},
}


@pytest.mark.parametrize("models", HIJACKS.values(), ids=list(HIJACKS))
def test_a_bare_name_goes_to_its_provider_whatever_a_file_of_models_says(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream, models: Any
) -> None:
    install_stranger(site, abroad, "chat:hijack", models=models)
    with recorded_warnings(), client() as made:
        made.completion("gpt-4o", HI)
    assert authorizations(home) == [f"Bearer {OPENAI_KEY}"]
    assert abroad.received == []


@pytest.mark.parametrize("name", ["gpt-4o-2031-01-01", "ft:gpt-4o", "ft:gpt-4o:my-org::id"])
def test_a_form_of_a_name_that_leads_to_a_shipped_row_cannot_be_taken(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream, name: str
) -> None:
    models = {"provider": "hijack", "prefix_by_mode": {"chat": "hijack"}, "models": {name: {"mode": "chat"}}}
    install_stranger(site, abroad, "chat:hijack", models=models)
    with client() as made:
        made.completion(name, HI)
    assert authorizations(home) == [f"Bearer {OPENAI_KEY}"]
    assert abroad.received == []


def test_a_name_with_a_prefix_is_not_led_elsewhere_by_the_modes_of_another_provider(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    prefixes = {"chat": "openai", "responses": "hijack"}
    models = {"provider": "hijack", "prefix_by_mode": prefixes, "models": {"gpt-new": {"mode": "responses"}}}
    install_stranger(site, abroad, "chat:hijack", models=models)
    with recorded_warnings(), client() as made:
        made.completion("openai/gpt-new", HI)
    assert authorizations(home) == [f"Bearer {OPENAI_KEY}"]
    assert abroad.received == []


def test_the_price_of_another_providers_model_is_not_taken_and_the_refusal_is_named(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    with client() as made:
        before = made.completion("gpt-4o", HI).cost
    free = {"gpt-4o": {"mode": "chat", "pricing": {"standard": {"input": 0, "output": 0}}}}
    install_stranger(site, abroad, "chat:hijack", models={"provider": "openai", "models": free})
    with pytest.warns(UserWarning, match=r"llmgate-stranger 1\.2.*'openai'"), client() as made:
        after = made.completion("gpt-4o", HI).cost
    assert before == after
    assert before is not None
    assert before > 0


def test_its_own_bare_names_and_prices_are_a_distributions_to_give(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    rows = {"hijack-1": {"mode": "chat", "pricing": {"standard": {"input": 2.0, "output": 8.0}}}}
    models = {"provider": "hijack", "prefix_by_mode": {"chat": "hijack"}, "models": rows}
    install_stranger(site, abroad, "chat:hijack", models=models)
    with client() as made:
        answer = made.completion("hijack-1", HI)
    assert answer.cost == pytest.approx((18 * 2 + 7 * 8) / 1_000_000)
    assert (len(abroad.received), home.received) == (1, [])


def test_a_bare_name_that_two_distributions_serve_goes_to_neither(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    models = {"prefix_by_mode": {"chat": "acme"}, "models": {"large": {"mode": "chat"}}, "provider": "acme"}
    source = provider_module("acme", home.base_url, env_key="ACME_API_KEY")
    site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source, models=models)
    with client(api_key=ACME_KEY) as made:
        made.completion("large", HI)
    theirs = {**models, "provider": "aaa", "prefix_by_mode": {"chat": "aaa"}}
    install_stranger(site, abroad, "chat:aaa", models=theirs)
    with client(api_key=ACME_KEY) as made, pytest.raises(UnknownModelError, match="aaa/ or acme/"):
        made.completion("large", HI)
    assert (len(home.received), abroad.received) == (1, [])


# --- prefixes ---


@pytest.mark.parametrize("family", ["chat", "responses"])
def test_a_first_party_prefix_keeps_serving_when_a_stranger_claims_it(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream, family: str
) -> None:
    install_stranger(site, abroad, f"{family}:openai", f"{family}:openai/responses", env_key="OPENAI_API_KEY")
    with recorded_warnings() as caught, client() as made:
        for _ in range(2):
            made.completion("openai/gpt-4o", HI) if family == "chat" else made.responses("openai/gpt-4o", "hi")
    assert authorizations(home) == [f"Bearer {OPENAI_KEY}"] * 2
    assert abroad.received == []
    (text,) = [text for text in texts_of(caught) if "'openai/'" in text and "'openai/responses/'" not in text]
    for part in ("llmgate-stranger 1.2", "llmgate-openai-", f"prefer={{'{family}:openai'", "=-llmgate-stranger"):
        assert part in text


def test_a_longer_prefix_below_anothers_is_not_served_unless_preferred(
    site: PluginSite, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    install_stranger(site, abroad, "chat:openai/ft", env_key="STRANGER_KEY")
    with pytest.warns(UserWarning, match="'openai/ft/' for chat, but 'openai/' belongs to"), client() as made:
        made.completion("openai/ft/m", HI)
    assert [request["json"]["model"] for request in home.received] == ["ft/m"]
    assert abroad.received == []
    preferred = PluginPolicy(prefer={"chat:openai/ft": "llmgate-stranger"})
    with client(plugins=preferred) as made, pytest.MonkeyPatch.context() as environment:
        environment.setenv("STRANGER_KEY", STRANGER_KEY)
        made.completion("openai/ft/m", HI)
    assert [request["json"]["model"] for request in abroad.received] == ["m"]
    assert authorizations(abroad) == [f"Bearer {STRANGER_KEY}"]


def test_a_family_that_only_a_stranger_claims_below_a_prefix_says_why_it_is_not_served(
    site: PluginSite, acme: str, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    install_stranger(site, abroad, "embedding:acme")
    with (
        pytest.warns(UserWarning, match="llmgate-stranger"),
        client(api_key=ACME_KEY) as made,
        pytest.raises(PluginNotInstalledError, match=r"llmgate-stranger 1\.2 claims.*llmgate-acme 1\.2.*prefer="),
    ):
        made.embedding("acme/large", "hi")
    assert home.received == abroad.received == []


def test_two_claims_on_one_family_of_a_prefix_stay_a_conflict(
    site: PluginSite, acme: str, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    install_stranger(site, abroad, "chat:acme", "responses:acme")
    with client(api_key=ACME_KEY) as made:
        for call in (lambda: made.completion("acme/large", HI), lambda: made.responses("acme/large", "hi")):
            with pytest.raises(PluginConflictError, match=r"llmgate-acme.*llmgate-stranger"):
                call()
    assert home.received == abroad.received == []
    chosen = PluginPolicy(prefer={"chat:acme": "llmgate-acme"})
    with pytest.warns(UserWarning, match="for responses"), client(api_key=ACME_KEY, plugins=chosen) as made:
        made.responses("acme/large", "hi")  # who is preferred for the first family owns the prefix
    assert authorizations(home) == [f"Bearer {ACME_KEY}"]
    assert abroad.received == []


# --- keys ---

WAYS: dict[str, dict[str, Any]] = {
    "argument": {"call": {"api_key": ACME_KEY}},
    "client": {"client": {"api_key": ACME_KEY}},
    "setting": {"client": {"settings": {"api_key": ACME_KEY}}},
    "environment": {"environment": {"ACME_API_KEY": ACME_KEY}},
}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One way to give Acme's key, of which the environment is set."""
    for name, value in request.param.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    return request.param


def test_a_strangers_plugin_for_another_family_never_receives_the_key(
    site: PluginSite, acme: str, home: FakeUpstream, abroad: FakeUpstream, way: dict[str, Any]
) -> None:
    install_stranger(site, abroad, "responses:acme", name="acme", env_key="ACME_API_KEY")
    with pytest.warns(UserWarning, match="llmgate-stranger"), client(**way.get("client", {})) as made:
        made.responses("acme/large", "hi", **way.get("call", {}))
    assert [request["path"] for request in home.received] == ["/v1/chat/completions"]
    assert authorizations(home) == [f"Bearer {ACME_KEY}"]
    assert abroad.received == []


def test_the_key_is_kept_back_from_a_stranger_that_is_preferred_too(
    site: PluginSite, acme: str, home: FakeUpstream, abroad: FakeUpstream, way: dict[str, Any]
) -> None:
    install_stranger(site, abroad, "responses:acme", name="acme", env_key="ACME_API_KEY")
    chosen = PluginPolicy(prefer={"responses:acme": "llmgate-stranger"})
    with (
        client(plugins=chosen, **way.get("client", {})) as made,
        pytest.raises(AuthenticationError, match="llmgate-stranger") as caught,
    ):
        made.responses("acme/large", "hi", **way.get("call", {}))
    assert caught.value.code == "key_kept_back"
    assert home.received == abroad.received == []


def test_a_base_url_that_the_call_names_gets_the_key_that_is_given_with_it(
    site: PluginSite, acme: str, home: FakeUpstream, abroad: FakeUpstream
) -> None:
    install_stranger(site, abroad, "responses:acme")
    chosen = PluginPolicy(prefer={"responses:acme": "llmgate-stranger"})
    with client(plugins=chosen) as made:
        made.responses("acme/large", "hi", api_key=ACME_KEY, api_base=abroad.base_url)
    assert authorizations(abroad) == [f"Bearer {ACME_KEY}"]


def test_a_preferred_plugin_may_have_the_key_for_the_owners_own_host(
    site: PluginSite, acme: str, home: FakeUpstream
) -> None:
    source = provider_module("acme", home.base_url, env_key="ACME_API_KEY")
    site.install("llmgate-other-acme", {"responses:acme": "responses"}, source=source)
    chosen = PluginPolicy(prefer={"responses:acme": "llmgate-other-acme"})
    with client(plugins=chosen, api_key=ACME_KEY) as made:
        made.responses("acme/large", "hi")
    assert [request["path"] for request in home.received] == ["/v1/responses"]
    assert authorizations(home) == [f"Bearer {ACME_KEY}"]


def test_explain_shows_that_the_key_is_kept_back(site: PluginSite, acme: str, abroad: FakeUpstream) -> None:
    install_stranger(site, abroad, "responses:acme")
    chosen = PluginPolicy(prefer={"responses:acme": "llmgate-stranger"})
    with client(plugins=chosen, api_key=ACME_KEY) as made:
        route = made.prepare("responses", "acme/large", {"input": "hi"}, {}).route
    assert route.api_key is None
    assert "kept back from llmgate-stranger" in route.reason


def test_a_plugin_that_the_program_adds_itself_gets_its_keys(abroad: FakeUpstream) -> None:
    from llmgate_core.plugin import OpenAICompatible, ProviderInfo

    class Mine(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="mine", base_url=abroad.base_url)

    with client(api_key=ACME_KEY) as made:
        made.add_plugin(Mine(), family="chat", prefix="openai", replace=True)
        made.completion("openai/m", HI)
    assert authorizations(abroad) == [f"Bearer {ACME_KEY}"]


# --- files of models ---

BROKEN: dict[str, Any] = {
    "not JSON": b"{",
    "empty": b"",
    "not UTF-8": b'\xff\xfe{"provider": "acme"}',
    "a list": [],
    "null": b"null",
    "nested deeply": b"[" * 100_000,
    "no models": {"provider": "acme"},
    "models a list": {"provider": "acme", "models": []},
    "models null": {"provider": "acme", "models": None},
    "unknown key": {"provider": "acme", "models": {}, "prefixes": {}},
    "not a number": b'{"provider": "acme", "models": {"m": {"mode": "chat", "pricing": {"standard": {"input": NaN}}}}}',
    "huge": b" " * (8 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_file_of_models_is_left_out_alone(site: PluginSite, home: FakeUpstream, content: Any) -> None:
    source = provider_module("acme", home.base_url, env_key="ACME_API_KEY")
    site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source, models=content)
    site.install(
        "llmgate-other",
        {"chat:other": "plugin"},
        source=provider_module("other", home.base_url),
        models={"provider": "other", "prefix_by_mode": {"chat": "other"}, "models": {"other-1": {"mode": "chat"}}},
    )
    with recorded_warnings() as caught, client(api_key=ACME_KEY) as made:
        for model in ("gpt-4o", "acme/large", "other-1"):
            made.completion(model, HI)
    assert len(home.received) == 3
    (text,) = texts_of(caught)
    assert "llmgate-acme 1.2" in text
    assert len(text) <= 1000


@pytest.mark.parametrize(
    "value", ["missing:models.json", "{package}:gone.json", "{package}", "{package}:", ":x", "..:x"]
)
def test_a_file_of_models_that_is_not_there_is_left_out_alone(
    site: PluginSite, home: FakeUpstream, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work" / MODELS_FILE).write_text(json.dumps({"provider": "acme", "models": {"x": {"mode": "chat"}}}))
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=provider_module("acme", home.base_url))
    points = tmp_path / f"{package}-1.2.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + f"\n[llmgate.models]\nacme = {value.format(package=package)}\n")
    with recorded_warnings() as caught, client() as made:
        made.completion("gpt-4o", HI)
        assert not made.knows_model("x")
    (text,) = texts_of(caught)
    assert text.startswith("llmgate-acme 1.2: its file of models")


def test_a_file_outside_the_package_is_not_read(site: PluginSite, home: FakeUpstream, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text(json.dumps({"provider": "acme", "models": {"x": {"mode": "chat"}}}))
    package = site.install("llmgate-acme", {"chat:acme": "plugin"}, source=provider_module("acme", home.base_url))
    points = tmp_path / f"{package}-1.2.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + f"\n[llmgate.models]\nacme = {package}:../outside.json\n")
    with pytest.warns(UserWarning, match="must be inside the package"), client() as made:
        assert not made.knows_model("x")


def test_reading_the_models_imports_no_plugin(site: PluginSite, home: FakeUpstream) -> None:
    models = {"provider": "acme", "prefix_by_mode": {"chat": "acme"}, "models": {"acme-1": {"mode": "chat"}}}
    site.install("llmgate-acme", {"chat:acme": "plugin"}, models=models)  # whose import raises
    with client() as made:
        assert made.knows_model("acme-1")
        made.completion("gpt-4o", HI)
    assert len(home.received) == 1


def test_a_wrong_row_is_left_out_alone(site: PluginSite, home: FakeUpstream) -> None:
    rows = {"good": {"mode": "chat"}, "bad": {"mode": "chat", "limits": 3}, "no-mode": {"limits": {}}, "no-row": 1}
    models = {"provider": "acme", "prefix_by_mode": {"chat": "acme"}, "models": rows}
    site.install("llmgate-acme", {"chat:acme": "plugin"}, source=provider_module("acme", home.base_url), models=models)
    with recorded_warnings() as caught, client(api_key=ACME_KEY) as made:
        made.completion("good", HI)
        assert [made.knows_model(name) for name in rows] == [True, False, False, False]
    (text,) = texts_of(caught)
    assert all(f"models.{name} " in text or f"models.{name}." in text for name in ("bad", "no-mode", "no-row"))


def test_entry_points_that_cannot_be_read_are_left_out_alone(
    site: PluginSite, home: FakeUpstream, tmp_path: Path
) -> None:
    for number, content in enumerate((b"[llmgate.chat]\nacme\n", b"[llmgate.chat]\nacme = \xff\xfe\n")):
        package = site.install(f"llmgate-acme-{number}", {"chat:acme": "plugin"})
        (tmp_path / f"{package}-1.2.dist-info" / "entry_points.txt").write_bytes(content)
    with recorded_warnings() as caught, client() as made:
        made.completion("gpt-4o", HI)
    assert len(home.received) == 1
    assert sorted(text.split("-1.2")[0].split()[-1] for text in texts_of(caught)) == [
        "llmgate_acme_0",
        "llmgate_acme_1",
    ]


# --- the user's own word ---


def test_the_users_file_wins_over_a_plugins_field_by_field(
    site: PluginSite, home: FakeUpstream, tmp_path: Path
) -> None:
    prices = {"standard": {"input": 1.0, "output": 4.0}}
    rows = {"acme-1": {"mode": "chat", "pricing": prices, "limits": {"context_window": 1000}}}
    models = {"provider": "acme", "prefix_by_mode": {"chat": "acme"}, "models": rows}
    site.install("llmgate-acme", {"chat:acme": "plugin"}, source=provider_module("acme", home.base_url), models=models)
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"provider": "acme", "models": {"acme-1": {"pricing": {"standard": {"input": 1000.0}}}}}))
    with client(api_key=ACME_KEY, settings={"catalogue_file": str(own)}) as made:
        answer = made.completion("acme-1", HI)
        row = made.resolve("chat", "acme-1").row
    assert answer.cost == pytest.approx((18 * 1000 + 7 * 4) / 1_000_000)
    assert row is not None
    assert row.facts["limits"] == {"context_window": 1000}


def test_a_correction_of_a_model_that_no_plugin_gives_is_named_and_breaks_nothing(
    site: PluginSite, home: FakeUpstream, tmp_path: Path
) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"provider": "acme", "models": {"acme-1": {"limits": {"context_window": 5}}}}))
    with recorded_warnings() as caught, client(settings={"catalogue_file": str(own)}) as made:
        made.completion("gpt-4o", HI)
        assert [notice.subject for notice in made.plugin_notices()] == ["models"]
    (text,) = texts_of(caught)
    assert "models.acme-1 is not used" in text
    assert len(home.received) == 1


@pytest.mark.parametrize(
    ("policy", "environment"),
    [
        (PluginPolicy(), "-llmgate-openai-chatt"),
        (PluginPolicy(block=frozenset({"llmgate_openai_chatt"})), ""),
        (PluginPolicy(prefer={"chat:openai": "llmgate-openai-chatt"}), ""),
    ],
    ids=["variable", "block", "prefer"],
)
def test_a_name_that_matches_nothing_is_named(
    policy: PluginPolicy, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMGATE_PLUGINS", environment)
    with pytest.warns(UserWarning, match="llmgate.openai.chatt"), client(plugins=policy) as made:
        made.load()


def test_a_group_that_is_never_read_is_named(site: PluginSite) -> None:
    site.install("llmgate-acme", {"embeddings:acme": "plugin", "gateway.stores:acme": "plugin"})
    with recorded_warnings() as caught, client() as made:
        made.load()
    (text,) = texts_of(caught)
    assert "llmgate.embeddings; did its author mean llmgate.embedding?" in text


def test_an_extension_that_two_distributions_bring_is_a_conflict_until_one_is_blocked(
    site: PluginSite, home: FakeUpstream
) -> None:
    source = (
        "from llmgate_core.plugin import hookimpl\n"
        "class Meter:\n    @hookimpl\n    def on_event(self, event): pass\n"
        "plugin = Meter()\n"
    )
    for name in ("llmgate-meter", "llmgate-a-meter"):
        site.install(name, {"extensions:meter": "plugin"}, source=source)
    with client(extensions=["meter"]) as made, pytest.raises(PluginConflictError, match=r"llmgate-a-meter.*-meter"):
        made.completion("gpt-4o", HI)
    blocking = PluginPolicy(block=frozenset({"llmgate-a-meter"}))
    with client(extensions=["meter"], plugins=blocking) as made:
        made.completion("gpt-4o", HI)
    assert len(home.received) == 1
