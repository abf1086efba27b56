"""OpenAI videos for llmgate."""

from llmgate_core.plugin import ProviderInfo
from llmgate_openai_video import exchange, params, request, response


class OpenAIVideo:
    """Serves `openai/` in the family video: jobs that are made, looked at, listed, loaded, remixed and deleted."""

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
        operations=frozenset(f"video.{name}" for name in ("retrieve", "list", "content", "remix", "delete")),
    )
    transform_request = staticmethod(request.transform_request)
    transform_response = staticmethod(response.transform_response)
    supports_param = staticmethod(params.supports_param)
    exchange = staticmethod(exchange.exchange)


plugin = OpenAIVideo()

__all__ = ["plugin"]
