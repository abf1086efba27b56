"""What every typed result has in common.

Pure. Results accept unknown fields (`extra="allow"`), so a new upstream field is there on its
first day, and they are read by attribute or by `["..."]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmgate_core.contracts import Headers, LedgerEntry

if TYPE_CHECKING:
    Count = int
    Document = dict[str, Any]
else:
    # whatever the upstream counted or nested is kept as it came: judging it would cost and lose
    Count = Document = Any

__all__ = ["CallRecord", "Count", "Document", "Response", "Result", "TokenUsage", "Usage"]


class Result(BaseModel):
    """A part of an answer: attribute and item access, unknown fields kept."""

    model_config = ConfigDict(extra="allow", defer_build=True, protected_namespaces=())

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and hasattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field `name`, or `default` where the answer has none."""
        return getattr(self, name, default)


class CallRecord:
    """What llmgate knows of the call behind a whole answer."""

    __slots__ = ("attempts", "headers", "ledger", "provider", "request_id")

    def __init__(
        self,
        *,
        ledger: Sequence[LedgerEntry] = (),
        headers: Headers | None = None,
        request_id: str | None = None,
        provider: str | None = None,
        attempts: int = 1,
    ) -> None:
        self.ledger = tuple(ledger)
        self.headers = headers
        self.request_id = request_id
        self.provider = provider
        self.attempts = attempts


_NO_RECORD = CallRecord()


class Response(Result):
    """A whole answer. Its record lives in a slot, so it is neither dumped nor compared."""

    __slots__ = ("_record",)

    def attach(self, record: CallRecord) -> None:
        """Remember `record`; for the pipeline."""
        object.__setattr__(self, "_record", record)

    def _get_record(self) -> CallRecord:
        try:
            record = object.__getattribute__(self, "_record")
        except AttributeError:
            return _NO_RECORD
        return record if isinstance(record, CallRecord) else _NO_RECORD

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was dropped, renamed, replaced or emulated in this call."""
        return self._get_record().ledger

    @property
    def _response_headers(self) -> Headers | None:
        """The upstream's headers; None unless the setting `return_response_headers` is on."""
        return self._get_record().headers

    @property
    def _request_id(self) -> str | None:
        """The upstream's `x-request-id`, for a support ticket."""
        return self._get_record().request_id


class TokenUsage(Result):
    """Token counts; None: the upstream did not say."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None


class PromptTokensDetails(Result):
    """Where the prompt's tokens went."""

    cached_tokens: Count | None = None
    audio_tokens: Count | None = None


class CompletionTokensDetails(Result):
    """Where the answer's tokens went."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    accepted_prediction_tokens: Count | None = None
    rejected_prediction_tokens: Count | None = None


class Usage(TokenUsage):
    """Token counts of a chat or text completion, with details where the upstream gave them."""

    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
