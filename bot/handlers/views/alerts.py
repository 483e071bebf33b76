"""What a chat is told unasked about its watched words, and why it was told."""

from __future__ import annotations

from collections.abc import Mapping

from bot.handlers.buttons import NEW, Verb, pack
from bot.handlers.views.page import NOBODY, Reader, post_lines, shortened
from bot.handlers.views.trends import BUTTON_LENGTH, TERM_LENGTH
from bot.models.alert import Alert, AlertItem
from bot.models.entities import TEXT_LIMIT
from bot.models.insight import Window
from bot.models.messages import Button, OutMessage, RichText
from bot.models.tweets import Profile
from bot.models.user import Chat, ChatKind, Watch

MUTED_HOURS = 6
MARGIN = 96  # room for the direction marks, one unit a line
WITH_BUTTONS = 5  # items of one message that get a row of buttons


def watch_handle(watch_id: int) -> str:
    """How a button names a watch, beside the refs of terms."""
    return f"w{watch_id}"


def alert_messages(
    alert: Alert,
    chat: Chat,
    sources: Mapping[int, str],
    people: Mapping[int, Profile] = NOBODY,
) -> list[OutMessage]:
    """Everything new on a chat's watches, in as few messages as it fits into."""
    reader = Reader.of(chat, alert.at)
    parts: list[tuple[RichText, list[AlertItem]]] = []
    for item in alert.items:
        for block in _blocks(reader, item, sources, people):
            if parts and parts[-1][0].length + block.length + 2 <= TEXT_LIMIT - MARGIN:
                parts[-1][0].newline(2).add(block)
                if item not in parts[-1][1]:
                    parts[-1][1].append(item)
            else:
                parts.append((reader.text().add(block), [item]))
    return [body.message(keyboard=_keyboard(reader, items, chat)) for body, items in parts]


def _blocks(
    reader: Reader, item: AlertItem, sources: Mapping[int, str], people: Mapping[int, Profile]
) -> list[RichText]:
    found = len(item.posts) + item.more
    head = reader.rich(
        "alert.title",
        term=reader.name(_terms(item)),
        posts=reader.count("new_posts", found),
    )
    if item.held:
        head.newline().add(reader.rich("alert.held", when=reader.when(item.since)))
    posts = [post_lines(reader, post, sources, people) for post in item.posts]
    if item.more:
        posts.append(reader.rich("alert.more", n=item.more))
    return [reader.lines(head, *posts[:1]), *posts[1:]]


def _terms(item: AlertItem) -> str:
    """What was found, in every spelling that is watched."""
    return " / ".join(shortened(watch.term, TERM_LENGTH) for watch in (item.watch, *item.also))


def _keyboard(reader: Reader, items: list[AlertItem], chat: Chat) -> tuple[tuple[Button, ...], ...]:
    if chat.kind is ChatKind.CHANNEL:
        return ()
    t = reader.t
    if len(items) == 1:
        handle = watch_handle(items[0].watch.id)
        return (
            (
                Button(text=t("button.card"), data=pack(Verb.CARD, handle, Window.H24, 0, NEW)),
                Button(text=t("button.why_alert"), data=pack(Verb.ALERT_WHY, handle)),
            ),
            (
                Button(text=t("button.mute_6h"), data=pack(Verb.MUTE, handle, MUTED_HOURS)),
                Button(text=t("button.remove"), data=pack(Verb.WATCH_REMOVE, handle)),
            ),
        )
    return tuple(
        (
            Button(
                text=f"📈 {shortened(item.watch.term, BUTTON_LENGTH)}",
                data=pack(Verb.CARD, watch_handle(item.watch.id), Window.H24, 0, NEW),
            ),
            Button(
                text=t("button.mute_6h"),
                data=pack(Verb.MUTE, watch_handle(item.watch.id), MUTED_HOURS),
            ),
        )
        for item in items[:WITH_BUTTONS]
    )


def alert_reason(reader: Reader, watch: Watch) -> str:
    """Why an alert came, short enough for the little window over the chat (200 characters)."""
    when = reader.ago(watch.created_at) if watch.created_at else ""
    return reader.t("alert.why", term=shortened(watch.term, BUTTON_LENGTH), when=when)
