"""The wire of Google's generateContent, for plugins of servers that speak it: requests, answers, streams and errors.

Pure: data in, data out. No URL, no key and no region: where a server is and how it is authorized is its plugin's. This
package is published: a plugin of another distribution may import the names below, and no module inside.

    class Other(GeminiCompatible):
        info = ProviderInfo(api=(1, 1), name="other", base_url="https://other.example/v1", env_key="OTHER_API_KEY")
        dialect = dataclasses.replace(GEMINI_API, name="Other", takes_labels=True)
"""

from __future__ import annotations

from llmgate_gemini.wire.compatible import GeminiCompatible
from llmgate_gemini.wire.counting import count_answer, count_request
from llmgate_gemini.wire.dialect import GEMINI_API, SIGNATURE_OPTION, Dialect
from llmgate_gemini.wire.embedding import (
    embedding_answer,
    embedding_inputs,
    embedding_request,
    joined_answers,
    task_type_of,
)
from llmgate_gemini.wire.errors import error_in_stream, is_rejected_signature, map_error
from llmgate_gemini.wire.params import supports_param
from llmgate_gemini.wire.request import request_body
from llmgate_gemini.wire.response import chat_completion
from llmgate_gemini.wire.stream import ChatStream
from llmgate_gemini.wire.traits import Traits, traits_of

__all__ = [
    "GEMINI_API",
    "SIGNATURE_OPTION",
    "ChatStream",
    "Dialect",
    "GeminiCompatible",
    "Traits",
    "chat_completion",
    "count_answer",
    "count_request",
    "embedding_answer",
    "embedding_inputs",
    "embedding_request",
    "error_in_stream",
    "is_rejected_signature",
    "joined_answers",
    "map_error",
    "request_body",
    "supports_param",
    "task_type_of",
    "traits_of",
]
