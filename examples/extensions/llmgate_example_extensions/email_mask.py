"""E-mail addresses are hidden from the upstream, and restored in its answer."""

import re
from itertools import count

from llmgate_core.plugin import TextRewriter, hookimpl, map_strings

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
MARK = re.compile(r"<email-\d+>")
START = "<email-"


class Marks:
    """The addresses of a call and their marks. They follow from the call, so nothing is kept between two hooks."""

    def __init__(self, body):
        addresses, taken = {}, set()

        def look(text):
            addresses.update(dict.fromkeys(ADDRESS.findall(text)))
            taken.update(MARK.findall(text))  # the caller wrote these
            return text

        map_strings(body, look)
        marks = (mark for number in count(1) if (mark := f"<email-{number}>") not in taken)
        self.of_address = dict(zip(addresses, marks, strict=False))
        self.of_mark = {mark: address for address, mark in self.of_address.items()}

    def hidden(self, text):
        return ADDRESS.sub(lambda found: self.of_address[found[0]], text)

    def restored(self, text):
        return MARK.sub(lambda found: self.of_mark.get(found[0], found[0]), text)

    def rewrite(self, text, is_end):
        at = text.rfind("<")
        is_begun = at >= 0 and (START.startswith(text[at:]) or re.fullmatch(START + r"\d*", text[at:]))
        out = at if is_begun and not is_end else len(text)
        return self.restored(text[:out]), text[out:]


class EmailMask:
    @hookimpl
    def rewrite_call(self, call):
        marks = Marks(call.body)
        return map_strings(call.body, marks.hidden) if marks.of_mark else None

    @hookimpl
    def rewrite_answer(self, call, answer):
        marks = Marks(call.body)
        return map_strings(answer, marks.restored) if marks.of_mark else None

    @hookimpl
    def rewrite_stream(self, call):
        marks = Marks(call.body)
        return TextRewriter(marks.rewrite) if marks.of_mark else None


extension = EmailMask()
