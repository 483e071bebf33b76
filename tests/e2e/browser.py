"""Headless Chromium, driven over its DevTools socket: open a page, act in it, look at it."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)


class Browser:
    """One page in a browser of its own; use it with `async with`."""

    def __init__(self, width: int = 390, height: int = 844) -> None:
        self._size = (width, height)
        self._profile = tempfile.mkdtemp(prefix="hoshyar-chromium-")
        self._process: asyncio.subprocess.Process | None = None
        self._socket: ClientConnection | None = None
        self._last_id = 0

    async def __aenter__(self) -> Browser:
        assert CHROMIUM is not None
        width, height = self._size
        self._process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *_FLAGS,
            f"--user-data-dir={self._profile}",
            f"--window-size={width},{height}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
        )
        browser_url = await self._address()
        self._socket = await connect(browser_url, max_size=None)
        targets = await self._send("Target.getTargets")
        page = next(t for t in targets["targetInfos"] if t["type"] == "page")
        await self._socket.close()
        page_url = browser_url.split("/devtools/")[0] + f"/devtools/page/{page['targetId']}"
        self._socket = await connect(page_url, max_size=None)
        await self._send("Page.enable")
        await self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2,
            mobile=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await asyncio.to_thread(shutil.rmtree, self._profile, ignore_errors=True)

    async def open(self, url: str) -> None:
        await self._send("Page.navigate", url=url)
        await self.wait_for("document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page; promises are awaited."""
        answer = await self._send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def wait_for(self, condition: str, timeout_s: float = 30) -> Any:
        """Wait until a JavaScript condition holds and return its value."""
        async with asyncio.timeout(timeout_s):
            while True:
                value = await self.run(condition)
                if value:
                    return value
                await asyncio.sleep(0.1)

    async def screenshot(self, path: Path) -> None:
        shot = await self._send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))

    async def _address(self) -> str:
        assert self._process is not None
        assert self._process.stderr is not None
        async with asyncio.timeout(60):
            while line := await self._process.stderr.readline():
                _, found, url = line.decode(errors="replace").partition("DevTools listening on ")
                if found:
                    return url.strip()
        raise AssertionError("Chromium did not start")

    async def _send(self, method: str, **params: Any) -> Any:
        assert self._socket is not None
        self._last_id += 1
        await self._socket.send(
            json.dumps({"id": self._last_id, "method": method, "params": params})
        )
        while True:
            message = json.loads(await self._socket.recv())
            if message.get("id") == self._last_id:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]
