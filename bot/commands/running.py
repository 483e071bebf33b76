"""Start everything."""

from __future__ import annotations

import argparse

from bot import app
from config.settings import Settings


async def run(settings: Settings, given: argparse.Namespace) -> int:
    """Start; without a token, in the sandbox."""
    return await app.run(settings)


async def sandbox(settings: Settings, given: argparse.Namespace) -> int:
    """Start in the sandbox."""
    return await app.run_sandbox(settings)
