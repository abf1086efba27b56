"""A child of `os.fork` makes its first call although another thread of the parent was making its own."""

from __future__ import annotations

import os
import threading
import time

import pytest

from llmgate_core import Client, Settings

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
PATIENCE = 20.0


def ends_well(pid: int) -> bool:
    """Wait for a child, and kill one that hangs."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False


@pytest.mark.parametrize("what", ["client", "registry"])
def test_a_child_does_not_wait_for_a_lock_of_its_parent(what: str) -> None:
    client = Client(settings=Settings())
    lock = client._building if what == "client" else client.preparer.plugins._lock
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait(PATIENCE * 2)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(PATIENCE)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            client.resolve("chat", "openai/gpt-4o")
            status = 0
        finally:
            os._exit(status)
    try:
        assert ends_well(pid)
    finally:
        done.set()
        thread.join()
