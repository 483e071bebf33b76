"""The double's getUpdates, tokens and methods, over plain HTTP and through two client libraries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import telegram
from aiogram import Bot as Aiogram
from aiogram import methods as aiogram_methods
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bot.sandbox.bot_api import METHODS
from bot.sandbox.server import SandboxServer

SARA = 1001


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(linked_channel=False) as running:
        yield running


class Raw:
    """Plain HTTP to the double."""

    def __init__(self, server: SandboxServer, client: httpx.AsyncClient) -> None:
        self.url = server.base_url + server.token
        self.client = client

    async def __call__(self, method: str, **params: Any) -> Any:
        answer = await self.client.post(f"{self.url}/{method}", json=params)
        return answer.json()


@pytest.fixture
async def api(server: SandboxServer) -> AsyncIterator[Raw]:
    async with httpx.AsyncClient(timeout=20) as client:
        yield Raw(server, client)


async def test_offset_confirms_and_what_is_not_confirmed_comes_again(
    server: SandboxServer, api: Raw
) -> None:
    """Updates stay until an offset above them is asked for."""
    for text in ("یک", "دو", "سه"):
        await server.say(SARA, text)

    first = (await api("getUpdates", limit=2))["result"]
    again = (await api("getUpdates", limit=2))["result"]
    rest = (await api("getUpdates", offset=first[-1]["update_id"] + 1))["result"]

    assert [update["message"]["text"] for update in first] == ["یک", "دو"]
    assert again == first
    assert [update["message"]["text"] for update in rest] == ["سه"]
    assert [update["update_id"] for update in first + rest] == [
        first[0]["update_id"] + n for n in range(3)
    ]


async def test_negative_offset_keeps_only_the_last_updates(server: SandboxServer, api: Raw) -> None:
    """offset=-1 forgets all but the newest."""
    for text in ("یک", "دو", "سه"):
        await server.say(SARA, text)

    kept = (await api("getUpdates", offset=-1))["result"]

    assert [update["message"]["text"] for update in kept] == ["سه"]


async def test_long_poll_waits_and_wakes_at_once(server: SandboxServer, api: Raw) -> None:
    """A poll without news waits its timeout, and ends as soon as something happens."""
    began = time.monotonic()
    empty = await api("getUpdates", timeout=1)
    waited_s = time.monotonic() - began
    waiting = asyncio.create_task(api("getUpdates", timeout=20))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await server.say(SARA, "سلام")
    woken = await waiting

    assert empty["result"] == []
    assert 0.9 < waited_s < 2
    assert woken["result"][0]["message"]["text"] == "سلام"
    assert time.monotonic() - began < 1


async def test_a_second_poller_ends_the_first_with_409(server: SandboxServer, api: Raw) -> None:
    """Two instances cannot poll one bot; the newer one wins."""
    first = asyncio.create_task(api("getUpdates", timeout=20))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(api("getUpdates", timeout=20))
    lost = await first
    await server.say(SARA, "سلام")
    won = await second

    assert lost["error_code"] == 409
    assert lost["description"].startswith("Conflict: terminated by other getUpdates request")
    assert len(won["result"]) == 1


async def test_polling_conflicts_with_a_webhook(api: Raw) -> None:
    """While a webhook is set getUpdates is refused; deleteWebhook allows it again."""
    await api("setWebhook", url="https://example.com/hook")
    refused = await api("getUpdates")
    await api("deleteWebhook")
    allowed = await api("getUpdates")

    assert refused["error_code"] == 409
    assert "webhook is active" in refused["description"]
    assert allowed == {"ok": True, "result": []}


async def test_allowed_updates_are_remembered(server: SandboxServer, api: Raw) -> None:
    """Kinds not asked for are not queued; reactions come only when asked for."""
    message = await server.say(SARA, "سلام")
    server.people.react(SARA, message["message_id"], "👍")
    default = (await api("getUpdates"))["result"]
    await api("getUpdates", offset=-1, allowed_updates=["message_reaction"])
    await server.say(SARA, "نمی‌آید")
    server.people.react(SARA, message["message_id"], "🔥")
    asked = (await api("getUpdates", offset=default[-1]["update_id"] + 1))["result"]

    assert [set(update) - {"update_id"} for update in default] == [{"message"}]
    assert [set(update) - {"update_id"} for update in asked] == [{"message_reaction"}]
    assert asked[0]["message_reaction"]["old_reaction"] == [{"type": "emoji", "emoji": "👍"}]


async def test_deleting_the_webhook_can_drop_what_waits(server: SandboxServer, api: Raw) -> None:
    """drop_pending_updates forgets the queue."""
    await server.say(SARA, "سلام")
    before = await api("getWebhookInfo")
    await api("deleteWebhook", drop_pending_updates=True)

    assert before["result"]["pending_update_count"] == 1
    assert (await api("getUpdates"))["result"] == []


async def test_wrong_token_unknown_method_and_broken_json(server: SandboxServer, api: Raw) -> None:
    """401, 404 and 400 in Telegram's words."""
    wrong = await api.client.get(f"{server.base_url}1:wrong/getMe")
    unknown = await api("sendTelepathy")
    broken = await api.client.post(
        f"{api.url}/sendMessage", content=b"{", headers={"content-type": "application/json"}
    )

    assert (wrong.status_code, wrong.json()["description"]) == (401, "Unauthorized")
    assert unknown == {"ok": False, "error_code": 404, "description": "Not Found"}
    assert broken.status_code == 400


