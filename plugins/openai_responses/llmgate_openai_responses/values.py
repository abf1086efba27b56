"""The values that the parameters of POST /responses take."""

from __future__ import annotations

from llmgate_core.plugin import OPENAI_PARAMETERS, OPENAI_REFERENCE

SOURCE = OPENAI_REFERENCE
VALUES = OPENAI_PARAMETERS["responses"]
