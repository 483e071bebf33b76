"""Start everything."""

from __future__ import annotations

import argparse

from bot import app
from config.settings import Settings


async def run(settings: Settings, given: argparse.Namespace) -> int:
    """Start; without a token, in the sandbox."""
    return await app.run(settings)


async def worker(settings: Settings, given: argparse.Namespace) -> int:
    """Start with some of the roles, beside others on the same database."""
    return await app.work(settings, given.roles, given.name)


async def sandbox(settings: Settings, given: argparse.Namespace) -> int:
    """Start in the sandbox."""
    return await app.run_sandbox(settings)
