"""The door of the Bot API double: /bot<token>/<method> and /file/bot<token>/<path>.

Each call is read, met by flood limits and ordered trouble, carried out, and written to the
journal, in this order; so a lost answer has happened and a lost request has not.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from bot.sandbox import api_chats, api_media, api_messages, api_profile, api_queries
from bot.sandbox.connections import Connections
from bot.sandbox.faults import Fault, FaultKind
from bot.sandbox.flood import lane_of
from bot.sandbox.journal import Call
from bot.sandbox.strictness import check_upload_size
from bot.sandbox.wire import ApiError, Json, Params, Upload, bad_request, too_many_requests
from bot.sandbox.world import World

Method = Callable[[World, Params], Any]

METHODS: dict[str, Method] = {
    "getMe": api_profile.get_me,
    "logOut": api_profile.farewell,
    "close": api_profile.farewell,
    "setWebhook": api_profile.set_webhook,
    "deleteWebhook": api_profile.delete_webhook,
    "getWebhookInfo": api_profile.get_webhook_info,
    "setMyCommands": api_profile.set_my_commands,
    "getMyCommands": api_profile.get_my_commands,
    "deleteMyCommands": api_profile.delete_my_commands,
    "setMyName": api_profile.set_my_name,
    "getMyName": api_profile.get_my_name,
    "setMyDescription": api_profile.set_my_description,
    "getMyDescription": api_profile.get_my_description,
    "setMyShortDescription": api_profile.set_my_short_description,
    "getMyShortDescription": api_profile.get_my_short_description,
    "setChatMenuButton": api_profile.set_chat_menu_button,
    "getChatMenuButton": api_profile.get_chat_menu_button,
    "sendMessage": api_messages.send_message,
    "sendMessageDraft": api_messages.send_message_draft,
    "sendChatAction": api_messages.send_chat_action,
    "editMessageText": api_messages.edit_message_text,
    "editMessageCaption": api_messages.edit_message_caption,
    "editMessageReplyMarkup": api_messages.edit_message_reply_markup,
    "deleteMessage": api_messages.delete_message,
    "deleteMessages": api_messages.delete_messages,
    "forwardMessage": api_messages.forward_message,
    "copyMessage": api_messages.copy_message,
    "pinChatMessage": api_messages.pin_chat_message,
    "unpinChatMessage": api_messages.unpin_chat_message,
    "unpinAllChatMessages": api_messages.unpin_all_chat_messages,
    "setMessageReaction": api_messages.set_message_reaction,
    "sendPhoto": api_media.send_photo,
    "sendDocument": api_media.send_document,
    "sendMediaGroup": api_media.send_media_group,
    "editMessageMedia": api_media.edit_message_media,
    "getFile": api_media.get_file,
    "answerCallbackQuery": api_queries.answer_callback_query,
    "answerInlineQuery": api_queries.answer_inline_query,
    "getChat": api_chats.get_chat,
    "getChatMember": api_chats.get_chat_member,
    "getChatAdministrators": api_chats.get_chat_administrators,
    "getChatMemberCount": api_chats.get_chat_member_count,
    "leaveChat": api_chats.leave_chat,
}
_BY_LOWER = {name.lower(): (name, method) for name, method in METHODS.items()}
_MAX_POLL_S = 50
_BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>\r\n"


async def read_params(request: Request) -> Params:
    """Gather parameters from the query string and from a JSON, form or multipart body."""
    values: Json = dict(request.query_params)
    uploads: dict[str, Upload] = {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await request.body()
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            raise bad_request("can't parse request JSON object") from None
        if not isinstance(given, dict):
            raise bad_request("can't parse request JSON object: Object expected")
        values.update({name: value for name, value in given.items() if value is not None})
    elif kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        async with request.form(max_part_size=8 * 1024 * 1024) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    data = await value.read()
                    uploads[name] = Upload(value.filename or name, data, value.content_type or "")
                else:
                    values[name] = value
    return Params(values, uploads)


def _decoded(values: Mapping[str, Any]) -> Json:
    """Return parameters for the journal, with JSON texts of forms decoded."""
    shown: Json = {}
    for name, value in values.items():
        shown[name] = value
        if isinstance(value, str) and value[:1] in {"{", "["} and name != "text":
            try:
                shown[name] = json.loads(value)
            except ValueError:
                continue
    return shown


def _chat_id(world: World, params: Params) -> int | None:
    raw = params.values.get("chat_id")
    if raw is None:
        return None
    chat = world.find_chat(raw)
    if chat is not None:
        return chat.id
    try:
        return int(raw)
    except (TypeError, ValueError):
        return None


async def _get_updates(world: World, params: Params) -> list[Json]:
    world.updates.set_allowed(params.items("allowed_updates"))
    return await world.updates.poll(
        offset=params.integer("offset", 0) or 0,
        limit=params.integer("limit", 100) or 100,
        timeout_s=min(max(params.integer("timeout", 0) or 0, 0), _MAX_POLL_S),
        now=world.clock(),
    )


def _check_flood(world: World, name: str, params: Params, chat_id: int | None) -> None:
    if chat_id is None or lane_of(name) is None:
        return
    count = api_media.album_length(params) if name == "sendMediaGroup" else 1
    wait_s = world.flood.check(name, chat_id, count, time.monotonic(), world.clock())
    if wait_s:
        raise too_many_requests(wait_s)


async def _carry_out(
    world: World, name: str, method: Method | None, params: Params, call: Call
) -> Response:
    """Run the method and write its outcome into the journal's record."""
    try:
        check_upload_size(params.uploads)
        _check_flood(world, name, params, call.chat_id)
        result = await _get_updates(world, params) if method is None else method(world, params)
    except ApiError as refusal:
        call.error_code, call.description = refusal.code, refusal.description
        return JSONResponse(refusal.body(), status_code=refusal.code)
    call.result, call.committed = result, True
    return JSONResponse({"ok": True, "result": result})


