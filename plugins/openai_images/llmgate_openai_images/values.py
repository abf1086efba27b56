"""What the image endpoints take, selected from the OpenAI API's tables. Data.

Sizes are not judged here: some models take any. What one model takes is in the catalogue.

Source: OpenAI API reference, POST /images/generations, /images/edits and /images/variations.
"""

from __future__ import annotations

from types import MappingProxyType

from llmgate_core.plugin import OPENAI_FILES, OPENAI_INPUTS, OPENAI_PARAMETERS, OPENAI_REQUIREMENTS, ValueRule

IMAGES = ValueRule(("file", "object", "list"), high=16)

PARAMS = MappingProxyType({"image": {**OPENAI_PARAMETERS["image"], **OPENAI_PARAMETERS["image.edit"]}})
INPUTS = MappingProxyType({"image": {**OPENAI_INPUTS["image"], "image": IMAGES}})
FILES = MappingProxyType({name: OPENAI_FILES[name] for name in ("image.edit", "image.variation")})
REQUIRES = MappingProxyType({"image": OPENAI_REQUIREMENTS["image"]})
