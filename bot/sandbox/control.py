"""HTTP routes under /sandbox that play the people and order trouble, for tests and the page.

They accept JSON only, so a foreign web page cannot reach them without a preflight it fails, and
a request must name a loopback host, so a foreign name cannot be pointed here.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.people import People, SandboxError
from bot.sandbox.wire import ApiError, Json, Upload
from bot.sandbox.world import World

Action = Callable[[Json], Awaitable[Any]]
_MAX_WAIT_S = 60.0


class Control:
    """The control routes of one world. `restart` puts a fresh world in place (POST /reset)."""

    def __init__(self, world: World, people: People, restart: Callable[[], None]) -> None:
        self._world = world
        self._people = people
        self._restart = restart

    def routes(self) -> list[Route]:
        """Return the routes."""
        actions: dict[str, Action] = {
            "say": self.say,
            "edit": self.edit,
            "press": self.press,
            "inline": self.inline,
            "choose": self.choose,
            "react": self.react,
            "document": self.document,
            "user": self.new_user,
            "group": self.new_group,
            "channel": self.new_channel,
            "join": self.join,
            "bot-status": self.bot_status,
            "block": self.block,
            "unblock": self.unblock,
            "deactivate": self.deactivate,
            "upgrade": self.upgrade,
            "update": self.update,
            "poison": self.poison,
            "wait": self.wait,
            "faults": self.faults,
            "outage": self.outage,
            "flood": self.flood,
            "reset": self.reset,
        }
        routes = [
            Route(f"/sandbox/{name}", self._door(action), methods=["POST"])
            for name, action in actions.items()
        ]
        routes.append(Route("/sandbox/faults", self.clear_faults, methods=["DELETE"]))
        routes.append(Route("/sandbox/calls", self.calls))
        routes.append(Route("/sandbox/messages/{chat}", self.messages))
        return routes

    def _door(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        async def door(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip()
            if kind != "application/json":
                return JSONResponse({"error": "send application/json"}, status_code=415)
            try:
                body = await request.json()
                return JSONResponse(await action(dict(body)))
            except (SandboxError, ApiError, KeyError, ValueError, TypeError) as mistake:
                text = f"missing {mistake}" if isinstance(mistake, KeyError) else str(mistake)
                return JSONResponse({"error": text}, status_code=400)

        return door

    async def say(self, body: Json) -> Any:
        """{user, text, chat?, reply_to?} -> the message."""
        return self._people.say(
            body["user"], body["text"], chat_id=body.get("chat"), reply_to=body.get("reply_to")
        )

    async def edit(self, body: Json) -> Any:
        """{user, message, text, chat?} -> the message."""
        return self._people.edit(body["user"], body["message"], body["text"], body.get("chat"))

    async def press(self, body: Json) -> Any:
        """{user, message, button, chat?, wait?: seconds} -> {query_id, answer or null}."""
        query = self._people.press(
            body["user"], body["message"], body["button"], chat_id=body.get("chat")
        )
        answer = await self._world.pulse.until(
            lambda: query.answer, min(float(body.get("wait", 0)), _MAX_WAIT_S)
        )
        return {"query_id": query.id, "answer": answer}

    async def inline(self, body: Json) -> Any:
        """{user, query, offset?, wait?: seconds} -> {query_id, answer or null}."""
        query = self._people.ask_inline(body["user"], body["query"], body.get("offset", ""))
        answer = await self._world.pulse.until(
            lambda: query.answer, min(float(body.get("wait", 10)), _MAX_WAIT_S)
        )
        return {"query_id": query.id, "answer": answer}

    async def choose(self, body: Json) -> Any:
        """{query_id, result, chat?} -> the message."""
        query = self._world.inline_queries[body["query_id"]]
        return self._people.choose(query, body["result"], body.get("chat"))

    async def react(self, body: Json) -> Any:
        """{user, message, emoji, chat?}."""
        self._people.react(body["user"], body["message"], body["emoji"], body.get("chat"))
        return {"ok": True}

    async def document(self, body: Json) -> Any:
        """{user, name, data: base64, mime_type?, caption?, chat?} -> the message."""
        upload = Upload(
            body["name"],
            base64.b64decode(body["data"], validate=True),
            body.get("mime_type", "application/octet-stream"),
        )
        return self._people.send_file(
            body["user"], upload, caption=body.get("caption", ""), chat_id=body.get("chat")
        )

    async def new_user(self, body: Json) -> Any:
        """{name, language?, started?} -> the user."""
        language = body.get("language", "fa")
        started = bool(body.get("started"))
        return self._people.new_user(body["name"], language, started=started).to_json()

    async def new_group(self, body: Json) -> Any:
        """{title, owner, supergroup?} -> the chat."""
        is_super = bool(body.get("supergroup"))
        return self._people.new_group(body["title"], body["owner"], supergroup=is_super).to_json()

    async def new_channel(self, body: Json) -> Any:
        """{title, username?, owner} -> the chat."""
        username = body.get("username", "")
        return self._people.new_channel(body["title"], username, body["owner"]).to_json()

    async def join(self, body: Json) -> Any:
        """{chat, user}."""
        self._people.join(body["chat"], body["user"])
        return {"ok": True}

    async def bot_status(self, body: Json) -> Any:
        """{chat, status, by, rights?}: administrator, member, left or kicked."""
        rights = {str(name): bool(value) for name, value in body.get("rights", {}).items()}
        self._people.set_bot_status(body["chat"], body["status"], body["by"], **rights)
        return {"ok": True}

    async def block(self, body: Json) -> Any:
        """{user}."""
        self._people.block(body["user"])
        return {"ok": True}

    async def unblock(self, body: Json) -> Any:
        """{user}."""
        self._people.unblock(body["user"])
        return {"ok": True}

    async def deactivate(self, body: Json) -> Any:
        """{user}."""
        self._people.deactivate(body["user"])
        return {"ok": True}

    async def upgrade(self, body: Json) -> Any:
        """{chat, by} -> the supergroup."""
        return self._people.upgrade(body["chat"], body["by"]).to_json()

    async def update(self, body: Json) -> Any:
        """The fields of any update -> {update_id}."""
        return {"update_id": self._people.inject(body)}

    async def poison(self, body: Json) -> Any:
        """{} -> {update_id} of an update nobody can parse."""
        del body
        return {"update_id": self._people.poison()}

    async def wait(self, body: Json) -> Any:
        """{chat, contains?, since?: revision, wait?: seconds} -> {message or null, rev}."""
        chat_id = body["chat"]
        found = await self._world.pulse.until(
            lambda: find_message(
                self._world, chat_id, body.get("contains", ""), body.get("since", 0)
            ),
            min(float(body.get("wait", 10)), _MAX_WAIT_S),
        )
        return {"message": found, "rev": self._world.revision}

    async def faults(self, body: Json) -> Any:
        """{method, kind, times?, chat_id?, fraction?, retry_after?, code?, seconds?, commit?}."""
        given = dict(body)
        self._world.faults.add(given.pop("method", "*"), given.pop("kind"), **given)
        return self._world.faults.report()

    async def outage(self, body: Json) -> Any:
        """{seconds}."""
        self._world.faults.outage(float(body["seconds"]))
        return self._world.faults.report()

    async def flood(self, body: Json) -> Any:
        """{enforced?} -> {enforced, violations}."""
        if "enforced" in body:
            self._world.flood.enforced = bool(body["enforced"])
        return {
            "enforced": self._world.flood.enforced,
            "violations": self._world.flood.report(),
        }

    async def reset(self, body: Json) -> Any:
        """{}: everything as on the first day."""
        del body
        self._restart()
        return {"ok": True}

    async def clear_faults(self, request: Request) -> Response:
        """DELETE /sandbox/faults."""
        del request
        self._world.faults.clear()
        return JSONResponse({"ok": True})

    async def calls(self, request: Request) -> Response:
        """GET /sandbox/calls?since=seq&method=: the journal."""
        since = int(request.query_params.get("since", 0))
        method = request.query_params.get("method", "").lower()
        calls = [
            call.to_json()
            for call in self._world.journal.calls
            if call.seq > since and (not method or call.method.lower() == method)
        ]
        return JSONResponse({"calls": calls, "violations": self._world.flood.report()})

    async def messages(self, request: Request) -> Response:
        """GET /sandbox/messages/{chat}: all messages of a chat."""
        chat = self._world.find_chat(request.path_params["chat"])
        if chat is None:
            return JSONResponse({"error": "no such chat"}, status_code=404)
        shown = [self._world.public(message) for message in chat.messages.values()]
        return JSONResponse({"messages": shown})


def find_message(
    world: World,
    chat_id: int | str,
    contains: str,
    since: int,
    where: Callable[[Json], bool] | None = None,
) -> Json | None:
    """Return the first message of the bot that was sent or changed after revision `since`."""
    chat = world.find_chat(chat_id)
    if chat is None:
        return None
    for message_id, message in chat.messages.items():
        text = str(message.get("text") or message.get("caption") or "")
        is_new = chat.revisions[message_id] > since and world.is_by_bot(message)
        if is_new and contains in text and (where is None or where(message)):
            return world.public(message)
    return None
