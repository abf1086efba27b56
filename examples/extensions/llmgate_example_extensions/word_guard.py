"""A guard that refuses calls and answers with certain words."""

from llmgate_core.plugin import TextRewriter, errors, hookimpl, map_strings


class WordGuard:
    """Option: `words`, a list. They are found in any case, and in a stream wherever its chunks cut them."""

    def __init__(self, words=()):
        self.words = [word.casefold() for word in words]
        self.longest = max(map(len, self.words), default=1)

    def configure(self, options):
        if not options.get("words") or isinstance(options["words"], str):
            raise ValueError("words must be a list of at least one word")
        return WordGuard(**options)

    def check(self, text):
        if any(word in text.casefold() for word in self.words):
            raise errors.ContentPolicyViolationError("a word that is not allowed", status_code=400, code="word_refused")
        return text

    @hookimpl
    def before_call(self, call):
        map_strings(call.body, self.check)

    @hookimpl
    def rewrite_answer(self, answer):
        map_strings(answer, self.check)

    @hookimpl
    def rewrite_stream(self):
        def rewrite(text, is_end):
            self.check(text)
            out = len(text) if is_end else max(0, len(text) - self.longest + 1)  # the rest may begin a word
            return text[:out], text[out:]

        return TextRewriter(rewrite)


extension = WordGuard()
