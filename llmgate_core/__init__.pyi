# Made by tools/make_stubs.py from __init__.py and settings/settings.py: edit there, then run `make twins`.

"""llmgate: call language models through installable plugins.

    from llmgate_core import completion
    print(completion("openai/gpt-4o", [{"role": "user", "content": "Hello"}]).choices[0].message.content)

Every name is imported on first use, so that importing this module loads no HTTP client, no plugin
and no data. Settings are attributes of the module: `llmgate_core.drop_params = True`.

Type checkers and editors read `__init__.pyi`, which `make twins` writes from the tables below.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from llmgate_core.catalogue.description import ModelDescription as ModelDescription
from llmgate_core.catalogue.prices import Cost as Cost
from llmgate_core.client.async_client import AsyncClient as AsyncClient
from llmgate_core.client.functions import acancel_responses as acancel_responses
from llmgate_core.client.functions import acompact_responses as acompact_responses
from llmgate_core.client.functions import acompletion as acompletion
from llmgate_core.client.functions import acount_input_tokens as acount_input_tokens
from llmgate_core.client.functions import acount_message_tokens as acount_message_tokens
from llmgate_core.client.functions import acount_tokens as acount_tokens
from llmgate_core.client.functions import adelete_responses as adelete_responses
from llmgate_core.client.functions import aembedding as aembedding
from llmgate_core.client.functions import aget_responses as aget_responses
from llmgate_core.client.functions import aimage_edit as aimage_edit
from llmgate_core.client.functions import aimage_generation as aimage_generation
from llmgate_core.client.functions import aimage_variation as aimage_variation
from llmgate_core.client.functions import alist_input_items as alist_input_items
from llmgate_core.client.functions import amessages as amessages
from llmgate_core.client.functions import amoderation as amoderation
from llmgate_core.client.functions import arerank as arerank
from llmgate_core.client.functions import aresponses as aresponses
from llmgate_core.client.functions import aspeech as aspeech
from llmgate_core.client.functions import atext_completion as atext_completion
from llmgate_core.client.functions import atranscription as atranscription
from llmgate_core.client.functions import atranslation as atranslation
from llmgate_core.client.functions import avideo_content as avideo_content
from llmgate_core.client.functions import avideo_delete as avideo_delete
from llmgate_core.client.functions import avideo_generation as avideo_generation
from llmgate_core.client.functions import avideo_list as avideo_list
from llmgate_core.client.functions import avideo_remix as avideo_remix
from llmgate_core.client.functions import avideo_status as avideo_status
from llmgate_core.client.functions import cancel_responses as cancel_responses
from llmgate_core.client.functions import compact_responses as compact_responses
from llmgate_core.client.functions import completion as completion
from llmgate_core.client.functions import count_input_tokens as count_input_tokens
from llmgate_core.client.functions import count_message_tokens as count_message_tokens
from llmgate_core.client.functions import count_tokens as count_tokens
from llmgate_core.client.functions import delete_responses as delete_responses
from llmgate_core.client.functions import embedding as embedding
from llmgate_core.client.functions import get_responses as get_responses
from llmgate_core.client.functions import image_edit as image_edit
from llmgate_core.client.functions import image_generation as image_generation
from llmgate_core.client.functions import image_variation as image_variation
from llmgate_core.client.functions import list_input_items as list_input_items
from llmgate_core.client.functions import messages as messages
from llmgate_core.client.functions import moderation as moderation
from llmgate_core.client.functions import rerank as rerank
from llmgate_core.client.functions import responses as responses
from llmgate_core.client.functions import speech as speech
from llmgate_core.client.functions import text_completion as text_completion
from llmgate_core.client.functions import transcription as transcription
from llmgate_core.client.functions import translation as translation
from llmgate_core.client.functions import video_content as video_content
from llmgate_core.client.functions import video_delete as video_delete
from llmgate_core.client.functions import video_generation as video_generation
from llmgate_core.client.functions import video_list as video_list
from llmgate_core.client.functions import video_remix as video_remix
from llmgate_core.client.functions import video_status as video_status
from llmgate_core.client.model_questions import model_facts as model_facts
from llmgate_core.client.model_questions import supports as supports
from llmgate_core.client.sync_client import Client as Client
from llmgate_core.contract.ledger import LedgerEntry as LedgerEntry
from llmgate_core.contract.limits import Limits as Limits
from llmgate_core.contract.limits import Timeouts as Timeouts
from llmgate_core.errors import APIConnectionError as APIConnectionError
from llmgate_core.errors import APIError as APIError
from llmgate_core.errors import APIResponseValidationError as APIResponseValidationError
from llmgate_core.errors import APIStatusError as APIStatusError
from llmgate_core.errors import APITimeoutError as APITimeoutError
from llmgate_core.errors import AuthenticationError as AuthenticationError
from llmgate_core.errors import BadGatewayError as BadGatewayError
from llmgate_core.errors import BadRequestError as BadRequestError
from llmgate_core.errors import ConfigError as ConfigError
from llmgate_core.errors import ConflictError as ConflictError
from llmgate_core.errors import ContentPolicyViolationError as ContentPolicyViolationError
from llmgate_core.errors import ContextWindowExceededError as ContextWindowExceededError
from llmgate_core.errors import InternalServerError as InternalServerError
from llmgate_core.errors import LLMGateError as LLMGateError
from llmgate_core.errors import NotFoundError as NotFoundError
from llmgate_core.errors import PermissionDeniedError as PermissionDeniedError
from llmgate_core.errors import PluginConflictError as PluginConflictError
from llmgate_core.errors import PluginError as PluginError
from llmgate_core.errors import PluginLoadError as PluginLoadError
from llmgate_core.errors import PluginNotInstalledError as PluginNotInstalledError
from llmgate_core.errors import RateLimitError as RateLimitError
from llmgate_core.errors import ServiceUnavailableError as ServiceUnavailableError
from llmgate_core.errors import StreamTruncatedError as StreamTruncatedError
from llmgate_core.errors import Timeout as Timeout
from llmgate_core.errors import UnknownModelError as UnknownModelError
from llmgate_core.errors import UnprocessableEntityError as UnprocessableEntityError
from llmgate_core.errors import UnsupportedParamsError as UnsupportedParamsError
from llmgate_core.reading.accumulate.whole import fold_chunks as fold_chunks
from llmgate_core.reading.async_stream import AsyncStream as AsyncStream
from llmgate_core.reading.streams import StreamEvent as StreamEvent
from llmgate_core.reading.sync_stream import Stream as Stream
from llmgate_core.secrets import Secret as Secret
from llmgate_core.settings.settings import ParamPolicy, TransportName
from llmgate_core.settings.settings import PluginPolicy as PluginPolicy
from llmgate_core.settings.settings import Settings as Settings
from llmgate_core.types.audio import SpeechEvent as SpeechEvent
from llmgate_core.types.audio import Transcription as Transcription
from llmgate_core.types.audio import TranscriptionEvent as TranscriptionEvent
from llmgate_core.types.audio import Translation as Translation
from llmgate_core.types.base import Deleted as Deleted
from llmgate_core.types.base import Page as Page
from llmgate_core.types.binary import BinaryResponse as BinaryResponse
from llmgate_core.types.chat import ChatCompletion as ChatCompletion
from llmgate_core.types.chat import ChatCompletionChunk as ChatCompletionChunk
from llmgate_core.types.chat import ParsedChatCompletion as ParsedChatCompletion
from llmgate_core.types.embedding import EmbeddingResponse as EmbeddingResponse
from llmgate_core.types.image import ImageEvent as ImageEvent
from llmgate_core.types.image import ImagesResponse as ImagesResponse
from llmgate_core.types.moderation import ModerationResponse as ModerationResponse
from llmgate_core.types.responses import CompactedResponse as CompactedResponse
from llmgate_core.types.responses import InputTokens as InputTokens
from llmgate_core.types.responses import ResponseEvent as ResponseEvent
from llmgate_core.types.responses import ResponseObject as ResponseObject
from llmgate_core.types.text_completion import TextCompletion as TextCompletion
from llmgate_core.types.text_completion import TextCompletionChunk as TextCompletionChunk
from llmgate_core.types.video import Video as Video

__version__: str
__all__: list[str]
api_key: str | None
api_base: str | None
organization: str | None
project: str | None
timeout: float | Timeouts | httpx.Timeout | None
max_retries: int
param_policy: ParamPolicy
drop_params: bool
additional_drop_params: Sequence[str]
return_response_headers: bool
enable_preview_features: bool
store: bool | None
bind_key_to_host: bool
client_session: Any
aclient_session: Any
transport: TransportName
ca_file: str | None
extensions: Sequence[Any]
plugins: PluginPolicy
catalogue_file: str | None
providers: Mapping[str, Any]
providers_file: str | None
