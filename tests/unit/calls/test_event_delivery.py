"""Events reach observers in a thread of their own: bounded, drained with a deadline, one for each process."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from llmgate_core.calls.event_delivery import ThreadDelivery
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.call_event import CallEvent
from llmgate_core.registry.extensions import Extension, ExtensionHook

EVENT = CallEvent(Call("chat", "m", {}), Route("openai", "openai", "chat", "m", ""), "finished", 0.1)


def delivery(observe: Any, **options: Any) -> ThreadDelivery:
    return ThreadDelivery([ExtensionHook(Extension(None, "watch"), "on_event", observe)], **options)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "llmgate-observers"]


def test_what_does_not_fit_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[CallEvent] = []
    begun, go_on = threading.Event(), threading.Event()

    def observe(event: CallEvent) -> None:
        begun.set()
        go_on.wait(30)
        seen.append(event)

    made = delivery(observe, max_waiting=2)
    with caplog.at_level(logging.WARNING, "llmgate"):
        made.put(EVENT)
        assert begun.wait(30)
        for _ in range(6):
            made.put(EVENT)
    assert made.lost == 4
    assert [record.getMessage().split()[0] for record in caplog.records] == ["1", "2", "4"]
    go_on.set()
    made.drain(30)
    assert len(seen) == 3
    assert threads() == []


def test_draining_ends_at_its_deadline_and_says_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def observe(_: CallEvent) -> None:
        begun.set()
        go_on.wait(30)

    made = delivery(observe)
    made.put(EVENT)
    made.put(EVENT)
    assert begun.wait(30)
    with caplog.at_level(logging.WARNING, "llmgate"):
        made.drain(0.01)
    assert "observers did not finish within 0.01 s" in caplog.text
    go_on.set()
    for thread in threads():
        thread.join(30)


def test_a_delivery_that_nothing_holds_ends_its_thread_and_loses_nothing() -> None:
    seen: list[CallEvent] = []
    made = delivery(seen.append)
    made.put(EVENT)
    del made
    gc.collect()
    for thread in threads():
        thread.join(30)
    assert seen == [EVENT]


def test_an_observer_that_raises_is_logged_by_name_and_the_next_event_comes(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[CallEvent] = []

    def observe(event: CallEvent) -> None:
        seen.append(event)
        raise ValueError("a value of the client")

    made = delivery(observe)
    with caplog.at_level(logging.WARNING, "llmgate"):
        made.put(EVENT)
        made.put(EVENT)
        made.drain(30)
    assert len(seen) == 2
    assert "'watch' raised ValueError in on_event, at test_event_delivery.py:" in caplog.text
    assert "a value of the client" not in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_delivers_its_own_events_and_none_of_its_parents() -> None:
    seen: list[int] = []
    go_on = threading.Event()

    def observe(_: CallEvent) -> None:
        go_on.wait(30)
        seen.append(os.getpid())

    made = delivery(observe)
    made.put(EVENT)
    child = os.fork()
    if child == 0:
        go_on.set()
        made.put(EVENT)
        made.drain(30)
        os._exit(0 if seen == [os.getpid()] else 1)
    _, status = os.waitpid(child, 0)
    go_on.set()
    made.drain(30)
    assert (status, seen) == (0, [os.getpid()])


PROGRAM = """
import time
from llmgate_core.calls.event_delivery import ThreadDelivery
from llmgate_core.registry.extensions import Extension, ExtensionHook
observe = lambda event: (time.sleep(0.2), print("seen", flush=True))
made = ThreadDelivery([ExtensionHook(Extension(None, "watch"), "on_event", observe)])
made.put('any event')
"""


def test_the_end_of_a_program_waits_for_its_observers() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "seen\n"
