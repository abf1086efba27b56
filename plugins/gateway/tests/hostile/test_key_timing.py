"""How long a key takes to be checked says nothing about the keys of the gateway: row S3."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from typing import Any

import pytest
from llmgate_gateway.access.keys import KeyRing
from llmgate_gateway.config import load_config_dict

from llmgate_core.serving import Secret

MASTER = "sk-0123456789abcdef0123456789abcdef"
RIGHT = f"Bearer {MASTER}".encode()
FIRST_WRONG = RIGHT.replace(b"sk-", b"xk-")
LAST_WRONG = RIGHT[:-1] + b"x"


def key(number: int) -> str:
    return f"sk-{number:032d}"


def ring(count: int) -> KeyRing:
    model = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
    keys = [{"name": f"k{number}", "key": Secret(key(number))} for number in range(count)]
    return KeyRing(load_config_dict({"model_list": [model], "general_settings": {"master_key": MASTER, "keys": keys}}))


def work_of(keys: KeyRing, presented: bytes) -> list[str]:
    """Return every function that is called while a key is checked, ours and C's."""
    called: list[str] = []

    def note(frame: Any, kind: str, argument: Any) -> None:
        if kind == "call":
            called.append(frame.f_code.co_name)
        elif kind == "c_call":
            called.append(argument.__name__)

    checking = keys.caller_of([presented])
    sys.setprofile(note)
    try:
        checking.send(None)
    except StopIteration:
        return called
    finally:
        sys.setprofile(None)
    raise AssertionError("the keys of a config are looked up without waiting")


def test_every_key_costs_the_same_work_whatever_it_is() -> None:
    keys = ring(5)
    whole = work_of(keys, RIGHT)
    assert "openssl_sha256" in whole or "sha256" in whole
    for presented in (FIRST_WRONG, LAST_WRONG, f"Bearer {key(1)}".encode(), RIGHT[:-5], b"Bearer x"):
        assert work_of(keys, presented) == whole


class Digest(bytes):
    """A digest that counts how often it is compared."""

    compared = 0
    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        type(self).compared += 1
        return bytes.__eq__(self, other)


class CountingHash:
    """SHA-256, for which equality is counted."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def digest(self) -> Digest:
        return Digest(hashlib.sha256(self._content).digest())


@pytest.mark.parametrize("presented", [MASTER, key(0), key(9_999), key(10_000), "sk-wrong"])
def test_of_ten_thousand_keys_at_most_one_is_compared(presented: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ring(10_000)
    monkeypatch.setattr("llmgate_gateway.access.keys.sha256", CountingHash)
    monkeypatch.setattr(Digest, "compared", 0)
    caller = asyncio.run(keys.caller_of([f"Bearer {presented}".encode()]))
    names = {MASTER: "master", key(0): "k0", key(9_999): "k9999"}
    assert (None if caller is None else caller.name) == names.get(presented)
    assert Digest.compared == (0 if caller is None else 1)
