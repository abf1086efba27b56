"""A call of one endpoint family carried by another: chat over Responses, and Responses over chat.

Pure conversions that go by tables; what they change is recorded in the ledger.
"""
