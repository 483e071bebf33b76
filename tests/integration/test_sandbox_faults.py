"""Trouble on order and flood limits: what a client sees, and what really happened."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import telegram
from telegram.error import NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.request import HTTPXRequest

from bot.sandbox.faults import Faults
from bot.sandbox.flood import FloodControl
from bot.sandbox.server import SandboxServer

SARA, ALEX = 1001, 1002
GROUP = -4000


@pytest.fixture(autouse=True)
def _modern_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=False) as running:
        await running.say(SARA, "/start")
        await running.say(ALEX, "/start")
        yield running


@pytest.fixture
async def bot(server: SandboxServer) -> AsyncIterator[telegram.Bot]:
    request = HTTPXRequest(connection_pool_size=64, read_timeout=0.5)
    async with telegram.Bot(server.token, base_url=server.base_url, request=request) as client:
        yield client


def arrived(server: SandboxServer) -> list[str]:
    return [message["text"] for message in server.sent(SARA)]


async def test_a_lost_request_has_not_happened_and_a_lost_answer_has(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """Both look the same to the client; the journal knows."""
    server.faults.add("sendMessage", "lost_request")
    with pytest.raises(NetworkError, match="disconnected"):
        await bot.send_message(SARA, "گم شد")
    server.faults.add("sendMessage", "lost_response")
    with pytest.raises(NetworkError, match="disconnected"):
        await bot.send_message(SARA, "رسید")

    assert arrived(server) == ["رسید"]
    assert [(call.fault, call.committed) for call in server.calls_of("sendMessage")] == [
        ("lost_request", False),
        ("lost_response", True),
    ]


async def test_hanging_after_the_commit_is_a_timeout(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """The client gives up waiting; the message is there."""
    server.faults.add("sendMessage", "hang", seconds=30)
    with pytest.raises(TimedOut):
        await bot.send_message(SARA, "رسید")

    assert arrived(server) == ["رسید"]


async def test_slow_answers_arrive(server: SandboxServer, bot: telegram.Bot) -> None:
    """A slow call takes its time and works."""
    server.faults.add("sendMessage", "slow", seconds=0.3)
    began = time.monotonic()
    await bot.send_message(SARA, "آهسته")

    assert time.monotonic() - began > 0.3
    assert arrived(server) == ["آهسته"]


async def test_server_errors_with_and_without_effect(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """A 502 is a page, a 500 is JSON; `commit` says whether the message was stored."""
    server.faults.add("sendMessage", "5xx", code=502)
    server.faults.add("sendMessage", "5xx", code=500, commit=True)
    with pytest.raises(NetworkError):
        await bot.send_message(SARA, "نه")
    with pytest.raises(NetworkError, match="Internal Server Error"):
        await bot.send_message(SARA, "آری")
    async with httpx.AsyncClient() as client:
        server.faults.add("getMe", "5xx", code=502)
        page = await client.get(f"{server.base_url}{server.token}/getMe")

    assert arrived(server) == ["آری"]
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html; charset=utf-8")


async def test_garbled_answers_are_no_json(server: SandboxServer, bot: telegram.Bot) -> None:
    """The answer breaks off in its middle; the message is stored."""
    server.faults.add("sendMessage", "garbled")
    with pytest.raises(TelegramError, match="Invalid server response"):
        await bot.send_message(SARA, "رسید")

    assert arrived(server) == ["رسید"]


async def test_an_ordered_429_counts_down_and_watches_for_impatience(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """The order hits the next two calls of one chat; coming back at once is a violation."""
    server.faults.add("sendMessage", "429", times=1, chat_id=SARA, retry_after=3)
    await bot.send_message(ALEX, "دیگری")
    with pytest.raises(RetryAfter) as refused:
        await bot.send_message(SARA, "یک")
    with pytest.raises(RetryAfter):
        await bot.send_message(SARA, "بی‌صبر")
    await bot.send_message(ALEX, "دیگری ۲")

    assert refused.value.retry_after == timedelta(seconds=3)
    assert arrived(server) == []
    assert [(v.limit, v.chat_id) for v in server.violations] == [("early retry", SARA)]


async def test_an_outage_hits_everything_and_ends(server: SandboxServer, bot: telegram.Bot) -> None:
    """Polls and sends alike, until it is over."""
    server.faults.outage(60)
    with pytest.raises(NetworkError):
        await bot.get_updates()
    with pytest.raises(NetworkError):
        await bot.send_message(SARA, "نه")
    server.faults.clear()
    await bot.send_message(SARA, "آری")

    assert arrived(server) == ["آری"]


def test_a_fraction_is_met_the_same_way_in_every_run() -> None:
    """The generator is seeded: the same calls are hit again, about as many as asked."""

    def run() -> list[bool]:
        faults = Faults(seed=11)
        faults.add("*", "lost_request", times=None, fraction=0.3)
        return [faults.strike("sendMessage", 1) is not None for _ in range(400)]

    first, second = run(), run()
    assert first == second
    assert 80 < sum(first) < 160


def test_a_star_spares_the_poll() -> None:
    """Only a named getUpdates, or an outage, stops the poll."""
    faults = Faults()
    faults.add("*", "lost_request", times=None)

    assert faults.strike("getUpdates", None) is None
    assert faults.strike("getMe", None) is not None
    faults.outage(5)
    assert faults.strike("getUpdates", None) is not None


async def test_bursts_in_one_chat_are_refused_and_recorded(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """A short burst passes; what is above it is refused with a wait, and counted."""
    for number in range(5):
        await bot.send_message(SARA, str(number))
    with pytest.raises(RetryAfter) as refused:
        await bot.send_message(SARA, "زیاد")
    await bot.send_message(ALEX, "چت دیگر آزاد است")

    assert refused.value.retry_after == timedelta(seconds=1)
    assert len(arrived(server)) == 5
    assert [violation.limit for violation in server.violations] == ["chat send"]


async def test_limits_can_be_only_recorded() -> None:
    """With `flood_limits=False` everything passes and is still counted."""
    async with SandboxServer(flood_limits=False) as server:
        await server.say(SARA, "/start")
        async with telegram.Bot(server.token, base_url=server.base_url) as bot:
            for number in range(8):
                await bot.send_message(SARA, str(number))

        assert len(server.sent(SARA)) == 8
        assert len(server.violations) == 3


def test_one_message_a_second_is_the_sustained_rate() -> None:
    """At 1/s nothing is ever refused; at 2/s the burst is used up and then every second one is."""
    calm, hasty = FloodControl(), FloodControl()
    calm_waits = [calm.check("sendMessage", SARA, 1, float(n), 0.0) for n in range(120)]
    hasty_waits = [hasty.check("sendMessage", SARA, 1, n / 2, 0.0) for n in range(12)]

    assert calm_waits == [0] * 120
    assert calm.violations == []
    assert hasty_waits[:9] == [0] * 9
    assert hasty_waits[9] == 1


def test_twenty_a_minute_in_a_group_and_thirty_a_second_overall() -> None:
    """The two wider limits."""
    group, crowd = FloodControl(), FloodControl()
    in_group = [group.check("sendMessage", GROUP, 1, n * 1.5, 0.0) for n in range(21)]
    in_crowd = [crowd.check("sendMessage", 5000 + n, 1, n / 100, 0.0) for n in range(31)]

    assert in_group[:20] == [0] * 20
    assert 29 <= in_group[20] <= 31
    assert [violation.limit for violation in group.violations] == ["group send"]
    assert in_crowd[:30] == [0] * 30
    assert in_crowd[30] == 1
    assert [violation.limit for violation in crowd.violations] == ["overall"]


def test_drafts_and_edits_have_lanes_of_their_own() -> None:
    """A streamed answer of five frames a second does not use up the chat's messages."""
    control = FloodControl()
    frames = [control.check("sendMessageDraft", SARA, 1, n / 5, 0.0) for n in range(50)]
    edits = [control.check("editMessageText", SARA, 1, 10.0 + n, 0.0) for n in range(30)]
    free = [control.check("sendChatAction", SARA, 1, 40.0, 0.0) for _ in range(50)]

    assert control.check("sendMessage", SARA, 1, 41.0, 0.0) == 0
    assert set(frames + edits + free) == {0}
    flood = [control.check("sendMessageDraft", SARA, 1, 50.0, 0.0) for _ in range(20)]
    assert max(flood) >= 1
