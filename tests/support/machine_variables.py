"""Variables of the machine that would change where the tests send a call, or with which key."""

from __future__ import annotations

import os
import re

__all__ = ["OF_PROVIDERS", "forget_providers"]

OF_PROVIDERS = re.compile(
    r"(ANTHROPIC|AWS|AZURE|CLOUDFLARE|DATABRICKS|GEMINI|GOOGLE|LITELLM|OLLAMA|OPENAI|OR|SNOWFLAKE|VERTEX|VERTEXAI)_\w+"
    r"|\w+_(API_KEY|KEY|PAT|TOKEN|API_BASE|BASE_URL)|CLOUD_ML_REGION|CLOUDSDK_CONFIG|LLMGATE_PROVIDERS"
)


def forget_providers() -> None:
    """Unset them in this process and those that it starts; a test sets those that it needs."""
    for name in [name for name in os.environ if OF_PROVIDERS.fullmatch(name)]:
        del os.environ[name]
