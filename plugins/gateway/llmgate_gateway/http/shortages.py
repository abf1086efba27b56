"""What this machine lacks, as an answer: open files, or space for uploads. Pure.

Neither is the upstream's fault nor a bug, so each has a code of its own, and the log has one line instead of a
traceback.

Source: row R36 of docs/reliability.md; errno(3).
"""

from __future__ import annotations

import errno
from typing import Final

from llmgate_core.serving import errors
from llmgate_gateway.http.responses import ErrorFacts

__all__ = ["NO_SPACE", "OUT_OF_DESCRIPTORS", "StorageError", "shortage_of"]

OUT_OF_DESCRIPTORS: Final = ErrorFacts(
    503,
    "The gateway has too many open connections and files. Try again shortly.",
    code="out_of_descriptors",
    headers=((b"retry-after", b"1"),),
)
NO_SPACE: Final = ErrorFacts(507, "The gateway has no space for this upload.", code="no_space")
NO_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})
MAX_CAUSES: Final = 5


class StorageError(Exception):
    """The folder for uploads cannot take a file.

    Attributes:
        reason: the system's error. folder: where uploads are kept.
    """

    def __init__(self, reason: OSError, folder: str) -> None:
        super().__init__(reason.strerror)
        self.reason = reason
        self.folder = folder


def shortage_of(error: BaseException) -> tuple[ErrorFacts, str] | None:
    """Return what the client may know of a shortage, and the line for the log; None: the error is something else."""
    if isinstance(error, StorageError):
        if error.reason.errno in NO_DESCRIPTORS:
            return OUT_OF_DESCRIPTORS, _descriptors()
        line = f"uploads cannot be kept in {error.folder}: {error.reason.strerror}; general_settings.limits.upload_dir"
        return NO_SPACE, f"{line} names another folder"
    if isinstance(error, errors.APIConnectionError) and error.code == OUT_OF_DESCRIPTORS.code:
        return OUT_OF_DESCRIPTORS, _descriptors()
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if isinstance(cause, OSError) and cause.errno in NO_DESCRIPTORS:
            return OUT_OF_DESCRIPTORS, _descriptors()
        cause = None if cause is None else cause.__cause__
    return None


def _descriptors() -> str:
    return (
        "no more files can be opened: too many connections; raise the limit of open files "
        "(ulimit -n, LimitNOFILE=) or lower general_settings.limits.max_in_flight"
    )
