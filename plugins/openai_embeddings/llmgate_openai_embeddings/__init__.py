"""OpenAI embeddings for llmgate."""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import OpenAICompatible, ParamRule, ProviderInfo, Route, hookimpl
from llmgate_openai_embeddings import params


class OpenAIEmbeddings(OpenAICompatible):
    """Serves `openai/` in the family embedding; request and answer are canonical as they stand."""

    info = ProviderInfo(
        api=(1, 0),
        name="openai",
        base_url="https://api.openai.com/v1",
        env_key="OPENAI_API_KEY",
        env_base_url=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        env_organization=("OPENAI_ORGANIZATION", "OPENAI_ORG_ID"),
        env_project=("OPENAI_PROJECT_ID",),
        organization_header="openai-organization",
        project_header="openai-project",
    )

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter of an embedding call."""
        return params.judge(route, param, value)


plugin = OpenAIEmbeddings()

__all__ = ["plugin"]
