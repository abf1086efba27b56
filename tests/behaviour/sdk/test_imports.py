"""What the first call of a process does not import, because it does without: each would make every start slower."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llmgate_core.testing import Answer, FakeUpstream

FIRST_CALL = """
import sys
from llmgate_core import Client
client = Client(api_key="sk-test", api_base=sys.argv[1], transport="http1")
client.completion("openai/gpt-4o", [{"role": "user", "content": "Hi"}])
print("\\n".join(sys.modules))
"""
NOT_NEEDED = (
    *("asyncio", "concurrent.futures", "multiprocessing", "difflib", "http.client", "urllib.request"),
    *(("subprocess",) if sys.version_info >= (3, 11) else ()),  # in 3.10, pydantic's import of uuid loads it
    *("httpx", "httpcore", "anyio", "h11", "certifi", "yaml", "prometheus_client", "logging.config"),
    *(
        "llmgate_core.client.async_client",
        "llmgate_core.relay",
        "llmgate_core.cli",
        "llmgate_core.testing",
        "llmgate_gateway",
    ),
    *(
        "llmgate_core.bridges.chat_to_responses",
        "llmgate_core.bridges.responses_to_chat",
        "llmgate_core.types.responses",
    ),
)


def test_a_synchronous_call_imports_only_what_it_needs(upstream: FakeUpstream) -> None:
    pytest.importorskip("httptools")
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    upstream.answers += [Answer.json({"id": "1", "object": "chat.completion", "choices": [choice]})]
    command = [sys.executable, "-c", FIRST_CALL, upstream.base_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert set(NOT_NEEDED) & loaded == set()
    plugins = {name for name in loaded if name.startswith("llmgate_") and "." not in name} - {"llmgate_core"}
    assert plugins == {"llmgate_openai_chat"}
