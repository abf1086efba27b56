"""What `llmgate serve` does not import until its first answer: each module would make every start slower."""

from __future__ import annotations

from typing import Any

IMPORT = "import time:"
NOT_NEEDED = {
    *("uvicorn", "click", "multiprocessing", "logging.config", "logging.handlers", "pickle", "difflib"),
    *("httpx", "httpcore", "anyio", "h11", "certifi", "http.client", "urllib.request", "email.parser"),
    *("prometheus_client", "opentelemetry", "llmgate_core.testing", "llmgate_core.cli.explain"),
    *("llmgate_core.types.chat", "llmgate_core.types.responses", "llmgate_core.client.sync_client"),
    *("llmgate_gateway.inprocess.transport", "llmgate_gateway.server.supervisor", "llmgate_gateway.server.certificate"),
    *("llmgate_gateway.commands.config", "llmgate_gateway.commands.migrate"),
    "llmgate_gateway.config.schema.json_schema",
}


def test_a_start_and_a_first_answer_import_only_what_they_need(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start(PYTHONPROFILEIMPORTTIME="1")
    assert gateway.chat()[0] == 200
    assert gateway.stop() == 0
    loaded = {line.rpartition("|")[2].strip() for line in gateway.err if line.startswith(IMPORT)}
    assert {"llmgate_gateway.server.worker", "llmgate_core.relay.relay"} <= loaded
    assert loaded & NOT_NEEDED == set()
