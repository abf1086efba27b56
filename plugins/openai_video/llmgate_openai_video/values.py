"""What the video endpoints take, selected from the OpenAI API's tables, and how a video job ends. Data."""

from __future__ import annotations

from types import MappingProxyType

from llmgate_core.plugin import OPENAI_FILES, OPENAI_INPUTS, OPENAI_PARAMETERS, Job

OPERATIONS = ("retrieve", "list", "content", "remix", "delete")
PARAMS = MappingProxyType(
    {
        "video": {
            **OPENAI_PARAMETERS["video"],
            **OPENAI_PARAMETERS["video.list"],
            **OPENAI_PARAMETERS["video.content"],
        }
    }
)
INPUTS = MappingProxyType({"video": OPENAI_INPUTS["video"]})
FILES = MappingProxyType({"video.create": OPENAI_FILES["video.create"]})
VIDEO_JOB = Job(
    "/videos/{id}",
    poll_seconds=5.0,  # a video takes minutes
    completed=frozenset({"completed"}),
    failed=frozenset({"failed", "expired", "cancelled", "canceled"}),
)
