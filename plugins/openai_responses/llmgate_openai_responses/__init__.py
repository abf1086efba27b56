"""OpenAI Responses for llmgate, called as such or as a chat."""

from llmgate_core.plugin import ProviderInfo
from llmgate_openai_responses import exchange, params, request, response, stream


class OpenAIResponses:
    """Serves `openai/` and `openai/responses/` in the family responses, and chat at the latter: the bridge."""

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
        operations=frozenset(
            {
                "responses.retrieve",
                "responses.cancel",
                "responses.delete",
                "responses.input_items",
                "responses.input_tokens",
                "responses.compact",
            }
        ),
    )
    transform_request = staticmethod(request.transform_request)
    transform_response = staticmethod(response.transform_response)
    supports_param = staticmethod(params.supports_param)
    stream_parser = staticmethod(stream.stream_parser)
    exchange = staticmethod(exchange.exchange)


plugin = OpenAIResponses()

__all__ = ["plugin"]
