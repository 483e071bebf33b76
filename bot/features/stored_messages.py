"""Messages as the outbox has them: their files apart, under the hash that the message names."""

from __future__ import annotations

import logging

from bot.models.messages import Attachment, OutMessage
from bot.storage.attachments import MOST_BYTES, AttachmentStore, hash_of

log = logging.getLogger(__name__)


def file_apart(message: OutMessage) -> tuple[OutMessage, bytes]:
    """A message that names its file by hash, and the file to be stored beside it.

    A file that is too large to be stored is left out: the words matter more.
    """
    attachment = message.attachment
    if attachment is None or not attachment.content:
        return message, b""
    if len(attachment.content) > MOST_BYTES:
        log.warning("attachment is too large", extra={"bytes": len(attachment.content)})
        return message.with_attachment(None), b""
    named = Attachment(content_hash=hash_of(attachment.content), name=attachment.name)
    return message.with_attachment(named), attachment.content


def hash_in(payload: str) -> str:
    """The hash of a stored message's file; "" for none, or for what cannot be read."""
    message = _read(payload)
    if isinstance(message, str) or message.attachment is None:
        return ""
    return message.attachment.content_hash


async def read_stored(payload: str, attachments: AttachmentStore) -> OutMessage | str:
    """What a stored message says, with its file; or why it cannot be read."""
    message = _read(payload)
    if isinstance(message, str):
        return message
    stored = message.attachment
    if stored is None or not stored.content_hash:
        return message
    body = await attachments.get(stored.content_hash)
    if body is None:  # the words matter more than the picture
        log.warning("attachment is not there", extra={"hash": stored.content_hash})
        return message.with_attachment(None)
    return message.with_attachment(Attachment(content=body, name=stored.name))


def _read(payload: str) -> OutMessage | str:
    try:
        return OutMessage.from_json(payload)
    except (ValueError, KeyError, TypeError) as error:  # of another version
        return f"payload: {error!r}"
