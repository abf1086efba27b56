"""The stream readers: one reader reads one stream.

A reader is fed bytes and yields chunks; it never waits and never closes anything.
"""
