"""Bot API: answers to pressed buttons and to inline queries."""

from __future__ import annotations

from typing import Any

from bot.sandbox.api_messages import resolve_mentions
from bot.sandbox.entities import MAX_TEXT_UNITS, read_formatted, utf16_length
from bot.sandbox.strictness import check_markup
from bot.sandbox.wire import QUERY_TOO_OLD, Json, Params, bad_request
from bot.sandbox.world import Query, World

MAX_RESULTS = 50


def _waiting(world: World, queries: dict[str, Query], query_id: str) -> Query:
    query = queries.get(query_id)
    too_old = query is None or query.answer is not None
    if query is None or too_old or world.clock() - query.at > world.query_ttl_s:
        raise bad_request(QUERY_TOO_OLD)
    return query


def answer_callback_query(world: World, params: Params) -> bool:
    """answerCallbackQuery: once, and in time."""
    query = _waiting(world, world.callbacks, params.text("callback_query_id"))
    text = params.text("text")
    if utf16_length(text) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    query.answer = {
        "text": text,
        "show_alert": params.flag("show_alert"),
        "url": params.text("url"),
    }
    chat_id = query.body.get("message", {}).get("chat", {}).get("id")
    world.emit("answer", chat_id, query_id=query.id, user_id=query.user_id, **query.answer)
    return True


def _content(world: World, raw: Any) -> Json:
    if not isinstance(raw, dict) or "message_text" not in raw:
        raise bad_request("can't parse inline query result: unsupported input message content")
    text, entities = read_formatted(
        str(raw["message_text"]), raw.get("entities"), str(raw.get("parse_mode") or "")
    )
    if not text:
        raise bad_request("MESSAGE_EMPTY")
    if utf16_length(text) > MAX_TEXT_UNITS:
        raise bad_request("MESSAGE_TOO_LONG")
    content: Json = {"text": text}
    if entities:
        content["entities"] = resolve_mentions(world, entities)
    if options := raw.get("link_preview_options"):
        content["link_preview_options"] = options
    return content


def _result(world: World, raw: Any) -> Json:
    if not isinstance(raw, dict):
        raise bad_request("can't parse inline query result: Object expected")
    result_id = str(raw.get("id") or "")
    if not 1 <= len(result_id.encode()) <= 64:
        raise bad_request("RESULT_ID_INVALID")
    kind = raw.get("type")
    result: Json = {name: raw.get(name) for name in ("type", "title", "description", "url")}
    result["id"] = result_id
    if kind == "article":
        if not str(raw.get("title") or "").strip():
            raise bad_request("can't parse inline query result: Can't find field \"title\"")
        result["content"] = _content(world, raw.get("input_message_content"))
    elif kind == "photo" and raw.get("photo_file_id") in world.files:
        caption, entities = read_formatted(
            str(raw.get("caption") or ""),
            raw.get("caption_entities"),
            str(raw.get("parse_mode") or ""),
        )
        result["photo_file_id"] = raw["photo_file_id"]
        result["content"] = {"caption": caption, "caption_entities": entities}
    else:
        raise bad_request("can't parse inline query result: unsupported type specified")
    markup = check_markup(Params({"reply_markup": raw.get("reply_markup")}), "inline")
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    if markup is not None:
        result["reply_markup"] = markup
    return {name: value for name, value in result.items() if value is not None}


def answer_inline_query(world: World, params: Params) -> bool:
    """answerInlineQuery: at most 50 results with different ids, once, and in time."""
    query = _waiting(world, world.inline_queries, params.text("inline_query_id"))
    raw = params.items("results")
    if raw is None:
        raise bad_request("results is not specified")
    if len(raw) > MAX_RESULTS:
        raise bad_request("RESULTS_TOO_MUCH")
    if len(params.text("next_offset").encode()) > 64:
        raise bad_request("NEXT_OFFSET_INVALID")
    results = [_result(world, item) for item in raw]
    if len({result["id"] for result in results}) < len(results):
        raise bad_request("RESULT_ID_DUPLICATE")
    query.answer = {
        "results": results,
        "next_offset": params.text("next_offset"),
        "button": params.record("button"),
        "cache_time": params.integer("cache_time", 300),
        "is_personal": params.flag("is_personal"),
    }
    world.emit("inline", None, query_id=query.id, user_id=query.user_id, **query.answer)
    return True
