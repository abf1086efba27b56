"""llmgate: call language models through installable plugins.

    from llmgate_core import completion
    print(completion("openai/gpt-4o", [{"role": "user", "content": "Hello"}]).choices[0].message.content)

Every name is imported on first use, so that importing this module loads no HTTP client, no plugin
and no data. Settings are attributes of the module: `llmgate_core.drop_params = True`.

Type checkers and editors read `__init__.pyi`, which `make twins` writes from the tables below.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmgate_core.settings.settings import Settings

__version__ = "0.1.0"

# Written by `make twins`: the methods of the clients, each of which is a function here, and with `a` before it its
# asynchronous twin; and the fields of `Settings`.
_METHODS = (
    "completion text_completion responses get_responses cancel_responses delete_responses list_input_items "
    "compact_responses count_tokens count_input_tokens messages count_message_tokens embedding moderation rerank "
    "transcription translation speech image_generation image_edit image_variation video_generation video_status "
    "video_list video_content video_remix video_delete "
)
_SETTINGS = (
    "api_key api_base organization project timeout max_retries param_policy drop_params additional_drop_params "
    "return_response_headers enable_preview_features store bind_key_to_host client_session aclient_session "
    "transport ca_file extensions plugins catalogue_file providers providers_file "
)
_EXPORTS = {
    "catalogue.description": "ModelDescription",
    "client.async_client": "AsyncClient",
    "client.model_questions": "model_facts supports",
    "client.sync_client": "Client",
    "contract.limits": "Limits Timeouts",
    "errors": "APIConnectionError APIError APIResponseValidationError APIStatusError APITimeoutError "
    "AuthenticationError BadGatewayError BadRequestError ConfigError ConflictError ContentPolicyViolationError "
    "ContextWindowExceededError InternalServerError LLMGateError NotFoundError PermissionDeniedError "
    "PluginConflictError PluginError PluginLoadError PluginNotInstalledError RateLimitError "
    "ServiceUnavailableError StreamTruncatedError Timeout UnknownModelError UnprocessableEntityError "
    "UnsupportedParamsError",
    "settings.settings": "PluginPolicy Settings",
    "reading.async_stream": "AsyncStream",
    "reading.streams": "StreamEvent",
    "reading.sync_stream": "Stream",
    "reading.accumulate.whole": "fold_chunks",
    "catalogue.prices": "Cost",
    "contract.ledger": "LedgerEntry",
    "secrets": "Secret",
    "types.audio": "SpeechEvent Transcription TranscriptionEvent Translation",
    "types.base": "Deleted Page",
    "types.binary": "BinaryResponse",
    "types.chat": "ChatCompletion ChatCompletionChunk ParsedChatCompletion",
    "types.embedding": "EmbeddingResponse",
    "types.image": "ImageEvent ImagesResponse",
    "types.moderation": "ModerationResponse",
    "types.responses": "CompactedResponse InputTokens ResponseEvent ResponseObject",
    "types.text_completion": "TextCompletion TextCompletionChunk",
    "types.video": "Video",
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names.split()}
_MODULE_OF.update((name, "client.functions") for method in _METHODS.split() for name in (method, f"a{method}"))
_SETTING_NAMES = frozenset(_SETTINGS.split())

# made from the tables above, which a checker cannot follow
__all__ = sorted(_MODULE_OF)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


class _LLMGate(ModuleType):
    """The module itself: imports a name on first use, and passes settings on to their object."""

    def __getattr__(self, name: str) -> object:
        if name in _MODULE_OF:
            module = __import__(f"llmgate_core.{_MODULE_OF[name]}", fromlist=[name])
            value = getattr(module, name)
            ModuleType.__setattr__(self, name, value)
            return value
        raise AttributeError(f"module 'llmgate_core' has no attribute {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        # the import system sets submodules and dunders; everything else is a setting or a slip
        if name.startswith("__") or name in _SETTING_NAMES or name in _MODULE_OF or isinstance(value, ModuleType):
            ModuleType.__setattr__(self, name, value)
        else:
            setattr(_settings(), name, value)

    def __dir__(self) -> list[str]:
        return sorted({*_MODULE_OF, *_SETTING_NAMES, *self.__dict__})


def _setting(name: str) -> property:
    """Return a property of the module that reads, sets and resets one setting.

    A property, since pytest restores an attribute of a module only if it finds it without the module's `__getattr__`.
    """

    def change(_: ModuleType, value: object) -> None:
        setattr(_settings(), name, value)

    def reset(_: ModuleType) -> None:
        settings = _settings()
        setattr(settings, name, getattr(type(settings)(), name))

    return property(lambda _: getattr(_settings(), name), change, reset)


def _settings() -> Settings:
    from llmgate_core.settings.settings import module_settings  # loaded when a setting is first touched

    return module_settings()


for _name in _SETTING_NAMES:
    setattr(_LLMGate, _name, _setting(_name))
sys.modules[__name__].__class__ = _LLMGate
