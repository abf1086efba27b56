"""Folders of the checkout, and of the data that several tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
GOLDEN_CASES = DATA / "golden"
RECORDED_STREAMS = DATA / "recorded"
OPENAPI = DATA / "openapi.json"
