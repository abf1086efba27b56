"""Clients: isolated instances that own settings, plugins and connections.

The module functions of `api.py` delegate to a default one of each kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from llmgate_core.arun import arun
from llmgate_core.deadline import Limits
from llmgate_core.errors import ConfigError
from llmgate_core.options import ClientOptions, hide_key
from llmgate_core.pipeline import Pipeline, Prepared
from llmgate_core.run import run
from llmgate_core.send import AsyncWires, Wires
from llmgate_core.settings import PluginPolicy, Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

    from llmgate_core.streams import AsyncStream, Stream
    from llmgate_core.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion
    from llmgate_core.types.embedding import EmbeddingResponse
    from llmgate_core.types.text_completion import TextCompletion, TextCompletionChunk

    OutputT = TypeVar("OutputT", bound=BaseModel)

__all__ = ["AsyncClient", "Client", "module_settings"]

Messages = Sequence[Any]


@cache
def module_settings() -> Settings:
    """Return the settings behind the module `llmgate_core`: the one piece of process-wide state."""
    return Settings()


class _Base:
    """What both kinds of client share.

    Args:
        api_key, api_base, organization, project, timeout, max_retries, param_policy: as in `Settings`,
            for this client.
        client_session, aclient_session: your own HTTP client; never closed by us.
        transport: `httpx` or `fast`.
        limits: sizes at which an answer is refused.
        plugins: which installed plugins may be used.
        extensions: extensions to load.
        settings: everything else; default: the module's. Give one to share nothing with it.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        api_base: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        timeout: Any = None,
        max_retries: int | None = None,
        param_policy: str | None = None,
        client_session: Any = None,
        aclient_session: Any = None,
        transport: Literal["httpx", "fast"] | None = None,
        limits: Limits | None = None,
        plugins: PluginPolicy | None = None,
        extensions: Sequence[Any] | None = None,
        settings: Settings | None = None,
    ) -> None:
        hidden: dict[str, Any] = {"api_key": api_key}
        del api_key
        hide_key(hidden)
        self.settings = module_settings() if settings is None else settings
        if transport not in (None, "httpx", "fast"):
            raise ConfigError(f"transport must be 'httpx' or 'fast', not {transport!r}")
        self._options = ClientOptions(
            api_key=hidden["api_key"],
            api_base=api_base,
            organization=organization,
            project=project,
            timeout=timeout,
            max_retries=max_retries,
            param_policy=param_policy,
            client_session=client_session,
            aclient_session=aclient_session,
            transport=transport,
            limits=limits or Limits(),
        )
        self._plugins = plugins
        self._extensions = extensions
        self._pipeline: Pipeline | None = None
        self._built_from: tuple[Any, ...] = ()
        self._added: list[tuple[object, str, str]] = []

    def add_plugin(self, plugin: object, *, family: str, prefix: str, replace: bool = False) -> None:
        """Serve `prefix/...` for `family` from a plugin object of this process.

        Raises:
            PluginConflictError: the route is taken and `replace` is False. PluginLoadError: an
            illegal plugin. ConfigError: no such family.
        """
        pipeline = self.pipeline
        pipeline.plugins.add(plugin, family, prefix, replace=replace)
        pipeline.router.forget()
        self._added.append((plugin, family, prefix))

    @property
    def pipeline(self) -> Pipeline:
        """The pure part of this client, made on first use and again when plugin settings change."""
        settings = self.settings
        plugins = settings.plugins if self._plugins is None else self._plugins
        extensions = settings.extensions if self._extensions is None else self._extensions
        wanted = (plugins, extensions, settings.catalogue_file)
        if self._pipeline is None or wanted != self._built_from:
            pipeline = Pipeline(settings, self._options, plugins=plugins, extensions=extensions)
            for plugin, family, prefix in self._added:
                pipeline.plugins.add(plugin, family, prefix, replace=True)
            self._pipeline, self._built_from = pipeline, wanted
        return self._pipeline

    def prepare(self, family: str, model: object, inputs: Mapping[str, Any], arguments: dict[str, Any]) -> Prepared:
        """Return a call ready to be sent, without sending it; needs no key. For `llmgate explain`."""
        hide_key(arguments)
        return self.pipeline.prepare(family, model, inputs, arguments, require_key=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(api_base={self._options.api_base!r})"


class Client(_Base):
    """A synchronous client. Thread-safe; a context manager that closes its connections."""

    def __init__(self, **arguments: Any) -> None:
        hide_key(arguments)
        super().__init__(**arguments)
        self._wires = Wires()

    # fmt: off
    @overload
    def completion(self, model: str, messages: Messages, *, stream: Literal[True], **arguments: Any) -> Stream[ChatCompletionChunk]: ...  # noqa: E501
    @overload
    def completion(self, model: str, messages: Messages, *, response_format: type[OutputT], stream: Literal[False] | None = ..., **arguments: Any) -> ParsedChatCompletion[OutputT]: ...  # noqa: E501
    @overload
    def completion(self, model: str, messages: Messages, *, stream: Literal[False] | None = ..., **arguments: Any) -> ChatCompletion: ...  # noqa: E501
    @overload
    def completion(self, model: str, messages: Messages, *, stream: bool | None, **arguments: Any) -> ChatCompletion | Stream[ChatCompletionChunk]: ...  # noqa: E501
    # fmt: on
    def completion(self, model: str, messages: Messages, **arguments: Any) -> Any:
        """Chat with a model.

        Args:
            model: the model string, for example `openai/gpt-4o` or `gpt-4o`.
            messages: dicts with role and content, or message objects of earlier answers.
            **arguments: `stream=True` for chunks, `response_format=PydanticClass` for `.parsed`, our own
                arguments (docs/guide/options.md), and every parameter of the upstream.

        Returns:
            A `ChatCompletion`, or with `stream=True` a `Stream` of `ChatCompletionChunk`.

        Raises:
            LLMGateError: see docs/guide/errors.md.
        """
        hide_key(arguments)
        return self._run("chat", model, {"messages": messages}, arguments)

    # fmt: off
    @overload
    def text_completion(self, model: str, prompt: Any, *, stream: Literal[True], **arguments: Any) -> Stream[TextCompletionChunk]: ...  # noqa: E501
    @overload
    def text_completion(self, model: str, prompt: Any, *, stream: Literal[False] | None = ..., **arguments: Any) -> TextCompletion: ...  # noqa: E501
    # fmt: on
    def text_completion(self, model: str, prompt: Any, **arguments: Any) -> Any:
        """Continue a text (or token list, or several of either) with a legacy completion model."""
        hide_key(arguments)
        return self._run("text_completion", model, {"prompt": prompt}, arguments)

    def embedding(self, model: str, input: Any, **arguments: Any) -> EmbeddingResponse:
        """Return the vectors of a text, a list of texts, a token list, or a list of token lists."""
        hide_key(arguments)
        result: EmbeddingResponse = self._run("embedding", model, {"input": input}, arguments)
        return result

    def _run(self, family: str, model: str, inputs: Mapping[str, Any], arguments: dict[str, Any]) -> Any:
        pipeline = self.pipeline
        prepared = pipeline.prepare(family, model, inputs, arguments)
        return run(pipeline, prepared, self._wires.choose(prepared))

    def close(self) -> None:
        """Close every connection of this client; your own HTTP client stays open."""
        self._wires.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Base):
    """The asynchronous twin of `Client`; its connections belong to the event loop of each call."""

    def __init__(self, **arguments: Any) -> None:
        hide_key(arguments)
        super().__init__(**arguments)
        self._wires = AsyncWires()

    # fmt: off
    @overload
    async def completion(self, model: str, messages: Messages, *, stream: Literal[True], **arguments: Any) -> AsyncStream[ChatCompletionChunk]: ...  # noqa: E501
    @overload
    async def completion(self, model: str, messages: Messages, *, response_format: type[OutputT], stream: Literal[False] | None = ..., **arguments: Any) -> ParsedChatCompletion[OutputT]: ...  # noqa: E501
    @overload
    async def completion(self, model: str, messages: Messages, *, stream: Literal[False] | None = ..., **arguments: Any) -> ChatCompletion: ...  # noqa: E501
    @overload
    async def completion(self, model: str, messages: Messages, *, stream: bool | None, **arguments: Any) -> ChatCompletion | AsyncStream[ChatCompletionChunk]: ...  # noqa: E501
    # fmt: on
    async def completion(self, model: str, messages: Messages, **arguments: Any) -> Any:
        """Chat with a model; see `Client.completion`. With `stream=True` returns an `AsyncStream`."""
        hide_key(arguments)
        return await self._run("chat", model, {"messages": messages}, arguments)

    # fmt: off
    @overload
    async def text_completion(self, model: str, prompt: Any, *, stream: Literal[True], **arguments: Any) -> AsyncStream[TextCompletionChunk]: ...  # noqa: E501
    @overload
    async def text_completion(self, model: str, prompt: Any, *, stream: Literal[False] | None = ..., **arguments: Any) -> TextCompletion: ...  # noqa: E501
    # fmt: on
    async def text_completion(self, model: str, prompt: Any, **arguments: Any) -> Any:
        """Continue a text; see `Client.text_completion`."""
        hide_key(arguments)
        return await self._run("text_completion", model, {"prompt": prompt}, arguments)

    async def embedding(self, model: str, input: Any, **arguments: Any) -> EmbeddingResponse:
        """Return vectors; see `Client.embedding`."""
        hide_key(arguments)
        result: EmbeddingResponse = await self._run("embedding", model, {"input": input}, arguments)
        return result

    async def _run(self, family: str, model: str, inputs: Mapping[str, Any], arguments: dict[str, Any]) -> Any:
        pipeline = self.pipeline
        prepared = pipeline.prepare(family, model, inputs, arguments)
        return await arun(pipeline, prepared, self._wires.choose(prepared))

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._wires.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
