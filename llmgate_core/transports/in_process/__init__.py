"""Calls that a plugin answers itself, by its hook `serve`: functions and generators, in threads or on an event loop.

Here belongs what runs them and hands over what they make. What they make is read elsewhere, as any answer is.
"""
