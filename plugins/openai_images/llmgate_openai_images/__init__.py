"""OpenAI images for llmgate: make, edit and vary."""

from llmgate_core.plugin import ProviderInfo
from llmgate_openai_images import params, request, response, stream


class OpenAIImages:
    """Serves `openai/` in the family image: create, edit and variation."""

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
        operations=frozenset({"image.edit", "image.variation"}),
    )
    transform_request = staticmethod(request.transform_request)
    transform_response = staticmethod(response.transform_response)
    supports_param = staticmethod(params.supports_param)
    stream_parser = staticmethod(stream.stream_parser)


plugin = OpenAIImages()

__all__ = ["plugin"]
