"""The chat page: its files, the JSON it is drawn from, and a stream of what changes.

Nothing here trusts a message: the page builds its elements from text, never from markup, and the
policy below would stop a script that slipped through.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.sandbox.wire import Json
from bot.sandbox.world import Chat, User, World

_FILES = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_HISTORY = 300
_KEEP_ALIVE_S = 15.0
_SHOWN_EVENTS = {
    "message",
    "edit",
    "delete",
    "draft",
    "action",
    "answer",
    "reactions",
    "keyboard",
    "chat",
    "profile",
    "call",
    "reset",
}


class ChatPage:
    """The routes of the page. `font_dir` may hold Vazirmatn; without it system fonts serve."""

    def __init__(self, world: World, font_dir: Path | None) -> None:
        self._world = world
        self._font_dir = font_dir

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/", self.index),
            Route("/sandbox/page/{name}", self.page_file),
            Route("/sandbox/fonts/{weight}", self.font),
            Route("/sandbox/state", self.state),
            Route("/sandbox/history", self.history),
            Route("/sandbox/media/{file_id}", self.media),
            Route("/sandbox/events", self.events),
        ]

    async def index(self, request: Request) -> Response:
        """Serve the page itself."""
        del request
        return self._file("index.html")

    async def page_file(self, request: Request) -> Response:
        """Serve the page's own styles and scripts."""
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        known = {path.name: path for path in _FILES.iterdir() if path.is_file()}
        if name not in known:
            return PlainTextResponse("no such file", status_code=404)
        kind = _TYPES.get(known[name].suffix, "application/octet-stream")
        return Response(known[name].read_bytes(), media_type=kind, headers=_HEADERS)

    async def font(self, request: Request) -> Response:
        """Serve the vendored font whose file name holds the weight: `regular` or `bold`."""
        weight = request.path_params["weight"].lower()
        paths = sorted(self._font_dir.rglob("*")) if self._font_dir else []
        for path in paths:
            is_font = path.suffix.lower() in {".ttf", ".woff2"}
            if weight.isalpha() and is_font and path.stem.lower().endswith("-" + weight):
                headers = {"Cache-Control": "max-age=86400"}
                return Response(
                    path.read_bytes(), media_type=_TYPES[path.suffix.lower()], headers=headers
                )
        return PlainTextResponse("no such font", status_code=404)

    async def state(self, request: Request) -> Response:
        """Return people, chats and the bot's profile in a language (`lang`)."""
        language = request.query_params.get("lang", "fa")
        world = self._world
        chats = [
            self._chat_card(chat, language)
            for chat in world.chats.values()
            if chat.migrated_to is None and chat.type != "private"
        ]
        return JSONResponse(
            {
                "rev": world.revision,
                "bot": {
                    **world.bot.to_json(),
                    "name": world.profile.text("name", language) or world.bot.first_name,
                    "description": world.profile.text("description", language),
                    "short_description": world.profile.text("short_description", language),
                },
                "users": [self._person(user) for user in world.users.values()],
                "chats": chats,
            }
        )

    def _person(self, user: User) -> Json:
        """Return a person with their private chat's card, which may not have begun."""
        chat = self._world.chats.get(user.id)
        profile = self._world.profile
        return {
            **user.to_json(),
            "started": chat is not None,
            "blocked": chat is not None and chat.status_of(self._world.bot.id) == "kicked",
            "is_admin": user.id == 1000,
            "last": self._last(chat) if chat else None,
            "menu_button": profile.menu_button(user.id),
            "commands": profile.shown_commands(
                chat_id=user.id,
                user_id=user.id,
                chat_type="private",
                is_admin=False,
                language=user.language_code,
            ),
        }

    def _chat_card(self, chat: Chat, language: str) -> Json:
        world = self._world
        people = [user_id for user_id in chat.members if user_id in world.users]
        owner = next((u for u in people if chat.status_of(u) in {"creator"}), 0)
        commands = world.profile.shown_commands(
            chat_id=chat.id, user_id=0, chat_type=chat.type, is_admin=False, language=language
        )
        if chat.type == "channel":
            commands = []
        return {
            **chat.to_json(),
            "members": [u for u in people if chat.status_of(u) not in {"left", "kicked"}],
            "owner": owner,
            "bot_status": chat.status_of(world.bot.id),
            "last": self._last(chat),
            "commands": commands,
        }

    def _last(self, chat: Chat) -> Json | None:
        if not chat.messages:
            return None
        return self._shown(chat.messages[max(chat.messages)])

    def _shown(self, message: Json) -> Json:
        """Return a message with the marks the page draws but the Bot API does not show."""
        shown = self._world.public(message)
        shown["by_bot"] = self._world.is_by_bot(message)
        if reactions := message.get("sandbox_reactions"):
            shown["reactions"] = reactions
        return shown

    async def history(self, request: Request) -> Response:
        """Return a chat's messages, live drafts and reply keyboard."""
        chat = self._world.find_chat(request.query_params.get("chat", ""))
        rev = self._world.revision
        if chat is None:
            return JSONResponse({"rev": rev, "messages": [], "drafts": [], "keyboard": None})
        now = self._world.now()
        newest = sorted(chat.messages)[-_HISTORY:]
        keyboards = [chat.messages[number].get("sandbox_keyboard") for number in newest]
        return JSONResponse(
            {
                "rev": rev,
                "messages": [self._shown(chat.messages[number]) for number in newest],
                "drafts": [d for d in chat.drafts.values() if d["expires_at"] > now],
                "keyboard": next((k for k in reversed(keyboards) if k), None),
                "pinned": chat.pinned[-1] if chat.pinned else None,
            }
        )

    async def media(self, request: Request) -> Response:
        """Serve a file of a message: pictures to look at, anything else to save."""
        stored = self._world.files.get(request.path_params["file_id"])
        if stored is None:
            return PlainTextResponse("no such file", status_code=404)
        is_picture = stored.mime_type in {"image/png", "image/jpeg", "image/gif", "image/webp"}
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=86400"}
        if not is_picture or "save" in request.query_params:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(stored.name)}"
        kind = stored.mime_type if is_picture else "application/octet-stream"
        return Response(stored.data, media_type=kind, headers=headers)

    async def events(self, request: Request) -> Response:
        """Stream changes after revision `since` (or Last-Event-ID) as server-sent events."""
        known = request.headers.get("last-event-id") or request.query_params.get("since", "")
        since = int(known) if known.isdecimal() else self._world.revision
        return StreamingResponse(
            self._stream(since),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _stream(self, since: int) -> AsyncIterator[str]:
        world = self._world
        yield "retry: 1000\n\n"
        while not world.pulse.is_closing:
            news = world.events_after(since)
            if news is None:
                since = world.revision
                yield _event(since, {"kind": "reset"})
                continue
            for event in news:
                since = event["rev"]
                if event["kind"] in _SHOWN_EVENTS:
                    yield _event(since, event)
            if not news and not await world.pulse.wait(_KEEP_ALIVE_S):
                yield ": still here\n\n"


def _event(number: int, body: Any) -> str:
    return f"id: {number}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"
