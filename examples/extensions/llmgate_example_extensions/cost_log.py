"""What calls cost, by caller, in a SQLite file."""

import json
import sqlite3
from contextlib import closing

from llmgate_core.plugin import CallEvent, hookimpl

TABLE = """CREATE TABLE IF NOT EXISTS calls (
    at TEXT DEFAULT CURRENT_TIMESTAMP, id TEXT, caller TEXT, model TEXT, outcome TEXT, attempts INTEGER,
    input_tokens INTEGER, output_tokens INTEGER, usd REAL)"""
ROW = """INSERT INTO calls (id, caller, model, outcome, attempts, input_tokens, output_tokens, usd)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


class CostLog:
    """Option: `file`. An asynchronous client, and a gateway, call it in a thread, so it may wait for the disk."""

    def __init__(self, file="costs.sqlite"):
        self.file = file

    def configure(self, options):
        return CostLog(**options)

    def connection(self):
        return closing(sqlite3.connect(self.file, timeout=30))  # one an event: nothing is shared by threads or forks

    @hookimpl
    def on_event(self, event: CallEvent):
        usage = event.usage or {}
        tokens = [usage.get(f"{old}_tokens", usage.get(f"{new}_tokens"))
                  for old, new in (("prompt", "input"), ("completion", "output"))]  # fmt: skip
        usd = None if event.cost is None else float(event.cost)
        model = f"{event.route.provider}/{event.route.model}"
        row = (event.call.request_id, event.caller, model, event.outcome, event.attempts, *tokens, usd)
        with self.connection() as database, database:
            database.execute(TABLE)
            database.execute(ROW, row)

    def spent(self, caller):
        """Return what a caller has spent, in US dollars."""
        with self.connection() as database:
            database.execute(TABLE)
            return database.execute("SELECT total(usd) FROM calls WHERE caller IS ?", (caller,)).fetchone()[0]

    @hookimpl
    def register_gateway(self, gateway):
        from llmgate_gateway import Reply  # a program without a gateway does not have it

        def page(request):
            caller = request.caller.name
            return Reply(200, json.dumps({"caller": caller, "usd": self.spent(caller)}).encode())

        gateway.add_page("/costs", page)


extension = CostLog()
