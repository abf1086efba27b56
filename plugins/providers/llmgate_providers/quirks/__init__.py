"""What a row may say about requests and answers, by room: each quirk is a pure function, made once for each row.

`params.py` judges parameters, `messages.py`, `tools.py` and `body.py` edit the body of a request, and `answers.py`
edits answers and the chunks of streams. `made.py` chooses those of a row.
"""