async def test_parameters_come_by_query_form_and_json_and_names_in_any_case(
    server: SandboxServer, api: Raw
) -> None:
    """The server takes all the ways the documentation lists."""
    await server.say(SARA, "/start")
    by_query = await api.client.get(
        f"{api.url}/SENDMESSAGE", params={"chat_id": SARA, "text": "یک"}
    )
    by_form = await api.client.post(
        f"{api.url}/sendMessage", data={"chat_id": str(SARA), "text": "دو"}
    )
    by_json = await api("sendmessage", chat_id=SARA, text="سه")

    texts = [by_query.json()["result"]["text"], by_form.json()["result"]["text"]]
    assert [*texts, by_json["result"]["text"]] == ["یک", "دو", "سه"]
    assert [call.method for call in server.calls] == ["sendMessage"] * 3


def test_every_method_of_the_double_exists_in_the_bot_api() -> None:
    """The names are checked against an independent list."""
    known = {
        getattr(getattr(aiogram_methods, name), "__api_method__", None)
        for name in aiogram_methods.__all__
    }

    assert set(METHODS) - known == set()


async def test_both_libraries_understand_the_bot_and_its_updates(server: SandboxServer) -> None:
    """PTB and aiogram parse what the double says of itself and of a person's acts."""
    await server.say(SARA, "/start برف")
    server.people.edit(SARA, 1, "/start باران")
    server.people.ask_inline(SARA, "برف")
    server.people.set_bot_status("@hoshyar_sandbox_channel", "administrator", 1000)
    kinds = ["message", "edited_message", "inline_query", "my_chat_member"]

    ptb = telegram.Bot(server.token, base_url=server.base_url, base_file_url=server.base_file_url)
    async with ptb:
        by_ptb = await ptb.get_updates()
        me = await ptb.get_me()
    endpoints = TelegramAPIServer(
        base=server.base_url + "{token}/{method}", file=server.base_file_url + "{token}/{path}"
    )
    async with Aiogram(server.token, session=AiohttpSession(api=endpoints)) as other:
        by_aiogram = await other.get_updates()

    assert me.supports_inline_queries
    assert me.username == "hoshyar_bot"
    assert [update.update_id for update in by_ptb] == [u.update_id for u in by_aiogram]
    assert [update.event_type for update in by_aiogram] == kinds
    first = by_ptb[0].message
    assert first is not None
    assert first.parse_entities() == {first.entities[0]: "/start"}
    changed = by_ptb[3].my_chat_member
    assert changed is not None
    assert isinstance(changed.new_chat_member, telegram.ChatMemberAdministrator)
    assert changed.new_chat_member.can_post_messages


async def test_the_default_world_tells_the_bot_of_its_channel_first() -> None:
    """A newcomer's bot learns at once that it is administrator of a channel."""
    async with SandboxServer() as server, httpx.AsyncClient() as client:
        answer = await client.get(f"{server.base_url}{server.token}/getUpdates")

    (update,) = answer.json()["result"]
    assert update["my_chat_member"]["chat"]["username"] == "hoshyar_sandbox_channel"
    assert update["my_chat_member"]["from"]["id"] == 1000
    assert update["my_chat_member"]["new_chat_member"]["status"] == "administrator"
