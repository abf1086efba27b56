"""How the bytes of a stream are cut into events: one decoder for each framing.

Pure: bytes in, events out. What an event means belongs in `readers/`, or in a plugin's parser.
"""
