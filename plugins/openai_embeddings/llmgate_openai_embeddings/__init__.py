"""OpenAI embeddings for llmgate."""

from llmgate_core.plugin import OpenAICompatible, ProviderInfo
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
    supports_param = staticmethod(params.supports_param)


plugin = OpenAIEmbeddings()

__all__ = ["plugin"]
