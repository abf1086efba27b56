"""OpenAI legacy text completions for llmgate, called as such or as a chat."""

from llmgate_core.plugin import provider_info
from llmgate_text_completion import params, request, response, stream


class TextCompletion:
    """Serves `text-completion-openai/` in the families text_completion (canonical) and chat (converted)."""

    info = provider_info("openai")
    transform_request = staticmethod(request.transform_request)
    transform_response = staticmethod(response.transform_response)
    supports_param = staticmethod(params.supports_param)
    stream_parser = staticmethod(stream.stream_parser)


plugin = TextCompletion()

__all__ = ["plugin"]
