"""Chat over Converse and ConverseStream: one module for each part of the request, of the answer and of the stream.

Pure. What only one model takes is in `llmgate_bedrock/reasoning.py`; keys, hosts and signatures are beside this folder.

Source: service model `bedrock-runtime` 2023-09-30 of botocore 1.44.8, which the tests validate every body with.
"""
