"""What the three audio endpoints take, selected from the OpenAI API's tables. Data.

Voices and languages are not judged: there are new ones all the time. What one model takes is in the catalogue.
"""

from __future__ import annotations

from types import MappingProxyType

from llmgate_core.plugin import OPENAI_INPUTS, OPENAI_PARAMETERS, FileInput, Requires

FAMILIES = ("transcription", "translation", "speech")

PARAMS = MappingProxyType({family: OPENAI_PARAMETERS[family] for family in FAMILIES})
INPUTS = MappingProxyType({family: OPENAI_INPUTS[family] for family in FAMILIES})
RECORDING = {"file": FileInput(required=True)}
FILES = MappingProxyType({"transcription.create": RECORDING, "translation.create": RECORDING})
REQUIRES = MappingProxyType(
    {
        "transcription": {
            "include": Requires("response_format", (None, "json"), reason="logprobs need response_format='json'"),
            "timestamp_granularities": Requires(
                "response_format", ("verbose_json",), reason="timestamps need response_format='verbose_json'"
            ),
        }
    }
)
