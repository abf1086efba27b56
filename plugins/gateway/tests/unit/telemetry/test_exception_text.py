"""What the log shows of exceptions, whatever they say of a request, and how often."""

from __future__ import annotations

import asyncio
import errno
import json
import logging

import pytest
from llmgate_gateway.telemetry.exception_text import exception_line, exception_text
from llmgate_gateway.telemetry.log_setup import LIMITED, LineHandler
from llmgate_gateway.telemetry.repeats import MAX_KEYS, Repeats

CANARY = "canary4711"


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        try:
            raise cause or ValueError(CANARY)
        except type(cause or ValueError()):
            raise error  # noqa: B904  # the context is what is tested
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [KeyError(CANARY), ValueError(CANARY), UnicodeEncodeError("ascii", CANARY, 0, 1, CANARY), Exception({CANARY: 1})],
    ids=lambda error: type(error).__name__,
)
def test_the_message_of_an_exception_is_shown_with_the_content_only(error: Exception) -> None:
    caught = raised(error)
    text = exception_text(caught)
    assert CANARY not in text
    assert text.count("Traceback") == 2
    assert text.rstrip().endswith(type(error).__name__)
    assert "ValueError" in text
    assert __file__ in text
    assert CANARY in exception_text(caught, with_message=True)


def test_an_error_of_the_system_says_its_reason_and_no_file() -> None:
    line = exception_line(OSError(errno.ENOSPC, "No space left on device", CANARY))
    assert line == f"OSError: [Errno {errno.ENOSPC}] No space left on device"


def test_exceptions_that_refer_to_each_other_end() -> None:
    first, second = KeyError(1), KeyError(2)
    first.__cause__, second.__cause__ = second, first
    assert exception_text(first).count("Traceback") <= 10


def test_a_task_that_failed_is_logged_without_what_it_raised() -> None:
    lines: list[bytes] = []
    handler = LineHandler(lines.append, form="json")
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    try:
        asyncio.run(lose_a_task())
    finally:
        logger.removeHandler(handler)
    (line,) = map(json.loads, lines)
    assert line["message"] == "Task exception was never retrieved"
    assert "KeyError" in line["exception"]
    assert CANARY not in json.dumps(line)


async def lose_a_task() -> None:
    async def fail() -> None:
        raise KeyError(CANARY)

    task = asyncio.ensure_future(fail())
    await asyncio.wait([task])
    del task
    await asyncio.sleep(0)


def test_one_message_of_a_kind_is_written_each_second() -> None:
    repeats = Repeats()
    seen = [repeats.count("a", 100.0 + step / 10) for step in range(25)]
    assert [count for count in seen if count is not None] == [0, 9, 9]
    assert repeats.count("b", 102.4) == 0


def test_the_kinds_that_are_remembered_are_bounded() -> None:
    repeats = Repeats()
    for number in range(10 * MAX_KEYS):
        assert repeats.count(number, 100.0) == 0
    assert repeats.count(10 * MAX_KEYS - 1, 100.1) is None
    assert repeats.count(0, 100.1) == 0


def test_only_marked_messages_are_limited() -> None:
    lines: list[bytes] = []
    logger = logging.Logger("llmgate.gateway")  # one that no other test knows
    logger.addHandler(LineHandler(lines.append, form="json"))
    for _ in range(3):
        logger.error("plain")
    for _ in range(3):
        logger.error("marked", extra=LIMITED)
    assert [json.loads(line)["message"] for line in lines] == ["plain"] * 3 + ["marked"]
