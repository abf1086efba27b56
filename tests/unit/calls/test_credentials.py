"""Which credentials are kept, for whom and for how long; the clock is the test's."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core import PluginError
from llmgate_core.calls.credentials.flights import Flight
from llmgate_core.calls.credentials.store import (
    MAX_KEPT,
    CallCredentials,
    CredentialFlight,
    CredentialStore,
    Kept,
    checked_credential,
)
from llmgate_core.plugin import Credential, OpenAICompatible, ProviderInfo, Route, Secret
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.registry.hooks import HookBinder
from tests.support.examples import examples

PATIENCE_SECONDS = 20.0


class Plain(OpenAICompatible):
    info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1")


def bound(plugin: object | None = None) -> BoundPlugin:
    return HookBinder().bind(plugin or Plain(), name="acme", distribution=None, version=None)


PLUGIN = bound()


def route(**fields: Any) -> Route:
    known = {"provider": "acme", "prefix": "acme", "family": "chat", "model": "m", "base_url": "https://a.example/v1"}
    return Route(**{**known, "api_key": Secret("key-1"), **fields})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def used(store: CredentialStore, plugin: BoundPlugin = PLUGIN, **fields: Any) -> CallCredentials:
    return store.of_call(plugin, route(**fields))


def put(store: CredentialStore, call: CallCredentials, token: str, expires_in: float | None = None) -> Kept:
    kept = call.kept_as(Credential(Secret(token), expires_in), store.now())
    store.put(call.key, kept)
    return kept


# --- until when ---


@examples(200)
@given(
    lives=st.lists(
        st.tuples(st.one_of(st.none(), st.floats(0, 100_000)), st.floats(0, 200_000)),  # life of a token, then a wait
        min_size=1,
        max_size=20,
    )
)
def test_no_token_is_used_after_it_has_expired_and_none_is_fetched_that_is_still_good(
    lives: list[tuple[float | None, float]],
) -> None:
    clock = Clock()
    store = CredentialStore(clock)
    call = used(store)
    for number, (expires_in, wait) in enumerate(lives):
        asked = clock.now
        kept = put(store, call, f"token-{number}", expires_in)
        clock.now += wait
        age, life = clock.now - asked, math.inf if expires_in is None else expires_in
        found = store.kept(call.key)
        if found is kept:
            assert age < life
        else:
            assert found is None
            assert age >= life - min(60.0, life / 10) - 1e-6


def test_a_token_is_not_used_in_its_last_minute_or_in_the_last_tenth_of_a_short_life() -> None:
    clock = Clock()
    store = CredentialStore(clock)
    long, short = used(store), used(store, api_key=Secret("key-2"))
    put(store, long, "long", 3600)
    put(store, short, "short", 10)
    clock.now += 8.9
    assert store.kept(short.key) is not None
    clock.now += 0.2
    assert store.kept(short.key) is None
    clock.now = 1000.0 + 3539
    assert store.kept(long.key) is not None
    clock.now += 2
    assert store.kept(long.key) is None


@pytest.mark.parametrize("expires_in", [0, -5, 0.0])
def test_a_token_that_has_expired_already_is_not_kept(expires_in: float) -> None:
    store = CredentialStore(Clock())
    call = used(store)
    put(store, call, "late", expires_in)
    assert store.kept(call.key) is None


# --- for whom ---


@pytest.mark.parametrize(
    "other",
    [
        {"api_key": Secret("key-2")},
        {"api_key": None},
        {"base_url": "https://b.example/v1"},
        {"organization": "org"},
        {"project": "proj"},
        {"options": {"region": "eu"}},
        {"secrets": {"client_secret": Secret("s")}},
        {"hosts": ("https://login.example",)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_token_is_never_shared_by_two_that_differ_in_what_the_hook_sees(other: Mapping[str, Any]) -> None:
    store = CredentialStore()
    put(store, used(store), "mine")
    assert store.kept(used(store, **other).key) is None


def test_a_token_is_shared_by_the_models_and_families_of_a_plugin_and_the_hook_sees_neither() -> None:
    store = CredentialStore()
    kept = put(store, used(store), "ours")
    other = used(store, model="n", family="embedding", prefix="acme/embedding", facts={"mode": "embedding"})
    assert store.kept(other.key) is kept
    assert (other.route.model, other.route.family, other.route.prefix, other.route.facts) == ("", "", "", None)
    assert other.route.api_key == Secret("key-1")


def test_a_token_is_not_shared_by_two_plugins_and_one_plugin_bound_twice_is_one() -> None:
    store, plugin = CredentialStore(), Plain()
    kept = put(store, used(store, bound(plugin)), "mine")
    assert store.kept(used(store, bound(plugin)).key) is kept
    assert store.kept(used(store, bound(Plain())).key) is None


def test_only_so_many_are_kept_and_the_oldest_is_forgotten() -> None:
    store = CredentialStore()
    calls = [used(store, api_key=Secret(f"key-{number}")) for number in range(MAX_KEPT + 5)]
    for number, call in enumerate(calls):
        put(store, call, f"token-{number}")
    assert [store.kept(call.key) is None for call in calls] == [True] * 5 + [False] * MAX_KEPT


def test_a_token_that_was_refused_is_dropped_only_while_it_is_the_kept_one() -> None:
    store = CredentialStore()
    call = used(store)
    old = put(store, call, "old")
    new = put(store, call, "new")
    store.drop(call.key, old)
    assert store.kept(call.key) is new
    store.drop(call.key, new)
    assert store.kept(call.key) is None


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # threads of other tests
def test_a_child_process_starts_without_the_tokens_and_fetches_of_its_parent() -> None:
    store = CredentialStore()
    call = used(store)
    kept = put(store, call, "parent's")
    flight = CredentialFlight(math.inf)
    store.join(call.key, flight)
    child = os.fork()
    if child == 0:
        own = CredentialFlight(math.inf)
        os._exit(0 if store.kept(call.key) is None and store.join(call.key, own) is own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.kept(call.key) is kept
    assert store.join(call.key, CredentialFlight(math.inf)) is flight


def test_no_repr_shows_a_token_or_a_key() -> None:
    store = CredentialStore()
    call = used(store, secrets={"other": Secret("secret-canary-1234")})
    kept = call.use(put(store, call, "token-canary-1234"))
    shown = repr([store, call, kept, kept.credential, kept.finder, kept.headers, vars(store), store._states.get()])
    assert "canary" not in shown
    assert "key-1" not in shown


# --- what a hook may end with ---


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "NoneType"),
        ("token", "str"),
        ({"token": "x"}, "dict"),
        (Credential(Secret("")), "empty"),
        (Credential(3), "token is int"),  # type: ignore[arg-type]
        (Credential(Secret("a\r\nb: c")), "characters"),
        (Credential(Secret("t\u20ac")), "characters"),
        (Credential(Secret("t"), "3600"), "expires_in is str"),  # type: ignore[arg-type]
        (Credential(Secret("t"), True), "expires_in is bool"),
        (Credential(Secret("t"), math.nan), "expires_in"),
        (Credential(Secret("t"), math.inf), "expires_in"),
        (Credential(Secret("t"), secrets=[Secret("s")]), "mappings"),  # type: ignore[arg-type]
        (Credential(Secret("t"), secrets={"s": 3}), "secrets"),  # type: ignore[dict-item]
        (Credential(Secret("t"), details=3), "mappings"),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_credential_that_cannot_be_used_is_an_error_that_names_the_hook(value: object, said: str) -> None:
    with pytest.raises(PluginError, match="hook credentials ended with") as caught:
        checked_credential(PLUGIN, value)
    assert said in caught.value.message
    assert caught.value.hook == "credentials"


def test_strings_in_a_credential_become_secrets() -> None:
    credential: Any = Credential("token-canary", secrets={"session": "session-canary"})  # type: ignore[arg-type,dict-item]
    assert credential.token == Secret("token-canary")
    assert credential.secrets == {"session": Secret("session-canary")}
    assert "canary" not in repr(credential)


# --- waiting for another call ---


def test_threads_and_tasks_of_several_loops_wait_for_one_flight() -> None:
    flight: Flight[str] = Flight(math.inf)
    begun = threading.Barrier(5)
    outcomes: list[str | None] = []

    def in_thread() -> None:
        begun.wait(PATIENCE_SECONDS)
        flight.wait(PATIENCE_SECONDS)
        outcomes.append(flight.outcome)

    async def tasks() -> None:
        begun.wait(PATIENCE_SECONDS)
        await asyncio.gather(*(flight.await_end(PATIENCE_SECONDS) for _ in range(3)))
        outcomes.append(flight.outcome)

    threads = [threading.Thread(target=in_thread) for _ in range(2)]
    threads += [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(PATIENCE_SECONDS)
    flight.end("landed")
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert outcomes == ["landed"] * 4
    flight.wait(0.0)  # also of one that comes too late to be woken
    asyncio.run(flight.await_end(0.0))


def test_a_wait_for_a_flight_ends_in_time_and_a_loop_that_is_gone_wakes_nobody() -> None:
    flight: Flight[str] = Flight(math.inf)
    with pytest.raises(TimeoutError):
        flight.wait(0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(flight.await_end(0.01))
    flight.end(None)
    assert flight.outcome is None
