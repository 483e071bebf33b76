"""Digest plans: what is planned, when, where and about what."""

from __future__ import annotations

from collections.abc import Sequence

from bot.handlers.buttons import Verb, pack
from bot.handlers.views.page import Reader, label, rows_of, shortened
from bot.handlers.views.places import (
    PLACE_LENGTH,
    ZONES,
    clock_shown,
    hour_rows,
    place_name,
    zone_shown,
)
from bot.handlers.views.start import Example
from bot.models.messages import Button, Keyboard, OutMessage, RichText
from bot.models.user import Chat, ChatKind, DigestPlan
from bot.utils.times import EVERY_DAY

DAY_CHOICES = {EVERY_DAY: "every_day", "01234": "work_days", "56": "weekend"}


def topic_shown(reader: Reader, plan: DigestPlan) -> str:
    return shortened(plan.topic, PLACE_LENGTH) if plan.topic else reader.t("digest.all_topics")


def days_shown(reader: Reader, days: str) -> str:
    return reader.t(f"digest.{DAY_CHOICES.get(days, 'every_day')}")


def digest_home(
    reader: Reader,
    here: Chat,
    plans: Sequence[tuple[DigestPlan, Chat]],
    *,
    owner: int = 0,
) -> OutMessage:
    """What a digest is, the plans there are, and buttons to make one."""
    t = reader.t
    body = reader.lines(reader.rich("digest.home"), reader.rich("digest.home_about"))
    body.newline(2)
    body.add(reader.rich("digest.home_plans" if plans else "digest.home_none"))
    rows: list[tuple[Button, ...]] = []
    for plan, chat in plans:
        line = _plan_line(reader, plan, chat, here.id)
        body.newline().add(line)
        label = reader.t(
            "digest.plan",
            time=clock_shown(reader, plan.at),
            place=place_name(reader, chat, here.id),
            topic=topic_shown(reader, plan),
        )
        rows.append((Button(text=f"🗞 {label}", data=pack(Verb.PLAN, plan.id, owner=owner)),))
    rows += hour_rows(reader, here.id, owner=owner)
    if here.kind is ChatKind.PRIVATE:
        rows.append(
            (Button(text=t("button.elsewhere"), data=pack(Verb.DIGEST_PLACES, owner=owner)),)
        )
    rows.append((Button(text=t("button.now"), data=pack(Verb.DIGEST_NOW, "", owner=owner)),))
    return body.message(keyboard=tuple(rows))


def _plan_line(reader: Reader, plan: DigestPlan, chat: Chat, here: int) -> RichText:
    line = (
        reader.text()
        .plain("• ")
        .add(
            reader.rich(
                "digest.plan",
                time=clock_shown(reader, plan.at),
                place=place_name(reader, chat, here),
                topic=topic_shown(reader, plan),
            )
        )
    )
    if not plan.active:
        return line.plain(f" — {reader.t('digest.plan_paused')}")
    if plan.next_at:
        line.plain(f" — {reader.t('digest.plan_next', when=reader.when(plan.next_at))}")
    return line


def choose_hour(reader: Reader, chat: Chat, here: int, *, owner: int = 0) -> OutMessage:
    rows = hour_rows(reader, chat.id, owner=owner)
    rows.append((Button(text=reader.t("button.back"), data=pack(Verb.DIGEST, owner=owner)),))
    return reader.rich(
        "digest.choose_time",
        place=place_name(reader, chat, here),
        zone=zone_shown(reader, chat.timezone),
    ).message(keyboard=tuple(rows))