def _refuse(fault: Fault, call: Call) -> Response:
    """Answer for a fault that is an answer: 429 or 5xx."""
    if fault.kind is FaultKind.FLOOD:
        refusal = too_many_requests(fault.retry_after)
    else:
        refusal = ApiError(fault.code, "Internal Server Error")
    call.error_code, call.description = refusal.code, refusal.description
    if fault.kind is FaultKind.SERVER_ERROR and fault.code != 500:
        # The front servers of Telegram answer with a page, not with JSON.
        return PlainTextResponse(_BAD_GATEWAY, status_code=fault.code, media_type="text/html")
    return JSONResponse(refusal.body(), status_code=refusal.code)


class BotApi:
    """The ASGI endpoint of every method."""

    def __init__(self, world: World, connections: Connections) -> None:
        self._world = world
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or do what an ordered fault says."""
        request = Request(scope, receive, send)
        world = self._world
        token, wanted = request.path_params["token"], request.path_params["method"]
        if token != world.token:
            await self._plain(ApiError(401, "Unauthorized"), scope, receive, send)
            return
        name, method = _BY_LOWER.get(wanted.lower(), ("", None))
        if wanted.lower() == "getupdates":
            name = "getUpdates"
        if not name:
            await self._plain(ApiError(404, "Not Found"), scope, receive, send)
            return
        try:
            params = await read_params(request)
        except ApiError as refusal:
            await self._plain(refusal, scope, receive, send)
            return
        sizes = {field: len(upload.data) for field, upload in params.uploads.items()}
        call = world.journal.begin(world.clock(), name, _decoded(params.values), sizes)
        call.chat_id = _chat_id(world, params)
        began = time.perf_counter()
        fault = world.faults.strike(name, call.chat_id)
        try:
            response = await self._answer(fault, name, method, params, call)
        finally:
            call.ms = (time.perf_counter() - began) * 1000
            world.journal.end(call)
            if name != "getUpdates":
                world.emit("call", call.chat_id, seq=call.seq, method=name)
        if response is None:
            await self._connections.cut(scope, receive)
        else:
            await response(scope, receive, send)

    async def _answer(
        self, fault: Fault | None, name: str, method: Method | None, params: Params, call: Call
    ) -> Response | None:
        """Return the response, or None when the connection is to be cut."""
        world = self._world
        if fault is None:
            return await _carry_out(world, name, method, params, call)
        call.fault = str(fault.kind)
        if fault.kind in {FaultKind.LOST_REQUEST, FaultKind.OUTAGE}:
            return None
        if fault.kind is FaultKind.FLOOD:
            if call.chat_id is not None:
                world.flood.hold(call.chat_id, time.monotonic(), fault.retry_after)
            return _refuse(fault, call)
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
            return await _carry_out(world, name, method, params, call)
        if fault.kind is FaultKind.SERVER_ERROR:
            if fault.commit:
                await _carry_out(world, name, method, params, call)
            return _refuse(fault, call)
        response = await _carry_out(world, name, method, params, call)
        if fault.kind is FaultKind.GARBLED:
            return Response(response.body[: len(response.body) // 2], media_type="application/json")
        if fault.kind is FaultKind.HANG:
            await world.pulse.until(lambda: None, fault.seconds)
        return None

    async def _plain(self, refusal: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse(refusal.body(), status_code=refusal.code)(scope, receive, send)


def serve_file(world: World, request: Request) -> Response:
    """Serve /file/bot<token>/<path>."""
    if request.path_params["token"] != world.token:
        return JSONResponse(ApiError(401, "Unauthorized").body(), status_code=401)
    stored = api_media.file_at(world, request.path_params["path"])
    if stored is None:
        return JSONResponse(ApiError(404, "Not Found").body(), status_code=404)
    return Response(stored.data, media_type=stored.mime_type or "application/octet-stream")
