"""How long a wrong key takes says nothing of the right one: row S3."""

from __future__ import annotations

import sys
from typing import Any

from llmgate_gateway.access.keys import KeyRing
from llmgate_gateway.config import load_config_dict

MASTER = "sk-0123456789abcdef0123456789abcdef"
KEYS = [{"name": f"k{number}", "key": f"sk-{number:032d}"} for number in range(5)]
RIGHT = f"Bearer {MASTER}".encode()
FIRST_WRONG = RIGHT.replace(b"sk-", b"xk-")
LAST_WRONG = RIGHT[:-1] + b"x"
SECOND = f"Bearer {KEYS[1]['key']}".encode()


def ring() -> KeyRing:
    model = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
    return KeyRing(load_config_dict({"model_list": [model], "general_settings": {"master_key": MASTER, "keys": KEYS}}))


def work_of(keys: KeyRing, presented: bytes) -> list[str]:
    """Return every function that is called while a key is looked at, ours and C's."""
    called: list[str] = []

    def note(frame: Any, kind: str, argument: Any) -> None:
        if kind == "call":
            called.append(frame.f_code.co_name)
        elif kind == "c_call":
            called.append(argument.__name__)

    sys.setprofile(note)
    try:
        keys.client_of([presented])
    finally:
        sys.setprofile(None)
    return called


def test_every_key_costs_the_same_work_whatever_it_is() -> None:
    keys = ring()
    whole = work_of(keys, RIGHT)
    assert whole.count("compare_digest") == 6
    for presented in (FIRST_WRONG, LAST_WRONG, SECOND, RIGHT[:-5], b"Bearer x"):
        assert work_of(keys, presented) == whole
