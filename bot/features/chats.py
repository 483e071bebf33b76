"""People and chats: meeting them, their settings, linking channels, and forgetting."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.errors import BadInput, QuotaExceeded
from bot.models.user import Chat, User
from bot.ports import Clock
from bot.storage.chats import ChatStore
from bot.storage.talks import Awaited, Ref, RefStore, TalkStore
from bot.storage.users import UserStore
from bot.utils.times import parse_clock, zone

SEEN_EVERY = timedelta(hours=1)  # how exactly it is known when a person was last here
AWAITED_FOR = timedelta(minutes=10)
FEEDBACK_A_DAY = 5
LONGEST_FEEDBACK = 2000  # characters
REFS_KEPT = timedelta(days=90)


class Chats:
    def __init__(
        self,
        users: UserStore,
        chats: ChatStore,
        talks: TalkStore,
        refs: RefStore,
        clock: Clock,
        *,
        default_lang: str = "fa",
        default_timezone: str = "Asia/Tehran",
    ) -> None:
        self._users = users
        self._chats = chats
        self._talks = talks
        self._refs = refs
        self._clock = clock
        self.default_lang = default_lang
        self.default_timezone = default_timezone

    async def meet(self, person: User) -> User:
        """Note that a person is here; what is known of them otherwise stays."""
        now = self._clock()
        known = await self._users.get(person.id)
        same = known is not None and (known.name, known.username) == (person.name, person.username)
        if known is not None and same and known.seen_at and now - known.seen_at < SEEN_EVERY:
            return known
        seen = replace(person, seen_at=now)
        await self._users.save(seen)
        return seen

    async def enter(self, chat: Chat, lang: str) -> Chat:
        """The chat as it is known, stored at first contact in the language that fits its client."""
        known = await self._chats.get(chat.id)
        if known is None:
            return await self._chats.add(
                replace(
                    chat,
                    lang=lang or self.default_lang,
                    timezone=self.default_timezone,
                    created_at=self._clock(),
                )
            )
        renamed = (known.title, known.username, known.kind) != (
            chat.title,
            chat.username,
            chat.kind,
        )
        if renamed or not known.reachable:
            known = replace(
                known, title=chat.title, username=chat.username, kind=chat.kind, reachable=True
            )
            await self._chats.save(known)
        return known

    async def get(self, chat_id: int) -> Chat | None:
        return await self._chats.get(chat_id)

    async def get_many(self, chat_ids: list[int]) -> dict[int, Chat]:
        return await self._chats.get_many(chat_ids)

    async def linked(self) -> list[Chat]:
        """Groups and channels that know the bot."""
        return await self._chats.linked()

    async def set_lang(self, chat: Chat, lang: str) -> Chat:
        return await self._changed(replace(chat, lang=lang))

    async def set_timezone(self, chat: Chat, name: str) -> Chat:
        """Raises BadInput when there is no such zone."""
        zone(name)
        return await self._changed(replace(chat, timezone=name))

    async def set_quiet(self, chat: Chat, start: str, end: str) -> Chat:
        """Hours without alerts; two empty texts mean none. Raises BadInput for what is no hour."""
        if not start and not end:
            return await self._changed(replace(chat, quiet_from="", quiet_to=""))
        try:
            first, last = f"{parse_clock(start):%H:%M}", f"{parse_clock(end):%H:%M}"
        except BadInput as error:
            raise BadInput("settings.bad_quiet") from error
        if first == last:
            raise BadInput("settings.bad_quiet")
        return await self._changed(replace(chat, quiet_from=first, quiet_to=last))

    async def link(
        self, chat: Chat, *, is_admin: bool, may_post: bool, owner_id: int | None
    ) -> Chat:
        """The bot was added to a group or channel, or its rights there changed."""
        known = await self._chats.get(chat.id)
        if known is None:
            owner = await self._chats.get(owner_id) if owner_id else None
            known = replace(
                chat,
                lang=owner.lang if owner else self.default_lang,
                timezone=owner.timezone if owner else self.default_timezone,
                created_at=self._clock(),
            )
        linked = replace(
            known,
            kind=chat.kind,
            title=chat.title,
            username=chat.username,
            reachable=may_post,
            is_bot_admin=is_admin and may_post,
            owner_id=owner_id if is_admin and owner_id else known.owner_id,
        )
        return await self._changed(linked)

    async def unlink(self, chat_id: int) -> Chat | None:
        """The bot was removed or blocked; returns the chat as it was known."""
        known = await self._chats.get(chat_id)
        if known is not None:
            await self._changed(replace(known, reachable=False, is_bot_admin=False))
        return known

    async def move(self, old_id: int, new_id: int) -> None:
        """A group became a supergroup."""
        await self._chats.move(old_id, new_id)

    async def forget(self, user_id: int) -> None:
        """Delete everything about a person."""
        await self._users.forget(user_id)

    async def expect(self, chat_id: int, user_id: int, what: str, detail: str = "") -> None:
        """The next message of this person in this chat answers a question."""
        awaited = Awaited(chat_id=chat_id, user_id=user_id, what=what, detail=detail)
        await self._talks.expect(awaited, self._clock() + AWAITED_FOR)

    async def take_answer(self, chat_id: int, user_id: int) -> tuple[Awaited | None, bool]:
        """What the message in hand answers, and whether it came too late."""
        return await self._talks.take(chat_id, user_id, self._clock())

    async def add_feedback(self, user_id: int, chat_id: int, text: str) -> str:
        """Store a message to the makers; returns it as stored. Raises QuotaExceeded."""
        now = self._clock()
        recent = await self._talks.feedback_since(user_id, now - timedelta(days=1))
        if recent >= FEEDBACK_A_DAY:
            raise QuotaExceeded("feedback.too_many")
        text = text.strip()[:LONGEST_FEEDBACK]
        await self._talks.add_feedback(user_id, chat_id, text, now)
        return text

    async def refs(self, kind: str, names: list[tuple[str, str]]) -> list[str]:
        """Short names for buttons and links, one for each (name, shown)."""
        return await self._refs.keep(kind, names, self._clock())

    async def ref(self, ref: str) -> Ref | None:
        return await self._refs.get(ref)

    async def purge(self) -> int:
        """Forget short names that no message has shown for long; for the housekeeping job."""
        return await self._refs.purge(self._clock() - REFS_KEPT)

    async def counts(self) -> tuple[int, int]:
        """How many people and chats there are."""
        return await self._users.count(), await self._chats.count()

    async def _changed(self, chat: Chat) -> Chat:
        await self._chats.save(chat)
        return chat
