"""`mask` and `SecretFinder`: a key is found in any encoding, whole or cut anywhere, and nothing else is."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.secrets import MASK, Secret, SecretFinder, mask
from tests.support.examples import examples

KEY = "sk-proj+ab/cd_GH-1234567890é~XYZ="
ASCII_KEY = KEY.replace("é", "e")
RUN = 12


def percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def latin_percent(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode("latin-1"))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": lambda text: re.sub("[a-z]+", lambda match: match[0].upper(), text),
    "lower case": str.lower,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of latin-1": lambda text: base64.b64encode(text.encode("latin-1")).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 in a URL": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "hex": lambda text: text.encode().hex(),
    "upper-case hex": lambda text: text.encode().hex().upper(),
    "percent": lambda text: quote(text, safe=""),
    "percent in lower case": lambda text: quote(text, safe="").replace("%2B", "%2b").replace("%2F", "%2f"),
    "percent, slashes kept": quote,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent throughout": lambda text: "".join(map(percent, text)),
    "bytes of a Python literal": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode("latin-1")),
    "JSON escapes": lambda text: "".join(f"\\u{ord(character):04X}" for character in text),
    "JSON with escaped slashes": lambda text: text.replace("/", "\\/"),
    "HTML": lambda text: "".join(f"&#x{ord(character):x};" for character in text),
    "decimal HTML": lambda text: "".join(f"&#{ord(character)};" for character in text),
}
BASE64 = {name: encode for name, encode in ENCODINGS.items() if name in ("base64", "base64url")}

each_encoding = pytest.mark.parametrize("name", ENCODINGS)


@each_encoding
def test_a_whole_key_is_masked_in_each_encoding(name: str) -> None:
    shown = mask(f"<{ENCODINGS[name](KEY)}>", [Secret(KEY)])

    assert re.fullmatch(r"<\*\*\*(=|%3D)*>", shown)  # the padding says nothing


@pytest.mark.parametrize("name", ["as it is", "upper case", "base64", "base64url", "hex", "upper-case hex"])
@given(first=st.integers(0, 80), length=st.integers(RUN, 80), around=st.text("<? ", max_size=3))
@examples(200)
def test_a_piece_cut_anywhere_is_masked(name: str, first: int, length: int, around: str) -> None:
    piece = ENCODINGS[name](ASCII_KEY).rstrip("=")[first : first + length]
    text = f"{around}{piece}{around}"

    shown = mask(text, [Secret(ASCII_KEY)])

    assert shown == (f"{around}{MASK}{around}" if len(piece) >= RUN else text)


@pytest.mark.parametrize("name", BASE64)
@given(before=st.text(max_size=8), behind=st.text(max_size=8))
@examples(200)
def test_a_key_inside_what_is_in_base64_is_masked_at_each_alignment(name: str, before: str, behind: str) -> None:
    encoded = ENCODINGS[name](before + ASCII_KEY + behind)
    first = -(-8 * len(before.encode()) // 6)  # of the characters that the key alone decides, and behind the last one
    last = 8 * (len(before.encode()) + len(ASCII_KEY)) // 6

    shown = mask(encoded, [Secret(ASCII_KEY)])

    assert MASK in shown
    assert not any(encoded[at : at + RUN] in shown for at in range(first, last - RUN + 1))


@given(
    styles=st.lists(
        st.sampled_from([str, percent, latin_percent, ENCODINGS["JSON escapes"], ENCODINGS["HTML"], str.upper]),
        min_size=len(KEY),
        max_size=len(KEY),
    ),
    first=st.integers(0, len(KEY) - RUN),
    length=st.integers(RUN, len(KEY)),
)
@examples(200)
def test_a_piece_in_a_mixture_of_escapes_is_masked(styles: list[Callable[[str], str]], first: int, length: int) -> None:
    pieces = [style(character) for style, character in zip(styles, ASCII_KEY, strict=True)][first : first + length]

    assert mask(f"<{''.join(pieces)}>", [Secret(ASCII_KEY)]) == f"<{MASK}>"


@pytest.mark.parametrize("before", ["\\", "\\\\", "\\\\\\"])
def test_backslashes_before_a_piece_in_percent_signs_hide_nothing_of_it(before: str) -> None:
    twice = "".join(f"%25{ord(character):02X}" for character in ASCII_KEY[2 : 2 + RUN])

    assert mask(f"{before}{twice} end", [Secret(ASCII_KEY)]).endswith(f"{MASK} end")


@each_encoding
def test_what_is_short_or_of_another_key_stays(name: str) -> None:
    other = ENCODINGS[name]("another-thing-that-is-no-key")

    assert mask(other, [Secret(KEY), None, Secret("")]) == other
    assert mask(KEY[:11], [Secret(KEY)]) == KEY[:11]


@given(text=st.text(alphabet="%25\\ux41&#;aé\ud800sk-", max_size=60))
@examples(200)
def test_text_without_a_key_stays_as_it_is(text: str) -> None:
    assert mask(text, [Secret("0123456789-0123456789")]) == text


@pytest.mark.parametrize("key", ["abcd", "test-k1", "test-key", "test-key-11", "test-key-012"])
def test_a_short_key_is_masked_as_a_whole(key: str) -> None:
    assert mask(f"<{key}> {key}", [Secret(key)]) == f"<{MASK}> {MASK}"
    assert mask(key[:-1], [Secret(key)]) == key[:-1]


def test_a_key_of_three_characters_would_match_words() -> None:
    assert mask("abc", [Secret("abc")]) == "abc"


def test_a_finder_of_several_keys_finds_each_and_shows_none() -> None:
    finder = SecretFinder([Secret(KEY), None, Secret("another-key-of-somebody"), Secret("tiny")])

    assert finder.mask(f"{KEY} tiny another-key-of-somebody") == f"{MASK} {MASK} {MASK}"
    assert [finder.matches(text) for text in (KEY, "tiny", "Tiny", "another-key", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert "sk-proj" not in repr(finder)
    assert not hasattr(finder, "__dict__")
