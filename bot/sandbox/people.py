"""What people do in the little Telegram: write, press, block, invite. Each act makes updates."""

from __future__ import annotations

import copy
import secrets
from typing import Any

from bot.sandbox.api_chats import admin_rights, member_json, plain_member
from bot.sandbox.api_media import document, photo_sizes
from bot.sandbox.entities import find_entities, utf16_slice
from bot.sandbox.images import image_type
from bot.sandbox.wire import Json, Upload
from bot.sandbox.world import SUPERGROUP_BASE, Chat, Query, User, World


class SandboxError(Exception):
    """A person was told to do what cannot be done: no such chat, message or button."""


class People:
    """The hands and mouths of everyone but the bot."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._next_user_id = 2001
        self._next_group_id = -4001
        self._next_supergroup = 1001

    def chat(self, chat_id: int | str) -> Chat:
        """Return a chat by id or @username."""
        chat = self._world.find_chat(chat_id)
        if chat is None:
            raise SandboxError(f"no chat {chat_id}")
        return chat

    def user(self, user_id: int) -> User:
        """Return a person by id."""
        if user_id not in self._world.users:
            raise SandboxError(f"no user {user_id}")
        return self._world.users[user_id]

    def new_user(self, first_name: str, language: str = "fa", *, started: bool = False) -> User:
        """Make a person; `started` opens their private chat with the bot without a word."""
        user_id = self._next_user_id
        self._next_user_id += 1
        user = User(user_id, first_name, f"person_{user_id}", language)
        return self._world.add_user(user, started=started)

    def new_group(self, title: str, owner_id: int, *, supergroup: bool = False) -> Chat:
        """Make a group without the bot; its owner is a member."""
        if supergroup:
            chat = Chat(self._supergroup_id(), "supergroup", title)
        else:
            chat = Chat(self._next_group_id, "group", title)
            self._next_group_id -= 1
        chat.members[self.user(owner_id).id] = plain_member("creator")
        return self._world.add_chat(chat)

    def new_channel(self, title: str, username: str, owner_id: int) -> Chat:
        """Make a channel without the bot; `username` "" makes it a private one."""
        chat = Chat(self._supergroup_id(), "channel", title, username.removeprefix("@"))
        chat.members[self.user(owner_id).id] = plain_member("creator")
        return self._world.add_chat(chat)

    def _supergroup_id(self) -> int:
        self._next_supergroup += 1
        return SUPERGROUP_BASE - self._next_supergroup

    def join(self, chat_id: int | str, user_id: int) -> None:
        """Let a person join a group."""
        chat, user = self.chat(chat_id), self.user(user_id)
        chat.members[user.id] = plain_member("member")
        if chat.type != "channel":
            joined = {"new_chat_members": [user.to_json()]}
            message = self._world.new_message(chat, user, joined)
            self._deliver(chat, "message", message)

    def say(
        self,
        user_id: int,
        text: str,
        *,
        chat_id: int | str | None = None,
        reply_to: int | None = None,
        content: Json | None = None,
    ) -> Json:
        """Send a text (or ready `content`) as a person; without a chat: to the bot in private."""
        world = self._world
        user = self.user(user_id)
        if chat_id is None or chat_id == user_id:
            chat = world.private_chat(user_id)
            if chat.status_of(world.bot.id) == "kicked":
                self.unblock(user_id)
        else:
            chat = self.chat(chat_id)
            if chat.status_of(user_id) in {"left", "kicked"}:
                raise SandboxError(f"user {user_id} is not in chat {chat.id}")
        if content is None:
            content = {"text": text}
            if entities := find_entities(text):
                content["entities"] = entities
        if reply_to is not None:
            shown = world.public(self._message(chat, reply_to))
            shown.pop("reply_to_message", None)
            content = {**content, "reply_to_message": shown}
        message = world.new_message(chat, user, content)
        kind = "channel_post" if chat.type == "channel" else "message"
        self._deliver(chat, kind, message)
        return world.public(message)

    def edit(self, user_id: int, message_id: int, text: str, chat_id: int | None = None) -> Json:
        """Change a person's own message."""
        world = self._world
        chat = self.chat(chat_id or user_id)
        message = self._message(chat, message_id)
        message.update(text=text, edit_date=world.now(), entities=find_entities(text))
        world.changed(chat, message)
        kind = "edited_channel_post" if chat.type == "channel" else "edited_message"
        self._deliver(chat, kind, message)
        return world.public(message)

    def send_file(
        self, user_id: int, upload: Upload, *, caption: str = "", chat_id: int | None = None
    ) -> Json:
        """Send a file as a person; a picture goes as a photo."""
        is_photo = bool(image_type(upload.data)) and upload.mime_type.startswith("image/")
        content: Json = (
            {"photo": photo_sizes(self._world, upload)}
            if is_photo
            else {"document": document(self._world, upload)}
        )
        if caption:
            content["caption"] = caption
            if entities := find_entities(caption):
                content["caption_entities"] = entities
        return self.say(user_id, "", chat_id=chat_id, content=content)

    def _message(self, chat: Chat, message_id: int) -> Json:
        if message_id not in chat.messages:
            raise SandboxError(f"no message {message_id} in chat {chat.id}")
        return chat.messages[message_id]

    def _deliver(self, chat: Chat, kind: str, message: Json) -> None:
        """Queue a message for the bot, when the bot is there and may see it."""
        world = self._world
        if chat.status_of(world.bot.id) in {"left", "kicked"}:
            return
        if chat.type in {"group", "supergroup"} and not self._visible(chat, message):
            return
        world.updates.push(kind, world.public(message), world.clock())

    def _visible(self, chat: Chat, message: Json) -> bool:
        """Apply privacy mode: commands, mentions of the bot, replies to it, service messages."""
        world = self._world
        if chat.status_of(world.bot.id) == "administrator":
            return True
        text = message.get("text", message.get("caption"))
        if text is None and "photo" not in message and "document" not in message:
            return True
        if message.get("reply_to_message", {}).get("from", {}).get("id") == world.bot.id:
            return True
        if message.get("via_bot", {}).get("id") == world.bot.id:
            return True
        entities: list[Json] = message.get("entities") or message.get("caption_entities") or []
        for entity in entities:
            marked = utf16_slice(text or "", entity["offset"], entity["length"]).lower()
            name = "@" + world.bot.username.lower()
            if entity["type"] == "mention" and marked == name:
                return True
            if entity["type"] == "bot_command" and ("@" not in marked or marked.endswith(name)):
                return True
        return False

    def find_button(self, message: Json, wanted: str) -> Json:
        """Return the inline button with this callback data or text (in part, if only one fits)."""
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        buttons = [button for row in rows for button in row]
        for name in ("callback_data", "text"):
            for button in buttons:
                if button.get(name) == wanted:
                    return dict(button)
        partly = [button for button in buttons if wanted and wanted in button["text"]]
        if len(partly) == 1:
            return dict(partly[0])
        shown = [button["text"] for button in buttons]
        raise SandboxError(f"no button {wanted!r} among {shown}")

    def press(
        self, user_id: int, message_id: int, button: str, *, chat_id: int | str | None = None
    ) -> Query:
        """Press an inline button by its text or its data; return the query to be answered."""
        world = self._world
        chat = self.chat(chat_id if chat_id is not None else user_id)
        message = self._message(chat, message_id)
        found = self.find_button(message, button)
        if "callback_data" not in found:
            raise SandboxError(f"button {found['text']!r} does not call the bot: {found}")
        body: Json = {
            "id": str(secrets.randbelow(10**18)),
            "from": self.user(user_id).to_json(),
            "chat_instance": str(7_000_000_000_000_000 + abs(chat.id)),
            "data": found["callback_data"],
        }
        if inline_id := message.get("sandbox_inline_id"):
            body["inline_message_id"] = inline_id
        else:
            body["message"] = world.public(message)
        query = Query(body["id"], world.clock(), user_id, body)
        world.callbacks[query.id] = query
        world.updates.push("callback_query", copy.deepcopy(body), world.clock())
        return query

    def ask_inline(self, user_id: int, text: str, offset: str = "") -> Query:
        """Type `@bot text` somewhere; return the query that awaits its results."""
        world = self._world
        body: Json = {
            "id": str(secrets.randbelow(10**18)),
            "from": self.user(user_id).to_json(),
            "query": text,
            "offset": offset,
            "chat_type": "sender",
        }
        query = Query(body["id"], world.clock(), user_id, {**body, "text": text})
        world.inline_queries[query.id] = query
        world.updates.push("inline_query", body, world.clock())
        return query

    def choose(self, query: Query, result_id: str, chat_id: int | None = None) -> Json:
        """Send an inline result into a chat; the bot hears of it (feedback is on)."""
        world = self._world
        results = (query.answer or {}).get("results", [])
        result = next((item for item in results if item["id"] == result_id), None)
        if result is None:
            raise SandboxError(f"no inline result {result_id!r}")
        chat = self.chat(chat_id or query.user_id)
        content: Json = {**copy.deepcopy(result["content"]), "via_bot": world.bot.to_json()}
        if "photo_file_id" in result:
            content["photo"] = photo_sizes(world, world.files[result["photo_file_id"]])
        chosen: Json = {
            "result_id": result_id,
            "from": self.user(query.user_id).to_json(),
            "query": query.body["text"],
        }
        if markup := result.get("reply_markup"):
            inline_id = secrets.token_urlsafe(18)
            content |= {"reply_markup": markup, "sandbox_inline_id": inline_id}
            chosen["inline_message_id"] = inline_id
        message = world.new_message(chat, self.user(query.user_id), content)
        if "inline_message_id" in chosen:
            place = (chat.id, message["message_id"])
            world.inline_messages[chosen["inline_message_id"]] = place
        self._deliver(chat, "message", message)
        world.updates.push("chosen_inline_result", chosen, world.clock())
        return world.public(message)

    def react(self, user_id: int, message_id: int, emoji: str, chat_id: int | None = None) -> None:
        """Put a reaction on a message, or take it away with an empty `emoji`."""
        world = self._world
        chat = self.chat(chat_id or user_id)
        message = self._message(chat, message_id)
        reactions: dict[str, Any] = message.setdefault("sandbox_reactions", {})
        old = reactions.get(str(user_id), [])
        new = [emoji] if emoji else []
        reactions[str(user_id)] = new
        world.emit("reactions", chat.id, message_id=message_id, reactions=reactions)
        body: Json = {
            "chat": chat.to_json(),
            "message_id": message_id,
            "user": self.user(user_id).to_json(),
            "date": world.now(),
            "old_reaction": [{"type": "emoji", "emoji": mark} for mark in old],
            "new_reaction": [{"type": "emoji", "emoji": mark} for mark in new],
        }
        world.updates.push("message_reaction", body, world.clock())

    def set_bot_status(
        self, chat_id: int | str, status: str, by_user_id: int, **rights: bool
    ) -> None:
        """Make the bot `administrator`, `member`, `left` or `kicked`; rights overrule the usual."""
        world = self._world
        chat = self.chat(chat_id)
        old = member_json(chat, world.bot)
        entry = admin_rights(chat.type) if status == "administrator" else plain_member(status)
        chat.members[world.bot.id] = {**entry, **rights}
        world.emit("chat", chat.id)
        body: Json = {
            "chat": chat.to_json(),
            "from": self.user(by_user_id).to_json(),
            "date": world.now(),
            "old_chat_member": old,
            "new_chat_member": member_json(chat, world.bot),
        }
        world.updates.push("my_chat_member", body, world.clock())

    def block(self, user_id: int) -> None:
        """Block the bot in private."""
        self._world.private_chat(user_id)
        self.set_bot_status(user_id, "kicked", user_id)

    def deactivate(self, user_id: int) -> None:
        """Delete a person's account: nothing reaches them any more, and the bot is not told."""
        self._world.deactivated.add(self.user(user_id).id)

    def unblock(self, user_id: int) -> None:
        """Allow the bot again."""
        self.set_bot_status(user_id, "member", user_id)

    def upgrade(self, chat_id: int, by_user_id: int) -> Chat:
        """Turn a group into a supergroup: the old id answers with the new one from now on."""
        world = self._world
        old = self.chat(chat_id)
        if old.type != "group":
            raise SandboxError(f"chat {chat_id} is a {old.type}, not a group")
        new = Chat(self._supergroup_id(), "supergroup", old.title, members=dict(old.members))
        old.migrated_to = new.id
        world.add_chat(new)
        by = self.user(by_user_id)
        gone = world.new_message(old, by, {"migrate_to_chat_id": new.id})
        came = world.new_message(new, by, {"migrate_from_chat_id": old.id})
        self._deliver(old, "message", gone)
        self._deliver(new, "message", came)
        return new

    def inject(self, fields: Json) -> int:
        """Queue any update, exactly as given."""
        return self._world.updates.push_raw(fields, self._world.clock())

    def poison(self) -> int:
        """Queue an update that no client library can parse."""
        return self.inject({"message": {"message_id": "not a number", "chat": "nowhere"}})


def furnish(world: World, people: People, *, linked_channel: bool = True) -> None:
    """Fill a new world: three people, a channel with the bot as administrator, a group."""
    world.add_user(User(1001, "سارا", "sara_sandbox", "fa"))
    world.add_user(User(1002, "Alex", "alex_sandbox", "en"))
    world.add_user(User(1000, "مدیر", "admin_sandbox", "fa"), started=True)
    channel = Chat(SUPERGROUP_BASE - 1, "channel", "کانال هشیار", "hoshyar_sandbox_channel")
    channel.members[1000] = plain_member("creator")
    channel.members[1001] = plain_member("member")
    channel.members[1002] = plain_member("member")
    world.add_chat(channel)
    group = Chat(-4000, "group", "گروه دوستان")
    group.members[1001] = plain_member("creator")
    group.members[1002] = plain_member("member")
    group.members[1000] = plain_member("member")
    world.add_chat(group)
    group.members[world.bot.id] = plain_member("member")
    if linked_channel:
        people.set_bot_status(channel.id, "administrator", 1000)
