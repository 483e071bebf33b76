"""The state of the little Telegram: people, chats, messages, files, and what changed when."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.faults import Faults
from bot.sandbox.flood import FloodControl
from bot.sandbox.journal import Journal
from bot.sandbox.profile import Profile
from bot.sandbox.pulse import Pulse
from bot.sandbox.updates import UpdateQueue
from bot.sandbox.wire import Json

DEFAULT_TOKEN = "1000000:sandbox-of-hoshyar-no-secret-at-all"  # noqa: S105 - opens nothing real
SUPERGROUP_BASE = -1_001_000_000_000
_EVENTS_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class User:
    """A person, or the bot."""

    id: int
    first_name: str
    username: str = ""
    language_code: str = ""
    is_bot: bool = False

    def to_json(self) -> Json:
        """Return the user as the Bot API shows it."""
        shown: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        if self.username:
            shown["username"] = self.username
        if self.language_code:
            shown["language_code"] = self.language_code
        return shown


@dataclass(slots=True)
class Chat:
    """A chat and all that was said in it.

    `members` maps a user id to a ChatMember without its user. In a private chat the bot's entry
    says whether the person has started (`member`) or blocked (`kicked`) it. `revisions` is the
    number of the event that last touched a message.
    """

    id: int
    type: str
    title: str = ""
    username: str = ""
    first_name: str = ""
    members: dict[int, Json] = field(default_factory=dict)
    messages: dict[int, Json] = field(default_factory=dict)
    revisions: dict[int, int] = field(default_factory=dict)
    drafts: dict[int, Json] = field(default_factory=dict)
    pinned: list[int] = field(default_factory=list)
    migrated_to: int | None = None
    last_message_id: int = 0

    def to_json(self) -> Json:
        """Return the chat as the Bot API shows it inside a message."""
        shown: Json = {"id": self.id, "type": self.type}
        for name in ("title", "username", "first_name"):
            if value := getattr(self, name):
                shown[name] = value
        return shown

    def status_of(self, user_id: int) -> str:
        """Return a member's status; `left` for a stranger."""
        return str(self.members.get(user_id, {}).get("status", "left"))


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file the bot or a person has sent."""

    file_id: str
    unique_id: str
    path: str
    name: str
    mime_type: str
    data: bytes


@dataclass(slots=True)
class Query:
    """A pressed button or an inline query that awaits its answer."""

    id: str
    at: float
    user_id: int
    body: Json
    answer: Json | None = None


class World:
    """Everything that exists, with the one place where each kind of change is made.

    `clock` gives Unix seconds; `query_ttl_s` is how long a pressed button may wait for its answer.
    """

    def __init__(
        self,
        *,
        token: str = DEFAULT_TOKEN,
        clock: Callable[[], float] = time.time,
        flood_limits: bool = True,
        seed: int = 7,
        query_ttl_s: float = 60.0,
    ) -> None:
        self.token = token
        self.clock = clock
        self.query_ttl_s = query_ttl_s
        self.bot = User(int(token.partition(":")[0]), "هُشیار", "hoshyar_bot", "", is_bot=True)
        self.pulse = Pulse()
        self.updates = UpdateQueue(self.pulse)
        self.revision = 0
        self._flood_limits = flood_limits
        self._seed = seed
        self._begin()

    def _begin(self) -> None:
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, StoredFile] = {}
        self.profile = Profile()
        self.journal = Journal()
        self.flood = FloodControl(enforced=self._flood_limits)
        self.faults = Faults(self._seed)
        self.callbacks: dict[str, Query] = {}
        self.inline_queries: dict[str, Query] = {}
        self.inline_messages: dict[str, tuple[int, int]] = {}
        self.deactivated: set[int] = set()
        self.events: list[Json] = []
        self.born = self.clock()

    def reset(self) -> None:
        """Forget everything but the token; update ids and revisions go on, as a bot expects."""
        self.updates.drop()
        self.updates.set_allowed([])
        self.updates.webhook_url = ""
        self._begin()
        self.emit("reset")

    def now(self) -> int:
        """Return the current time in whole Unix seconds."""
        return int(self.clock())

    def emit(self, kind: str, chat_id: int | None = None, **fields: Any) -> int:
        """Record a change for everyone who watches; return its number."""
        self.revision += 1
        event: Json = {"rev": self.revision, "kind": kind, "chat_id": chat_id, **fields}
        self.events.append(event)
        if len(self.events) > _EVENTS_KEPT:
            del self.events[: _EVENTS_KEPT // 5]
        self.pulse.beat()
        return self.revision

    def events_after(self, revision: int) -> list[Json] | None:
        """Return the events after a revision; None when some of them are no longer kept."""
        if revision >= self.revision:
            return []
        if not self.events or self.events[0]["rev"] > revision + 1:
            return None
        return self.events[revision + 1 - self.events[0]["rev"] :]

    def add_user(self, user: User, *, started: bool = False) -> User:
        """Add a person; `started` says whether they have opened a chat with the bot."""
        self.users[user.id] = user
        if started:
            self.private_chat(user.id)
        return user

    def private_chat(self, user_id: int) -> Chat:
        """Return the private chat of a person with the bot, started if it was not."""
        chat = self.chats.get(user_id)
        if chat is None:
            user = self.users[user_id]
            chat = Chat(user_id, "private", username=user.username, first_name=user.first_name)
            chat.members[user_id] = {"status": "member"}
            chat.members[self.bot.id] = {"status": "member"}
            self.chats[user_id] = chat
            self.emit("chat", chat.id)
        return chat

    def add_chat(self, chat: Chat) -> Chat:
        """Add a group or a channel."""
        self.chats[chat.id] = chat
        self.emit("chat", chat.id)
        return chat

    def find_chat(self, name: int | str) -> Chat | None:
        """Find a chat by id or by @username (public groups and channels only)."""
        text = str(name).strip()
        if text.startswith("@"):
            wanted = text[1:].lower()
            for chat in self.chats.values():
                if chat.type != "private" and chat.username.lower() == wanted:
                    return chat
            return None
        try:
            return self.chats.get(int(text))
        except ValueError:
            return None

    def new_message(self, chat: Chat, sender: User | None, content: Json) -> Json:
        """Store a message and tell who watches; a channel speaks in its own name."""
        chat.last_message_id += 1
        message: Json = {"message_id": chat.last_message_id, "date": self.now()}
        if chat.type == "channel":
            message["sender_chat"] = chat.to_json()
        elif sender is not None:
            message["from"] = sender.to_json()
        message["chat"] = chat.to_json()
        message.update(content)
        chat.messages[chat.last_message_id] = message
        by_bot = sender is not None and sender.id == self.bot.id
        if by_bot:
            message["sandbox_by_bot"] = True
            chat.drafts.clear()
        chat.revisions[chat.last_message_id] = self.emit(
            "message", chat.id, message=self.public(message), by_bot=by_bot
        )
        return message

    def changed(self, chat: Chat, message: Json) -> None:
        """Tell who watches that a stored message was edited."""
        chat.revisions[message["message_id"]] = self.emit(
            "edit", chat.id, message=self.public(message)
        )

    def delete_message(self, chat: Chat, message_id: int) -> None:
        """Remove a message for everyone."""
        del chat.messages[message_id]
        chat.revisions.pop(message_id, None)
        self.emit("delete", chat.id, message_id=message_id)

    def add_file(self, name: str, mime_type: str, data: bytes, folder: str) -> StoredFile:
        """Keep a file and give it an id."""
        unique_id = secrets.token_urlsafe(11)
        number = sum(1 for file in self.files.values() if file.path.startswith(folder + "/"))
        suffix = name.rpartition(".")[2] if "." in name else "bin"
        stored = StoredFile(
            f"BAADSandbox{unique_id}{secrets.token_urlsafe(24)}",
            unique_id,
            f"{folder}/file_{number}.{suffix}",
            name,
            mime_type,
            data,
        )
        self.files[stored.file_id] = stored
        return stored

    def is_by_bot(self, message: Json) -> bool:
        """Say whether the bot wrote a message; in a channel nobody else could tell."""
        return bool(message.get("sandbox_by_bot"))

    def public(self, message: Json) -> Json:
        """Return a message as the Bot API shows it, without the sandbox's own marks."""
        return {
            key: copy.deepcopy(value)
            for key, value in message.items()
            if not key.startswith("sandbox_")
        }
