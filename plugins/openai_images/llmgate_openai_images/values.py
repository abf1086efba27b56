"""What the image endpoints take, selected from the OpenAI API's tables. Data.

Sizes are not judged here: some models take any. What one model takes is in the catalogue.

Source: OpenAI API reference, POST /images/generations, /images/edits and /images/variations.
"""

from __future__ import annotations

from types import MappingProxyType

from llmgate_core.plugin import OPENAI_INPUTS, OPENAI_PARAMETERS, FileInput, Requires, ValueRule

IMAGES = ValueRule(("file", "object", "list"), high=16)

PARAMS = MappingProxyType({"image": {**OPENAI_PARAMETERS["image"], **OPENAI_PARAMETERS["image.edit"]}})
INPUTS = MappingProxyType({"image": {**OPENAI_INPUTS["image"], "image": IMAGES}})
FILES = MappingProxyType(
    {
        "image.edit": {
            "image": FileInput(many=True, sent_as="images", required=True),
            "mask": FileInput(sent_as="mask"),
        },
        "image.variation": {"image": FileInput(required=True)},
    }
)
REQUIRES = MappingProxyType(
    {
        "image": {
            "partial_images": Requires("stream", (True,), unless=(0,), reason="partial images need stream=True"),
            "background": Requires(
                "output_format",
                other_than=("jpeg",),
                reason="a JPEG has no transparency: ask for output_format='png' or 'webp'",
                when=("transparent",),
            ),
            "output_compression": Requires(
                "output_format",
                ("jpeg", "webp"),
                reason="a PNG has no lossy compression: ask for output_format='jpeg' or 'webp'",
                unless=(100,),
            ),
        }
    }
)
