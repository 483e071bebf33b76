"""A chat's settings, the bot's health, and what a person decides about their own data."""

from __future__ import annotations

from datetime import timedelta

from bot.handlers.buttons import Verb, pack
from bot.handlers.texts import LANGS
from bot.handlers.views.page import Reader, rows_of
from bot.handlers.views.places import ZONES, clock_shown, zone_shown
from bot.models.messages import Button, OutMessage
from bot.models.status import Health
from bot.models.user import Chat

QUIET_CHOICES = (("23:00", "07:00"), ("22:00", "08:00"), ("00:00", "08:00"))
LATE_AFTER = timedelta(minutes=30)  # several rounds of the default five minutes were missed


def settings_message(reader: Reader, chat: Chat, *, note: str = "", owner: int = 0) -> OutMessage:
    t = reader.t
    zone_name = zone_shown(reader, chat.timezone)
    quiet = (
        reader.rich(
            "settings.quiet",
            start=clock_shown(reader, chat.quiet_from),
            end=clock_shown(reader, chat.quiet_to),
        )
        if chat.quiet_from
        else reader.rich("settings.quiet_none")
    )
    body = reader.lines(
        note or None,
        "" if note else None,
        reader.rich("settings.title"),
        reader.rich("settings.lang", lang=t(f"lang.{chat.lang}")),
        reader.rich("settings.zone", zone=zone_name, time=reader.clock(reader.now)),
        quiet,
    )
    languages = tuple(
        Button(
            text=f"{'✓ ' if lang == chat.lang else ''}{t(f'lang.{lang}')}",
            data=pack(Verb.SET_LANG, lang, "settings", owner=owner),
        )
        for lang in LANGS
    )
    return body.message(
        keyboard=(
            languages,
            (
                Button(text=t("button.zone"), data=pack(Verb.SET_ZONE, owner=owner)),
                Button(text=t("button.quiet"), data=pack(Verb.SET_QUIET, owner=owner)),
            ),
            (
                Button(text=t("button.digest"), data=pack(Verb.DIGEST, owner=owner)),
                Button(text=t("button.watches"), data=pack(Verb.WATCH_LIST, 0, owner=owner)),
            ),
        )
    )


def choose_zone(reader: Reader, chat: Chat, *, owner: int = 0) -> OutMessage:
    """Ten places; a zone is known to its button by its place in the list."""
    choices = [
        Button(
            text=f"{'✓ ' if name == chat.timezone else ''}{zone_shown(reader, name)}",
            data=pack(Verb.SET_ZONE, index, owner=owner),
        )
        for index, name in enumerate(ZONES)
    ]
    last = (
        Button(text=reader.t("button.other"), data=pack(Verb.SET_ZONE, "other", owner=owner)),
        Button(text=reader.t("button.back"), data=pack(Verb.SETTINGS, owner=owner)),
    )
    return reader.rich("settings.choose_zone").message(keyboard=(*rows_of(choices, 2), last))


def choose_quiet(reader: Reader, *, owner: int = 0) -> OutMessage:
    choices = [
        Button(
            text=f"{clock_shown(reader, start)} – {clock_shown(reader, end)}",
            data=pack(Verb.SET_QUIET, start.replace(":", ""), end.replace(":", ""), owner=owner),
        )
        for start, end in QUIET_CHOICES
    ]
    t = reader.t
    choices += [
        Button(text=t("button.quiet_off"), data=pack(Verb.SET_QUIET, "off", owner=owner)),
        Button(text=t("button.other"), data=pack(Verb.SET_QUIET, "other", owner=owner)),
        Button(text=t("button.back"), data=pack(Verb.SETTINGS, owner=owner)),
    ]
    return reader.lines(
        reader.rich("settings.choose_quiet"), reader.rich("settings.quiet_about")
    ).message(keyboard=rows_of(choices, 2))


def choose_lang(reader: Reader, *, owner: int = 0) -> OutMessage:
    row = tuple(
        Button(text=reader.t(f"lang.{lang}"), data=pack(Verb.SET_LANG, lang, owner=owner))
        for lang in LANGS
    )
    return reader.rich("settings.lang_usage").message(keyboard=(row,))


def status_message(reader: Reader, health: Health) -> OutMessage:
    today = health.tweets_today + health.news_today
    sources = (
        reader.rich("status.sources_sick", n=health.sources, sick=health.sick_sources)
        if health.sick_sources
        else reader.rich("status.sources", n=health.sources)
    )
    body = reader.lines(
        reader.rich("status.title"),
        "",
        reader.rich(
            "status.today",
            posts=reader.count("posts", today),
            tweets=health.tweets_today,
            news=health.news_today,
        )
        if today
        else reader.rich("status.today_none"),
        reader.rich("status.stored", posts=reader.count("posts", health.stored)),
        sources,
        reader.rich("status.last_collect", when=reader.ago(health.collected_at))
        if health.collected_at
        else reader.rich("status.last_collect_never"),
        reader.rich("status.last_trends", when=reader.ago(health.analysed_at))
        if health.analysed_at
        else None,
        "",
    )
    late = health.collected_at and reader.now - health.collected_at > LATE_AFTER
    if health.is_without_room:
        body.add(reader.rich("status.health_no_room"))
    elif not health.stored:
        body.add(reader.rich("status.health_empty"))
    elif late and health.collected_at:
        passed = int((reader.now - health.collected_at).total_seconds() // 60)
        length = (
            reader.count("minutes", passed) if passed < 120 else reader.count("hours", passed // 60)
        )
        body.add(reader.rich("status.health_late", length=length))
    else:
        body.add(reader.rich("status.health_ok"))
    return body.message(
        keyboard=((Button(text=reader.t("button.refresh"), data=pack(Verb.HOME, "status")),),)
    )


def privacy_message(reader: Reader) -> OutMessage:
    return reader.rich("privacy.text").message()


def forget_question(reader: Reader, watches: int, plans: int) -> OutMessage:
    return reader.rich(
        "forget.ask",
        watches=reader.count("watches", watches),
        plans=reader.t("forget.plans", n=plans),
    ).message(
        keyboard=(
            (
                Button(
                    text=reader.t("button.forget_yes"),
                    data=pack(Verb.FORGET, "yes"),
                    style="danger",
                ),
            ),
            (Button(text=reader.t("button.no"), data=pack(Verb.FORGET, "no")),),
        )
    )
