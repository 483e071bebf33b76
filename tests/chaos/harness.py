"""Processes to be killed, and the Telegram they talk to: a sandbox in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 40.0  # a busy machine takes its time to import


@dataclass(frozen=True, slots=True)
class Telegram:
    """The sandbox's addresses and its control door."""

    page: str
    base_url: str
    token: str
    client: httpx.AsyncClient

    async def order(self, action: str, **body: Any) -> Any:
        """Play a person, or order trouble."""
        reply = await self.client.post(f"{self.page}/sandbox/{action}", json=body)
        reply.raise_for_status()
        return reply.json()

    async def calm(self) -> None:
        """End all trouble."""
        (await self.client.delete(f"{self.page}/sandbox/faults")).raise_for_status()

    async def texts(self, chat_id: int) -> list[str]:
        """What the bot has written into a chat, in order."""
        reply = await self.client.get(f"{self.page}/sandbox/messages/{chat_id}")
        reply.raise_for_status()
        return [
            message["text"]
            for message in reply.json()["messages"]
            if message.get("from", {}).get("is_bot") or message["chat"]["type"] == "channel"
            if "text" in message
        ]

    async def calls(self, method: str) -> dict[str, Any]:
        """The journal of one method, and the broken limits."""
        reply = await self.client.get(f"{self.page}/sandbox/calls", params={"method": method})
        reply.raise_for_status()
        return dict(reply.json())


class Worker:
    """A program that can be killed; it says a line when it is at work."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Start it and return its first line."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._arguments} ended at its start")
        return line.decode()

    def send_signal(self, number: signal.Signals) -> None:
        """SIGSTOP or SIGCONT; one that ended by itself gets nothing."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        return await self._end(signal.SIGTERM)

    @property
    def exit_code(self) -> int | None:
        """How it ended by itself; None while it runs."""
        return self._process.returncode if self._process else None

    async def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        async with asyncio.timeout(START_TIMEOUT_S):
            code = await process.wait()
        self._process = None
        return code


@contextlib.asynccontextmanager
async def telegram() -> AsyncIterator[Telegram]:
    """A sandbox in a process of its own, so that nothing of ours runs inside it."""
    server = Worker("-m", "bot.sandbox", "--port", "0", "--no-linked-channel")
    told = json.loads(await server.start())
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            yield Telegram(told["page"], told["base_url"], told["token"], client)
    finally:
        ended = server.exit_code
        await server.kill()
        if ended is not None:
            raise RuntimeError(f"the sandbox ended by itself, with {ended}")


def worker(kind: str, database: Path, where: Telegram) -> Worker:
    """The sender or the inbox of `tests.chaos.workers`."""
    return Worker("-m", "tests.chaos.workers", kind, str(database), where.base_url, where.token)
