"""Accumulates chunks or typed events into the response that they add up to.

Pure data; nothing here knows where the chunks came from.
"""
