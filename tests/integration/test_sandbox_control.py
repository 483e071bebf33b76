"""The people's door, the page's door and the sandbox as a process, all over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import telegram

from bot.sandbox.server import SandboxServer

SARA = 1001
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SandboxServer]:
    (tmp_path / "Vazirmatn-Regular.ttf").write_bytes(b"\0\1\0\0font")
    async with SandboxServer(linked_channel=False, font_dir=tmp_path) as running:
        yield running


@pytest.fixture
async def http(server: SandboxServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        yield client


@pytest.fixture
async def bot(server: SandboxServer) -> AsyncIterator[telegram.Bot]:
    async with telegram.Bot(server.token, base_url=server.base_url) as client:
        yield client


async def do(http: httpx.AsyncClient, action: str, **body: Any) -> Any:
    answer = await http.post(f"/sandbox/{action}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_talk_over_http(http: httpx.AsyncClient, bot: telegram.Bot) -> None:
    """Say, wait for the answer, press its button, learn what the bot answered."""
    said = await do(http, "say", user=SARA, text="/start برف")
    waiting = asyncio.create_task(do(http, "wait", chat=SARA, contains="روند", wait=10))
    await asyncio.sleep(0.05)
    keys = telegram.InlineKeyboardMarkup.from_button(
        telegram.InlineKeyboardButton("چرا؟", callback_data="why")
    )
    await bot.send_message(SARA, "روندها", reply_markup=keys)
    message = (await waiting)["message"]
    pressing = asyncio.create_task(
        do(http, "press", user=SARA, message=message["message_id"], button="why", wait=10)
    )
    update = (await bot.get_updates(offset=-1, timeout=5))[-1]
    assert update.callback_query is not None
    await update.callback_query.answer("چون")

    assert said["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert (await pressing)["answer"]["text"] == "چون"
    shown = (await http.get(f"/sandbox/messages/{SARA}")).json()["messages"]
    assert [m["text"] for m in shown] == ["/start برف", "روندها"]


async def test_people_chats_and_files_over_http(
    http: httpx.AsyncClient, bot: telegram.Bot, server: SandboxServer
) -> None:
    """New people, groups and channels; rights; blocks; a document; a raw and a poisoned update."""
    user = await do(http, "user", name="نیما", language="fa", started=True)
    group = await do(http, "group", title="تازه", owner=user["id"], supergroup=True)
    channel = await do(http, "channel", title="خبر", username="khabar_test", owner=user["id"])
    await do(http, "join", chat=group["id"], user=SARA)
    await do(http, "bot-status", chat=group["id"], status="member", by=user["id"])
    await do(
        http, "bot-status", chat=channel["id"], status="administrator", by=user["id"],
        rights={"can_edit_messages": False},
    )  # fmt: skip
    file = base64.b64encode(b"<opml/>").decode()
    await do(http, "document", user=user["id"], name="f.opml", data=file, caption="منابع")
    await do(http, "edit", user=user["id"], message=1, text="ویرایش")
    await do(http, "block", user=user["id"])
    await do(http, "unblock", user=user["id"])
    await do(http, "deactivate", user=user["id"])
    updates = await bot.get_updates()
    injected = await do(http, "update", poll={"id": "1"})
    poison = await do(http, "poison")

    assert group["type"] == "supergroup"
    statuses = [u.my_chat_member for u in updates if u.my_chat_member]
    assert [s.new_chat_member.status for s in statuses] == [
        "member",
        "administrator",
        "kicked",
        "member",
    ]
    assert any(u.message and u.message.document for u in updates)
    assert poison["update_id"] == injected["update_id"] + 1
    raw = await http.get(f"/bot{server.token}/getUpdates", params={"offset": poison["update_id"]})
    assert raw.json()["result"][0]["message"]["chat"] == "nowhere"
    grown = await do(http, "upgrade", chat=-4000, by=SARA)
    assert grown["type"] == "supergroup"


async def test_faults_floods_calls_and_reset_over_http(
    http: httpx.AsyncClient, bot: telegram.Bot, server: SandboxServer
) -> None:
    """What a test in another process needs."""
    await do(http, "say", user=SARA, text="/start")
    await do(http, "faults", method="sendMessage", kind="5xx", code=500, times=1)
    with pytest.raises(telegram.error.NetworkError):
        await bot.send_message(SARA, "x")
    await do(http, "faults", method="getMe", kind="429", times=None, retry_after=9)
    assert (await http.delete("/sandbox/faults")).status_code == 200
    await bot.get_me()
    await bot.send_message(SARA, "y")
    calls = (await http.get("/sandbox/calls", params={"method": "sendMessage"})).json()["calls"]
    assert (await do(http, "flood", enforced=False))["enforced"] is False
    await bot.set_my_commands([("help", "x")])
    last = (await bot.get_updates())[-1].update_id
    await do(http, "reset")
    await do(http, "say", user=SARA, text="پس از آغاز دوباره")
    after = await bot.get_updates(offset=last + 1)

    assert [(call["error_code"], call["fault"]) for call in calls] == [(500, "5xx"), (None, "")]
    assert [u.message.text for u in after if u.message] == ["پس از آغاز دوباره"]
    assert server.world.profile.commands == {}
    assert server.sent(SARA) == []


async def test_mistakes_at_the_peoples_door_are_told(http: httpx.AsyncClient) -> None:
    """A wrong order is 400 with words; a form (what a foreign page could send) is 415."""
    unknown = await http.post("/sandbox/say", json={"user": 5, "text": "x"})
    missing = await http.post("/sandbox/say", json={"user": SARA})
    fault = await http.post("/sandbox/faults", json={"kind": "earthquake"})
    broken = await http.post(
        "/sandbox/say", content=b"{", headers={"content-type": "application/json"}
    )
    form = await http.post("/sandbox/say", data={"user": "1001", "text": "x"})
    foreign = await http.get("/sandbox/state", headers={"host": "evil.example"})

    assert unknown.json() == {"error": "no user 5"}
    assert missing.json() == {"error": "missing 'text'"}
    assert "earthquake" in fault.json()["error"]
    assert broken.status_code == 400
    assert form.status_code == 415
    assert foreign.status_code == 400


async def test_the_page_comes_with_a_strict_policy(http: httpx.AsyncClient) -> None:
    """Nothing from other hosts, no inline script, and only its own files."""
    page = await http.get("/")
    style = await http.get("/sandbox/page/chat.css")
    font = await http.get("/sandbox/fonts/regular")

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert '<html lang="fa" dir="rtl">' in page.text
    for asset in ("chat.css", "chat.js", "icon.svg"):
        assert f"sandbox/page/{asset}" in page.text
        assert (await http.get(f"/sandbox/page/{asset}")).status_code == 200
    for text in (page.text, style.text):
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
    assert font.headers["content-type"] == "font/ttf"
    assert (await http.get("/sandbox/fonts/bold")).status_code == 404
    assert (await http.get("/sandbox/page/..%2fserver.py")).status_code == 404


async def test_the_page_is_drawn_from_json(
    http: httpx.AsyncClient, bot: telegram.Bot, server: SandboxServer
) -> None:
    """State, history with who wrote what, media, drafts and the reply keyboard."""
    await do(http, "say", user=SARA, text="/start")
    await bot.set_my_commands([("trends", "روندها")], language_code="fa")
    keyboard = telegram.ReplyKeyboardMarkup.from_button("روندها")
    await bot.send_message(SARA, "سلام", reply_markup=keyboard)
    sent = await bot.send_document(SARA, b"<script>alert(1)</script>", filename="page.html")
    await bot.send_message_draft(SARA, 5, "در حال")
    await do(http, "react", user=SARA, message=2, emoji="👍")
    state = (await http.get("/sandbox/state?lang=fa")).json()
    history = (await http.get(f"/sandbox/history?chat={SARA}")).json()
    assert sent.document is not None
    media = await http.get(f"/sandbox/media/{sent.document.file_id}")

    persons = {user["id"]: user for user in state["users"]}
    assert [persons[SARA]["started"], persons[1002]["started"]] == [True, False]
    assert persons[SARA]["commands"] == [{"command": "trends", "description": "روندها"}]
    assert {chat["type"] for chat in state["chats"]} == {"channel", "group"}
    assert [message["by_bot"] for message in history["messages"]] == [False, True, True]
    assert history["messages"][1]["reactions"] == {str(SARA): ["👍"]}
    assert history["keyboard"]["keyboard"] == [[{"text": "روندها"}]]
    assert [draft["text"] for draft in history["drafts"]] == ["در حال"]
    assert media.headers["content-type"] == "application/octet-stream"
    assert media.headers["content-disposition"].startswith("attachment")
    assert state["rev"] <= history["rev"] == server.world.revision


async def test_changes_are_streamed_and_a_reader_can_take_up_again(
    http: httpx.AsyncClient, bot: telegram.Bot, server: SandboxServer
) -> None:
    """Server-sent events from a revision on; the last id continues without loss."""
    await do(http, "say", user=SARA, text="/start")
    since = server.world.revision

    async def read(count: int, headers: dict[str, str]) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        url = f"/sandbox/events?since={since}"
        async with http.stream("GET", url, headers=headers) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    events.append(json.loads(line[6:]))
                if len(events) == count:
                    break
        return events

    reading = asyncio.create_task(read(3, {}))
    await asyncio.sleep(0.05)
    message = await bot.send_message(SARA, "یک")
    await bot.edit_message_text("دو", SARA, message.message_id)
    first = await reading
    again = await read(2, {"last-event-id": str(first[0]["rev"])})

    assert [event["kind"] for event in first] == ["message", "call", "edit"]
    assert (first[0]["message"]["text"], first[0]["by_bot"]) == ("یک", True)
    assert [event["rev"] for event in again] == [event["rev"] for event in first[1:]]


async def test_waiting_looks_only_at_what_came_after(
    server: SandboxServer, bot: telegram.Bot
) -> None:
    """wait_message forgets the answers to earlier words and tells what it saw instead."""
    await server.say(SARA, "/start")
    await bot.send_message(SARA, "پاسخ")
    assert (await server.wait_message(SARA, "پاسخ"))["message_id"] == 2
    await server.say(SARA, "/start")

    with pytest.raises(TimeoutError, match="پاسخ"):
        await server.wait_message(SARA, "پاسخ", timeout_s=0.1)
    await bot.edit_message_text("پاسخ تازه", SARA, 2)
    assert (await server.wait_message(SARA, "پاسخ"))["text"] == "پاسخ تازه"
    assert (await server.wait_call("editMessageText")).committed
    with pytest.raises(TimeoutError):
        await server.wait_call("sendPhoto", timeout_s=0.05)


async def test_it_runs_as_a_process_of_its_own() -> None:
    """`python -m bot.sandbox --port 0` tells its addresses, answers, and ends on SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.sandbox", "--port", "0", "--no-linked-channel",
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    async with httpx.AsyncClient() as client:
        me = await client.get(f"{told['base_url']}{told['token']}/getMe")
        page = await client.get(told["page"])
    process.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(process.wait(), 10)

    assert me.json()["result"]["is_bot"] is True
    assert page.status_code == 200
    assert code == 0
