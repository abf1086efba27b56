"""The ids of models: names, inference profiles, ARNs, and a region before them.

Pure.

Source: AWS, "Supported foundation models" and "Inference profiles" of the Bedrock user guide; LiteLLM's page on Bedrock
for `REGION/MODEL`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmgate_bedrock.regions import REGIONS
from llmgate_core.plugin import Route, path_segment

__all__ = ["ModelId", "model_id_of"]

REGION_LIKE = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d")
PROFILE = re.compile(r"^(?:us-gov|us|eu|apac|jp|au|ca|sa|amer|global)\.(?=[a-z0-9-]+\.)")
ARN = "arn:"
REGION_OF_ARN = 3


@dataclass(frozen=True, slots=True)
class ModelId:
    """A model as Bedrock names it.

    Attributes:
        id: what is in the path: a name, the name of an inference profile, or an ARN.
        region: the one that the model string or the ARN names; empty: that of the options.
        base: the model's own name, without the profile's geography; of an ARN its last part, which may say nothing.
    """

    id: str
    region: str
    base: str

    @property
    def segment(self) -> str:
        """The id as one segment of a path, with `:` and `/` encoded as the AWS SDKs do."""
        return path_segment("model", self.id)


def model_id_of(route: Route) -> ModelId:
    """Return the model of a call.

    Raises:
        BadRequestError: the part before the first slash looks like a region, and is not known as one.
    """
    model, region = route.model, ""
    head, slash, rest = model.partition("/")
    if slash and not model.startswith(ARN) and REGION_LIKE.fullmatch(head):
        if head not in REGIONS and head != route.options.get("aws_region_name"):
            raise route.bad_request("model", f"the region {head!r:.40} of the model is not known")
        model, region = rest, head
    name = model.rpartition("/")[2] if model.startswith(ARN) else model
    if model.startswith(ARN):
        parts = model.split(":")
        region = region or (parts[REGION_OF_ARN] if len(parts) > REGION_OF_ARN else "")
    return ModelId(model, region, PROFILE.sub("", name))