def plan_message(
    reader: Reader,
    plan: DigestPlan,
    chat: Chat,
    here: int,
    *,
    note: str = "",
    owner: int = 0,
) -> OutMessage:
    """One plan, and everything that can be done with it."""
    t = reader.t
    zone_name = zone_shown(reader, chat.timezone)
    time = clock_shown(reader, plan.at)
    line = (
        reader.rich("digest.plan_line", time=time, zone=zone_name)
        if plan.days == EVERY_DAY
        else reader.rich(
            "digest.plan_line_days", days=days_shown(reader, plan.days), time=time, zone=zone_name
        )
    )
    body = reader.lines(
        note or None,
        "" if note else None,
        reader.rich("digest.plan_title", place=place_name(reader, chat, here)),
        line,
        reader.rich("digest.plan_topic", topic=reader.name(topic_shown(reader, plan))),
    )
    if not plan.active:
        body.newline().plain(f"⏸ {t('digest.plan_paused')}")
    elif plan.next_at:
        body.newline().add(reader.rich("digest.plan_next", when=reader.when(plan.next_at)))
    state = Button(
        text=t("button.pause" if plan.active else "button.resume"),
        data=pack(Verb.PLAN_STATE, plan.id, int(not plan.active), owner=owner),
    )
    keyboard: Keyboard = (
        (Button(text=t("button.now"), data=pack(Verb.DIGEST_NOW, plan.id, owner=owner)),),
        (
            Button(
                text=t("button.topic", topic=topic_shown(reader, plan)),
                data=pack(Verb.PLAN_TOPIC, plan.id, owner=owner),
            ),
            Button(
                text=t("button.days", days=days_shown(reader, plan.days)),
                data=pack(Verb.PLAN_DAYS, plan.id, owner=owner),
            ),
        ),
        *(_place_row(reader, plan, chat, owner) if chat.id != here else ()),
        (
            state,
            Button(text=t("button.remove"), data=pack(Verb.PLAN_REMOVE, plan.id, owner=owner)),
        ),
        (Button(text=t("button.back"), data=pack(Verb.DIGEST, owner=owner)),),
    )
    return body.message(keyboard=keyboard)


def _place_row(
    reader: Reader, plan: DigestPlan, chat: Chat, owner: int
) -> tuple[tuple[Button, ...], ...]:
    """The language and zone of a place that has no /settings of its own to press."""
    language = Button(
        text=reader.t("button.place_lang", lang=reader.t(f"lang.{chat.lang}")),
        data=pack(Verb.PLACE_LANG, plan.id, owner=owner),
    )
    place_zone = Button(
        text=reader.t("button.place_zone", zone=zone_shown(reader, chat.timezone)),
        data=pack(Verb.PLACE_ZONE, plan.id, owner=owner),
    )
    return ((language, place_zone),)


def choose_place_zone(
    reader: Reader, plan: DigestPlan, chat: Chat, *, owner: int = 0
) -> OutMessage:
    """Whose time a channel lives by; a zone is known to its button by its place in the list."""
    choices = [
        Button(
            text=f"{'✓ ' if name == chat.timezone else ''}{zone_shown(reader, name)}",
            data=pack(Verb.PLACE_ZONE, plan.id, index, owner=owner),
        )
        for index, name in enumerate(ZONES)
    ]
    back = Button(text=reader.t("button.back"), data=pack(Verb.PLAN, plan.id, owner=owner))
    return reader.rich("settings.choose_zone").message(keyboard=(*rows_of(choices, 2), (back,)))


def choose_topic(
    reader: Reader, plan: DigestPlan, topics: Sequence[Example], *, owner: int = 0
) -> OutMessage:
    choices = [
        Button(
            text=reader.t("digest.all_topics"),
            data=pack(Verb.PLAN_TOPIC, plan.id, "0", owner=owner),
        ),
        *(
            Button(
                text=label(topic.term, PLACE_LENGTH),
                data=pack(Verb.PLAN_TOPIC, plan.id, topic.ref, owner=owner),
            )
            for topic in topics
        ),
    ]
    back = Button(text=reader.t("button.back"), data=pack(Verb.PLAN, plan.id, owner=owner))
    return reader.rich("digest.choose_topic").message(keyboard=(*rows_of(choices, 2), (back,)))


def choose_days(reader: Reader, plan: DigestPlan, *, owner: int = 0) -> OutMessage:
    choices = tuple(
        (
            Button(
                text=reader.t(f"digest.{key}"),
                data=pack(Verb.PLAN_DAYS, plan.id, days, owner=owner),
            ),
        )
        for days, key in DAY_CHOICES.items()
    )
    back = Button(text=reader.t("button.back"), data=pack(Verb.PLAN, plan.id, owner=owner))
    return reader.rich("digest.choose_days").message(keyboard=(*choices, (back,)))


def confirm_plan_removal(
    reader: Reader, plan: DigestPlan, chat: Chat, here: int, *, owner: int = 0
) -> OutMessage:
    return reader.rich(
        "digest.remove_ask",
        time=clock_shown(reader, plan.at),
        place=place_name(reader, chat, here),
    ).message(
        keyboard=(
            (
                Button(
                    text=reader.t("button.yes_remove"),
                    data=pack(Verb.PLAN_REMOVE, plan.id, "yes", owner=owner),
                    style="danger",
                ),
                Button(text=reader.t("button.no"), data=pack(Verb.PLAN, plan.id, owner=owner)),
            ),
        )
    )
