"""One module per target: `check(data)` returns for every input, or something is wrong with llmgate.

A target asserts what must hold for any bytes, so it is pure: the same bytes, the same outcome. It runs under atheris
(`make fuzz`), and without it on every file of `fuzz/corpus` (`tests/behaviour/test_fuzz_corpus.py`).
"""
