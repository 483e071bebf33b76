"""Our messages in the library's types."""

from __future__ import annotations

from typing import Any

from telegram import (
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MessageEntity,
    User,
    WebAppInfo,
)

from bot.models.entities import Entity, EntityKind
from bot.models.messages import Button, Keyboard, OutMessage


def telegram_entities(entities: tuple[Entity, ...]) -> list[MessageEntity]:
    return [
        MessageEntity(
            type=entity.kind.value,
            offset=entity.offset,
            length=entity.length,
            url=entity.url or None,
            language=entity.language or None,
            user=_mentioned(entity) if entity.kind is EntityKind.MENTION else None,
            custom_emoji_id=entity.custom_emoji_id or None,
        )
        for entity in entities
    ]


def telegram_keyboard(keyboard: Keyboard) -> InlineKeyboardMarkup | None:
    if not keyboard:
        return None
    return InlineKeyboardMarkup([[_button(button) for button in row] for row in keyboard])


def _mentioned(entity: Entity) -> User:
    return User(id=entity.user_id, first_name="", is_bot=False)


def _button(button: Button) -> InlineKeyboardButton:
    return InlineKeyboardButton(
        button.text,
        callback_data=button.data or None,
        url=button.url or None,
        switch_inline_query=button.switch_inline,
        switch_inline_query_current_chat=button.switch_inline_here,
        copy_text=CopyTextButton(button.copy) if button.copy else None,
        web_app=WebAppInfo(button.web_app) if button.web_app else None,
        style=button.style or None,
    )


def text_fields(message: OutMessage) -> dict[str, Any]:
    """The parameters that carry a text message's words."""
    return {
        "text": message.text,
        "entities": telegram_entities(message.entities) or None,
        "link_preview_options": LinkPreviewOptions(is_disabled=message.disable_preview),
    }


def caption_fields(message: OutMessage) -> dict[str, Any]:
    """The parameters that carry the words under a picture or file."""
    return {
        "caption": message.text or None,
        "caption_entities": telegram_entities(message.entities) or None,
    }
