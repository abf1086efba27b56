"""What HTTP allows in the name and the value of a header. Pure.

Source: RFC 9110, sections 5.1 and 5.5.
"""

from __future__ import annotations

import re

__all__ = ["HEADER_NAME", "HEADER_VALUE"]

HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
