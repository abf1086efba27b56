"""Model strings of the provider's documentation, and where each goes."""

from __future__ import annotations

import json
from typing import Any

from llmgate_core import Client, Settings

HI = [{"role": "user", "content": "hi"}]

CHAT_MODELS = """
gpt-5 gpt-5-mini gpt-5-nano gpt-5-chat gpt-5-chat-latest gpt-5-2025-08-07 gpt-5-mini-2025-08-07 gpt-5-nano-2025-08-07
gpt-5.2 gpt-5.2-2025-12-11 gpt-5.2-chat-latest gpt-5.3-chat-latest gpt-5.4 gpt-5.4-2026-03-05 gpt-5.1 gpt-4.1
gpt-4.1-mini gpt-4.1-nano o4-mini o3-mini o3 o1-mini o1-preview gpt-4o-mini gpt-4o-mini-2024-07-18 gpt-4o
gpt-4o-2024-08-06 gpt-4o-2024-05-13 gpt-4-turbo gpt-4-turbo-preview gpt-4-0125-preview gpt-4-1106-preview
gpt-3.5-turbo-1106 gpt-3.5-turbo gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-16k gpt-3.5-turbo-16k-0613 gpt-4
gpt-4-0314 gpt-4-0613 gpt-4-32k gpt-4-32k-0314 gpt-4-32k-0613
"""

RESPONSES_MODELS = """
gpt-5-pro gpt-5.2-pro gpt-5.2-pro-2025-12-11 gpt-5.4-pro gpt-5.4-pro-2026-03-05 gpt-5.1-codex gpt-5.1-codex-mini
gpt-5.1-codex-max
"""

FINE_TUNED = """
ft:gpt-4-0613 ft:gpt-4o-2024-05-13 ft:gpt-3.5-turbo-0125 ft:gpt-3.5-turbo-1106 ft:gpt-3.5-turbo-0613
ft:gpt-4o-2024-08-06:my-org:my-name:abc123
"""


def wire_of(model: str, **arguments: Any) -> tuple[str, str, str, Any, Any]:
    """Return provider, host, path and body as they would be sent, and the facts that are known."""
    made = Client(settings=Settings())
    prepared = made.prepare("chat", model, {"messages": arguments.pop("messages", HI)}, arguments)
    request = prepared.builder.transport_request(prepared.request)
    body = json.loads(request.content)
    return prepared.route.provider, request.origin.host, request.target, body, prepared.route.facts
