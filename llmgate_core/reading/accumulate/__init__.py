"""The answer so far: adds up chunks or typed events to the response that they make.

Pure data; nothing here knows where the chunks came from.
"""
