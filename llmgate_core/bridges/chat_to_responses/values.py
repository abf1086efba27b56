"""What chat parameters a bridged call takes, and which ones POST /responses has nothing for. Data.

Source: OpenAI API reference, POST /responses and POST /chat/completions. Enums that grow are not judged, and
`max_output_tokens` has a minimum of 16 that the upstream enforces itself: nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.catalogue.sources import OPENAI_REFERENCE
from llmgate_core.catalogue.values import ValueRule
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS

__all__ = ["CHAT", "DOCUMENTED", "NO_COUNTERPART", "SOURCE", "VALUES"]

SOURCE = OPENAI_REFERENCE
CHAT = OPENAI_PARAMETERS["chat"]

NO_COUNTERPART: Mapping[str, str] = MappingProxyType(
    {
        "n": "POST /responses gives one answer a call",
        "audio": "POST /responses gives no audio",
        "modalities": "POST /responses gives text alone",
        "stop": "POST /responses has no stop sequences",
        "seed": "POST /responses has no seed",
        "logit_bias": "POST /responses has no logit_bias",
        "presence_penalty": "POST /responses has no penalties",
        "frequency_penalty": "POST /responses has no penalties",
        "prediction": "POST /responses takes no predicted output",
    }
)
"""Chat parameter -> why it cannot be bridged, whatever the model."""

VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        **{name: rule for name, rule in CHAT.items() if name not in NO_COUNTERPART and name != "metadata"},
        "functions": ValueRule(("list",), items=ValueRule(("object",))),
        "tool_choice": ValueRule(("string", "object"), choices=("none", "auto", "required")),
    }
)
"""Chat parameter -> its values on POST /responses, which takes more functions, and built-in tools as the choice."""

DOCUMENTED = frozenset(CHAT)
"""Every parameter of POST /chat/completions: an allow list of the catalogue judges these and no others."""
