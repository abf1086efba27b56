"""Check a key before it becomes part of a header, so that an error blames the key and does not show it.

Pure. No frame that raises or warns holds the key as a string: a traceback may show its variables.
"""

from __future__ import annotations

from llmgate_core.errors import bad_request
from llmgate_core.secrets import Secret
from llmgate_core.settings.caller_warnings import warn_caller

__all__ = ["checked_key"]


def checked_key(key: Secret, origin: str) -> Secret | None:
    """Return a key without the white space around it, a common copying mistake; None if nothing is left.

    Args:
        key: as it was given.
        origin: where it was found, for the message.

    Raises:
        BadRequestError: it has a character that a header cannot have.
    """
    if _is_clean(key):
        return key
    stripped = Secret(key.reveal().strip())
    if stripped.reveal() != key.reveal():
        warn_caller(f"{origin} has white space around the key, which was removed")
    if stripped and not _is_clean(stripped):
        reason = "it has a character that no key has, such as a line break, a long dash or a byte order mark"
        raise bad_request("api_key", f"the key in {origin} cannot be sent: {reason} (it is not shown)")
    return stripped if stripped else None


def _is_clean(key: Secret) -> bool:
    """Return whether a key can be sent as it is."""
    text = key.reveal()
    if not text or not text.isprintable() or text != text.strip():
        return False
    return text.isascii() or all(ord(character) < 256 for character in text)
