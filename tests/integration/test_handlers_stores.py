"""What talking rests on: people, chats, watches, refs and awaited answers in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import BadInput
from bot.features.chats import Chats
from bot.models.user import Chat, ChatKind, DigestPlan, User, Watch
from bot.ports import Database
from bot.storage.chats import ChatStore
from bot.storage.digests import DigestStore
from bot.storage.talks import Awaited, RefStore, TalkStore, ref_of
from bot.storage.users import UserStore
from bot.storage.watches import FOREVER, WatchStore

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def a_chat(chat_id: int, **fields: object) -> Chat:
    return Chat(**{"id": chat_id, "kind": ChatKind.GROUP, "title": "گروه", **fields})  # type: ignore[arg-type]


async def test_a_chat_comes_back_as_it_was_saved(db: Database) -> None:
    store = ChatStore(db)
    whole = a_chat(
        -5,
        username="g",
        lang="en",
        timezone="Europe/Berlin",
        is_bot_admin=True,
        owner_id=7,
        quiet_from="23:00",
        quiet_to="07:00",
        created_at=NOW,
    )

    await store.add(whole)
    again = await store.add(a_chat(-5, title="نام دیگر"))

    assert again == whole == await store.get(-5)


async def test_a_move_takes_everything_along_once_and_twins_give_way(db: Database) -> None:
    """The new chat may have been met, and may have a watch of its own, before the move is heard."""
    chats, watches, plans = ChatStore(db), WatchStore(db), DigestStore(db)
    await chats.add(a_chat(-5, lang="en"))
    await chats.add(a_chat(-1005, kind=ChatKind.SUPERGROUP))
    for chat_id, key in ((-5, "نان"), (-5, "پل"), (-1005, "نان")):
        await watches.add(Watch(chat_id=chat_id, term=key, key=key, created_at=NOW))
    await plans.save(DigestPlan(chat_id=-5, at="08:00", next_at=NOW))

    for _ in range(2):
        await chats.move(-5, -1005)

    moved = await chats.get(-1005)
    assert moved is not None
    assert (moved.lang, moved.kind) == ("en", ChatKind.SUPERGROUP)
    assert await chats.get(-5) is None
    assert sorted(w.key for w in await watches.of_chat(-1005)) == ["نان", "پل"]
    assert await watches.of_chat(-5) == []
    assert [plan.at for plan in await plans.of_chat(-1005)] == ["08:00"]


async def test_active_watches_are_not_muted_and_can_be_told(db: Database) -> None:
    chats, watches = ChatStore(db), WatchStore(db)
    await chats.add(a_chat(1))
    await chats.add(a_chat(2, reachable=False))
    for chat_id, key in ((1, "نان"), (1, "پل"), (2, "نان")):
        await watches.add(Watch(chat_id=chat_id, term=key, key=key, created_at=NOW))

    await watches.mute(1, "پل", "پل", NOW + timedelta(hours=1))

    assert [(w.chat_id, w.key) for w in await watches.active(NOW)] == [(1, "نان")]
    assert [w.key for w in await watches.active(NOW + timedelta(hours=1))] == ["نان", "پل"]


async def test_a_mute_ends_by_itself_or_when_told(db: Database) -> None:
    watches = WatchStore(db)
    await watches.mute(1, "نان", "نان", NOW + timedelta(hours=1))
    await watches.mute(1, "پل", "پل", FOREVER)

    later = NOW + timedelta(hours=2)
    assert set(await watches.muted(1, NOW)) == {"نان", "پل"}
    assert await watches.muted(1, later) == {"پل": FOREVER}
    await watches.unmute(1, "پل")
    assert await watches.muted(1, later) == {}


async def test_a_watch_is_stored_once(db: Database) -> None:
    watches = WatchStore(db)
    first, new = await watches.add(Watch(chat_id=1, term="نان", key="نان"))
    again, newer = await watches.add(Watch(chat_id=1, term="نانِ", key="نان"))

    assert (new, newer) == (True, False)
    assert again == first


async def test_refs_survive_a_restart_and_are_forgotten_when_unused(db: Database) -> None:
    (ref,) = await RefStore(db).keep("term", [("سدکرج", "سد کرج")], NOW)

    known = await RefStore(db).get(ref)
    assert known is not None
    assert (known.kind, known.name, known.shown) == ("term", "سدکرج", "سد کرج")
    assert ref == ref_of("term", "سدکرج")
    await RefStore(db).keep("term", [("سدکرج", "#سد_کرج")], NOW + timedelta(days=80))
    assert await RefStore(db).purge(NOW + timedelta(days=79)) == 0
    assert await RefStore(db).purge(NOW + timedelta(days=81)) == 1
    assert await RefStore(db).get(ref) is None


async def test_a_page_of_known_buttons_writes_nothing(db: Database) -> None:
    store = RefStore(db)
    await store.keep("term", [("نان", "نان")], NOW)
    await db.execute("UPDATE refs SET used_ms=5")

    await store.keep("term", [("نان", "نان")], NOW + timedelta(hours=1))

    assert await db.fetch_all("SELECT used_ms FROM refs") == [(5,)]


async def test_an_awaited_answer_is_taken_once(db: Database) -> None:
    talks = TalkStore(db)
    question = Awaited(chat_id=1, user_id=2, what="zone", detail="x")
    await talks.expect(Awaited(chat_id=1, user_id=2, what="watch"), NOW)
    await talks.expect(question, NOW + timedelta(minutes=10))

    assert await talks.take(1, 3, NOW) == (None, False)
    assert await talks.take(1, 2, NOW) == (question, False)
    assert await talks.take(1, 2, NOW) == (None, False)
    await talks.expect(question, NOW)
    assert await talks.take(1, 2, NOW) == (question, True)


def the_feature(db: Database, now: list[datetime]) -> Chats:
    return Chats(
        UserStore(db), ChatStore(db), TalkStore(db), RefStore(db), lambda: now[0],
        default_lang="fa", default_timezone="Asia/Tehran",
    )  # fmt: skip


async def test_a_person_is_noted_once_an_hour_unless_they_change(db: Database) -> None:
    now = [NOW]
    chats = the_feature(db, now)
    await chats.meet(User(id=7, name="سارا"))
    now[0] = NOW + timedelta(minutes=30)
    await chats.meet(User(id=7, name="سارا"))
    half_an_hour = await UserStore(db).get(7)
    await chats.meet(User(id=7, name="سارا نو"))
    renamed = await UserStore(db).get(7)

    assert half_an_hour is not None
    assert half_an_hour.seen_at == NOW
    assert renamed is not None
    assert (renamed.name, renamed.seen_at) == ("سارا نو", now[0])


async def test_a_linked_channel_speaks_as_its_owner_does(db: Database) -> None:
    chats = the_feature(db, [NOW])
    await ChatStore(db).add(Chat(id=7, kind=ChatKind.PRIVATE, lang="en", timezone="Europe/Berlin"))

    linked = await chats.link(
        Chat(id=-9, kind=ChatKind.CHANNEL, title="ch"), is_admin=True, may_post=True, owner_id=7
    )
    lost = await chats.unlink(-9)
    known = await chats.get(-9)

    assert (linked.lang, linked.timezone, linked.owner_id) == ("en", "Europe/Berlin", 7)
    assert lost == linked
    assert known is not None
    assert (known.reachable, known.is_bot_admin, known.lang) == (False, False, "en")


@pytest.mark.parametrize(("start", "end"), [("23:00", "23:00"), ("25:00", "07:00"), ("x", "")])
async def test_quiet_hours_that_make_no_sense_are_refused(
    db: Database, start: str, end: str
) -> None:
    with pytest.raises(BadInput, match="bad_quiet"):
        await the_feature(db, [NOW]).set_quiet(a_chat(1), start, end)
