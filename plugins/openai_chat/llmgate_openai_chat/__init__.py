"""OpenAI chat completions for llmgate."""

from llmgate_core.plugin import ProviderInfo
from llmgate_openai_chat import params, request, response, stream


class OpenAIChat:
    """Serves `openai/` in the family chat; the wire is the canonical one, so the parameters are the work."""

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
        operations=frozenset({"chat.retrieve", "chat.update", "chat.delete", "chat.list", "chat.messages"}),
    )
    transform_request = staticmethod(request.transform_request)
    transform_response = staticmethod(response.transform_response)
    supports_param = staticmethod(params.supports_param)
    stream_parser = staticmethod(stream.stream_parser)


plugin = OpenAIChat()

__all__ = ["plugin"]
