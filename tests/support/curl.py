"""A stand-in for curl where a machine has none: the options that our pages and LiteLLM's use, and no other.

python curl.py [-s] [-i] [-X METHOD] [-H HEADER] [-d DATA] [-F FIELD] [--location] URL
"""

from __future__ import annotations

import argparse
import sys

import httpx

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Send one request and print the answer as curl does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", "-N", "-sN", "--location", "-sS", "-S", action="store_true", dest="quiet")
    parser.add_argument("-i", action="store_true", dest="head")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", "--header", action="append", default=[], dest="headers")
    parser.add_argument("-d", "--data", dest="data")
    parser.add_argument("-F", "--form", action="append", default=[], dest="fields")
    given = parser.parse_args(arguments)
    headers = dict(line.split(": ", 1) for line in given.headers)
    names = {name.lower() for name in headers}
    if given.data is not None and "content-type" not in names:
        headers["content-type"] = "application/x-www-form-urlencoded"
    has_body = given.data is not None or given.fields
    answer = httpx.request(
        given.method or ("POST" if has_body else "GET"),
        given.url,
        headers=headers,
        content=None if given.data is None else given.data.encode(),
        files=[_part(field) for field in given.fields] or None,
        trust_env=False,
    )
    if given.head:
        sys.stdout.write(f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\n")
        sys.stdout.writelines(f"{name}: {value}\n" for name, value in answer.headers.items())
        sys.stdout.write("\n")
    sys.stdout.write(answer.text)
    return 0


def _part(field: str) -> tuple[str, tuple[str | None, bytes]]:
    name, _, value = field.partition("=")
    value = value.strip('"').removeprefix('"')
    if not value.startswith("@"):
        return name, (None, value.encode())
    path = value[1:].strip('"')
    with open(path, "rb") as file:
        return name, (path.rpartition("/")[2], file.read())


if __name__ == "__main__":
    sys.exit(main())
