"""A profile of the shared files of AWS: `~/.aws/credentials` and `~/.aws/config`.

Reads files: core calls it in a thread, by way of `credentials.py`.

Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
"""

from __future__ import annotations

from collections.abc import Mapping
from configparser import Error, RawConfigParser
from dataclasses import dataclass
from pathlib import Path

from llmgate_bedrock.sigv4 import AccessKeys
from llmgate_core.plugin import Secret, errors

__all__ = ["MAX_BYTES", "Profile", "is_key", "read_profile"]

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile says of access keys.

    Attributes:
        keys: its own; None: it has none.
        role: the fields of `AssumeRole`; None: it names no role.
        source: the profile whose keys may assume the role.
    """

    name: str
    keys: AccessKeys | None = None
    role: Mapping[str, str] | None = None
    source: str | None = None


def read_profile(name: str, credentials_file: str, config_file: str) -> Profile:
    """Return a profile; one that is in neither file has nothing.

    Raises:
        AuthenticationError: a file is there and cannot be read. The error shows nothing that is in it.
    """
    config = _section(config_file, "default" if name == "default" else f"profile {name}")
    fields = {**config, **_section(credentials_file, name)}
    role = fields.get("role_arn")
    return Profile(name, _keys(fields), None if not role else _role(role, fields), fields.get("source_profile"))


def _keys(fields: Mapping[str, str]) -> AccessKeys | None:
    key_id, secret_key = fields.get("aws_access_key_id"), fields.get("aws_secret_access_key")
    if not key_id or not secret_key:
        return None
    token = fields.get("aws_session_token")
    if not all(map(is_key, (key_id, secret_key, token or secret_key))):
        raise _failure("a profile of AWS has access keys that a header cannot have (they are not shown)")
    return AccessKeys(Secret(key_id), Secret(secret_key), Secret(token) if token else None)


def is_key(text: str) -> bool:
    """Return whether a header can have it, as every key and every token can be in one."""
    return bool(text) and text.isascii() and text.isprintable()


def _failure(message: str) -> errors.AuthenticationError:
    return errors.AuthenticationError(message, status_code=401, code="missing_api_key", provider="bedrock", attempts=0)


def _role(role: str, fields: Mapping[str, str]) -> Mapping[str, str]:
    named = {"RoleArn": role, "RoleSessionName": fields.get("role_session_name") or "llmgate"}
    return {**named, **({"ExternalId": fields["external_id"]} if fields.get("external_id") else {})}


def _section(path: str, name: str) -> Mapping[str, str]:
    parser = RawConfigParser(default_section="")
    try:
        with Path(path).expanduser().open(encoding="utf-8") as opened:
            parser.read_string(opened.read(MAX_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RuntimeError, Error) as error:  # RuntimeError: the user before it is not known
        raise _failure(f"the file {path!r} with profiles of AWS cannot be read: {type(error).__name__}") from None
    return dict(parser[name]) if parser.has_section(name) else {}
