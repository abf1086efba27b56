"""What plugins and core promise each other: shapes of data and protocols, and no behaviour.

A module here may import errors, secrets and the JSON codec only; it reads no file, no clock and no environment.
"""
