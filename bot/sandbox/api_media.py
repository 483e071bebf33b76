"""Bot API: photos, documents, albums, changing media, and fetching files back."""

from __future__ import annotations

import mimetypes
import secrets
from typing import Any

from bot.sandbox.api_messages import caption_content, replace_media, send
from bot.sandbox.entities import MAX_CAPTION_UNITS, read_formatted, utf16_length
from bot.sandbox.images import image_size, image_type
from bot.sandbox.strictness import (
    MAX_DOWNLOAD_BYTES,
    check_markup,
    check_photo,
    reply_target,
    writable_chat,
)
from bot.sandbox.wire import Json, Params, Upload, bad_request
from bot.sandbox.world import StoredFile, World

_STEPS = (("s", 90), ("m", 320), ("x", 800), ("y", 1280))


def _source(world: World, params: Params, value: Any, what: str) -> Upload | StoredFile:
    """Find what a media parameter means: an upload, attach://name or a known file_id."""
    if isinstance(value, str) and value.startswith("attach://"):
        value = value.removeprefix("attach://")
        if value not in params.uploads:
            raise bad_request(f'can\'t parse {what}: attached file "{value}" not found')
        return params.uploads[value]
    if not isinstance(value, str) or not value:
        raise bad_request(f"there is no {what} in the request")
    if value.startswith(("http://", "https://")):
        # The sandbox never leaves loopback, so it cannot fetch a picture for the bot.
        raise bad_request("failed to get HTTP URL content")
    if value not in world.files:
        raise bad_request(
            "wrong remote file identifier specified: can't unserialize it. Wrong last symbol"
        )
    return world.files[value]


def _direct(world: World, params: Params, name: str) -> Upload | StoredFile:
    if name in params.uploads:
        return params.uploads[name]
    return _source(world, params, params.values.get(name), name)


def photo_sizes(world: World, source: Upload | StoredFile) -> list[Json]:
    """Return the PhotoSize list of a picture: Telegram's steps below its own size, then it.

    Every step serves the original bytes: nobody here is short of bandwidth.
    """
    if isinstance(source, Upload):
        width, height = check_photo(source)
        # Clients upload bytes under any name; a photo is named by what it is.
        kind = image_type(source.data)
        name = f"photo.{kind.partition('/')[2].replace('jpeg', 'jpg')}"
        stored = world.add_file(name, kind, source.data, "photos")
    else:
        stored = source
        size = image_size(stored.data)
        if size is None:
            raise bad_request("can't use file of type Document as Photo")
        width, height = size
    sizes: list[Json] = []
    for _, edge in _STEPS:
        scale = min(1.0, edge / max(width, height))
        sizes.append(
            {
                "file_id": stored.file_id,
                "file_unique_id": f"{stored.unique_id}{len(sizes)}",
                "width": max(1, round(width * scale)),
                "height": max(1, round(height * scale)),
                "file_size": len(stored.data),
            }
        )
        if scale == 1.0:
            break
    return sizes


def document(world: World, source: Upload | StoredFile) -> Json:
    """Return the Document of a file."""
    if isinstance(source, Upload):
        guessed = source.mime_type or mimetypes.guess_type(source.name)[0] or ""
        stored = world.add_file(source.name, guessed, source.data, "documents")
    else:
        stored = source
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_name": stored.name,
        "mime_type": stored.mime_type or "application/octet-stream",
        "file_size": len(stored.data),
    }


def send_photo(world: World, params: Params) -> Json:
    """sendPhoto: an upload or a file_id."""
    chat = writable_chat(world, params)
    caption = caption_content(world, params)
    check_markup(params, chat.type)
    reply_target(chat, params)
    content: Json = {"photo": photo_sizes(world, _direct(world, params, "photo")), **caption}
    if params.flag("has_spoiler"):
        content["has_media_spoiler"] = True
    return send(world, chat, params, content)


def send_document(world: World, params: Params) -> Json:
    """sendDocument: an upload or a file_id."""
    chat = writable_chat(world, params)
    caption = caption_content(world, params)
    check_markup(params, chat.type)
    reply_target(chat, params)
    source = _direct(world, params, "document")
    return send(world, chat, params, {"document": document(world, source), **caption})


def _media_content(world: World, params: Params, item: Any) -> Json:
    if not isinstance(item, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    caption, entities = read_formatted(
        str(item.get("caption") or ""),
        item.get("caption_entities"),
        str(item.get("parse_mode") or ""),
    )
    if utf16_length(caption) > MAX_CAPTION_UNITS:
        raise bad_request("message caption is too long")
    content: Json = {}
    if caption:
        content["caption"] = caption
        if entities:
            content["caption_entities"] = entities
    kind = item.get("type")
    source = _source(world, params, item.get("media"), "media")
    if kind == "photo":
        content["photo"] = photo_sizes(world, source)
    elif kind == "document":
        content["document"] = document(world, source)
    else:
        raise bad_request(f"can't parse InputMedia: the sandbox has no media of type {kind!r}")
    return content


def album_length(params: Params) -> int:
    """Return how many messages a sendMediaGroup call makes, for the flood limits."""
    media = params.items("media")
    return len(media) if media else 1


def send_media_group(world: World, params: Params) -> list[Json]:
    """sendMediaGroup: an album of 2-10, documents and photos not mixed."""
    chat = writable_chat(world, params)
    media = params.items("media") or []
    if not 2 <= len(media) <= 10:
        raise bad_request("there must be 2-10 items in the media group")
    if len({item.get("type") for item in media if isinstance(item, dict)}) > 1:
        raise bad_request("can't mix photos and documents in one album")
    contents = [_media_content(world, params, item) for item in media]
    group_id = str(secrets.randbelow(10**17))
    quiet = Params({k: v for k, v in params.values.items() if k != "reply_markup"})
    return [
        send(world, chat, quiet, {**content, "media_group_id": group_id}) for content in contents
    ]


def edit_message_media(world: World, params: Params) -> Json | bool:
    """editMessageMedia."""
    item = params.record("media")
    if item is None:
        raise bad_request("there is no media in the request")
    return replace_media(world, params, _media_content(world, params, item))


def get_file(world: World, params: Params) -> Json:
    """getFile: the path under which /file/bot<token>/ serves it."""
    stored = world.files.get(params.text("file_id"))
    if stored is None:
        raise bad_request("invalid file_id")
    if len(stored.data) > MAX_DOWNLOAD_BYTES:
        raise bad_request("file is too big")
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.data),
        "file_path": stored.path,
    }


def file_at(world: World, path: str) -> StoredFile | None:
    """Find a stored file by its path."""
    return next((stored for stored in world.files.values() if stored.path == path), None)
