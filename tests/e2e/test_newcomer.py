"""What a newcomer sees: no token, no key, a page in the browser, and soon the whole product."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.bot_api_model import check_calls
from tests.e2e.browser import CHROMIUM, Browser
from tests.e2e.running_bot import RunningBot, free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

_SAY = """(() => {
  const text = document.querySelector('#text');
  text.value = %s;
  text.dispatchEvent(new Event('input', {bubbles: true}));
  document.querySelector('#composer').requestSubmit();
})()"""


async def _say(page: Browser, text: str) -> None:
    await page.run(_SAY % json.dumps(text))


async def _wait_text(page: Browser, words: str, timeout_s: float = 30) -> str:
    """The text of the newest message of the bot that has these words."""
    find = (
        f"[...document.querySelectorAll('#messages .in')].map(m => m.innerText)"
        f".filter(t => t.includes({json.dumps(words)})).at(-1) || ''"
    )
    return str(await page.wait_for(find, timeout_s))


async def _press(page: Browser, words: str) -> None:
    """Press the newest button that says this, when it is there."""
    buttons = (
        "[...document.querySelectorAll('#messages button')]"
        f".filter(b => b.innerText.includes({json.dumps(words)}))"
    )
    await page.wait_for(f"{buttons}.length > 0")
    await page.run(f"{buttons}.at(-1).click()")


async def _open(page: Browser, url: str) -> None:
    for _ in range(100):
        try:
            await page.open(url)
            await page.wait_for("!!document.querySelector('#start')", timeout_s=1)
        except (TimeoutError, AssertionError):
            await asyncio.sleep(0.2)
        else:
            return
    raise AssertionError("the page did not open")


def _calls(url: str) -> list[tuple[str, dict[str, Any]]]:
    with urllib.request.urlopen(f"{url}/sandbox/calls", timeout=10) as answer:
        calls = json.load(answer)["calls"]
    return [(call["method"], call["params"] | call["files"]) for call in calls]


async def test_a_newcomer_sees_the_product_within_a_minute(tmp_path: Path) -> None:
    """Trends with reasons, an alert, a digest with its chart and a streamed answer, in Persian."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with RunningBot(tmp_path, WEB_PORT=str(port)) as bot, Browser() as page:
        await _open(page, url + "/#1001")
        async with asyncio.timeout(100):
            await page.wait_for("!document.querySelector('#start').hidden")
            await page.run("document.querySelector('#start').click()")
            await _wait_text(page, "هُشیار")
            await _say(page, "/trends")
            trends = await _wait_text(page, "داغ‌های")
            await page.screenshot(tmp_path / "trends.png")
            await _press(page, "۱ ·")
            await page.screenshot(tmp_path / "card.png")
            await _press(page, "چرا؟")
            await _wait_text(page, "برابر")

            await _say(page, "/watch برف")
            await _wait_text(page, "زیر نظر گرفتم")
            await _say(page, "چه خبر از برف؟")
            answer = await _wait_text(page, "[1]")
            await _say(page, "/digest")
            await _press(page, "همین حالا")
            await page.wait_for(
                "[...document.querySelectorAll('#messages .in img')]"
                ".some(i => i.complete && i.naturalWidth > 600)"
            )
            await page.screenshot(tmp_path / "digest.png")
            alert = await _wait_text(page, "🔔 برف", 60)

        calls = await asyncio.to_thread(_calls, url)
        exit_code = await bot.stop()

    assert "۱." in trends
    assert "برف" in answer
    assert "برف" in alert
    assert any(method == "sendMessageDraft" for method, _ in calls), "the answer did not stream"
    assert check_calls([call for call in calls if call[0] != "getUpdates"]) == []
    assert exit_code == 0
    assert "Traceback" not in bot.log()
