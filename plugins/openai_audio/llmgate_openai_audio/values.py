"""What the three audio endpoints take, selected from the OpenAI API's tables. Data.

Voices and languages are not judged: there are new ones all the time. What one model takes is in the catalogue.
"""

from __future__ import annotations

from types import MappingProxyType

from llmgate_core.plugin import OPENAI_FILES, OPENAI_INPUTS, OPENAI_PARAMETERS, OPENAI_REQUIREMENTS

FAMILIES = ("transcription", "translation", "speech")

PARAMS = MappingProxyType({family: OPENAI_PARAMETERS[family] for family in FAMILIES})
INPUTS = MappingProxyType({family: OPENAI_INPUTS[family] for family in FAMILIES})
FILES = MappingProxyType({name: OPENAI_FILES[name] for name in ("transcription.create", "translation.create")})
REQUIRES = MappingProxyType({"transcription": OPENAI_REQUIREMENTS["transcription"]})
