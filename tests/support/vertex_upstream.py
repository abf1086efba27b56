"""An upstream that answers as Vertex AI does for the pages: Google's and Anthropic's shapes below a project.

Pure: it remembers nothing.
"""

from __future__ import annotations

import re

from llmgate_core.testing import Answer, ReceivedRequest
from tests.support.anthropic_upstream import messages_answered
from tests.support.gemini_upstream import page_answered

__all__ = ["publisher_answered"]

PUBLISHER = re.compile(r"/v1/projects/[^/]+/locations/[^/]+/publishers/(google|anthropic)/models/([^/:]+):(\w+)")


def publisher_answered(request: ReceivedRequest) -> Answer | None:
    """Return the answer to a request for a publisher's model; None: it is another one."""
    found = PUBLISHER.match(request["path"])
    if found is None:
        return None
    publisher, model, method = found.groups()
    if publisher == "anthropic":
        return messages_answered({**request, "json": {**request["json"], "model": model}})
    if method != "predict":
        return page_answered(request)
    row = {"embeddings": {"values": [0.5, -0.25, 1.0], "statistics": {"token_count": 2}}}
    return Answer.json({"predictions": [row] * len(request["json"]["instances"])})
