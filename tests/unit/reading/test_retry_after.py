"""Headers that say how long to wait: an upstream may send anything."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmgate_core.contract.upstream import Headers, UpstreamResponse
from llmgate_core.reading.retry_after import number_of_units, retry_after_of
from llmgate_core.reading.upstream_errors import error_of_status
from tests.support.examples import examples

NOW = 1_000_000_000.0
HUGE_DATE = "Mon, 99999999999999999999 Jan 2020 00:00:00 -0000"
NAMES = ("retry-after", "retry-after-ms", "openai-poll-after-ms", "x-should-retry", "x-request-id", "date",
         "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens", "content-type", "location")  # fmt: skip


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        (" 2.5 ", 2.5),
        ("Sun, 09 Sep 2001 01:46:50 GMT", 10.0),
        ("Sunday, 09-Sep-01 01:46:50 GMT", 10.0),
        ("Sun Sep  9 01:46:50 2001", 10.0),
        ("Sun, 09 Sep 2001 01:46:50 -0000", 10.0),
        ("Sun, 09 Sep 2001 00:00:00 GMT", 0.0),
    ],
)
def test_what_can_be_read(value: str, seconds: float) -> None:
    assert retry_after_of({"retry-after": value}, NOW) == seconds


ODD = ["", "-1", "+5", "1_0", "٣", "nan", "inf", "1e400", "1e2", "0x10", "3 s", "9" * 65, "²", HUGE_DATE,
       "Mon, 01 Jan 99999 00:00:00 GMT", "Mon, 01 Jan 2020 99:00:00 GMT", ", ,", "Mon,", "1;2", "\x00"]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_what_cannot_be_read_asks_for_nothing(value: str) -> None:
    assert retry_after_of({"retry-after": value, "retry-after-ms": value}, NOW) is None
    assert number_of_units(value) is None


DATES = st.from_regex(
    r"[A-Z][a-z]{2}, [0-9]{1,20} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,12} [-+]?[0-9A-Z]{1,9}", fullmatch=True
)


@examples(2_000)
@given(st.text(max_size=70) | DATES)
@example(HUGE_DATE)
def test_no_value_raises_and_no_wait_is_odd(value: str) -> None:
    seconds = retry_after_of({"retry-after": value, "retry-after-ms": value}, NOW)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@examples(500)
@given(st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=80) | st.just(HUGE_DATE.encode()), max_size=5))
def test_an_error_with_any_headers_is_made(headers: dict[str, bytes]) -> None:
    raw = [(name.encode(), value) for name, value in headers.items()]
    error = error_of_status(UpstreamResponse(429, raw, b"{}"), ())
    assert error.status_code == 429
    assert isinstance(error.response_headers, Headers)
    assert str(error)
