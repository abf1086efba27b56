"""OpenAI moderation for llmgate."""

from llmgate_core.plugin import ProviderInfo
from llmgate_openai_moderation import request, response


class OpenAIModeration:
    """Serves `openai/` in the family moderation."""

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
    transform_request = staticmethod(request.transform_request)
    transform_response = staticmethod(response.transform_response)


plugin = OpenAIModeration()

__all__ = ["plugin"]
