"""The digest itself: a caption for its chart, the details after it, and the chart's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.handlers.buttons import NEW, Verb, pack
from bot.handlers.views.page import (
    NOBODY,
    Reader,
    mood_bar,
    mood_words,
    post_lines,
    rows_of,
    shortened,
)
from bot.handlers.views.trends import ARROWS, BUTTON_LENGTH, term_shown, times_usual
from bot.models.chart import (
    ChartKind,
    ChartLine,
    ChartSpec,
    LineRole,
    counts,
    mood_lines,
)
from bot.models.entities import CAPTION_LIMIT, TEXT_LIMIT
from bot.models.insight import Digest, Trend, Window
from bot.models.messages import Button, Keyboard, OutMessage, RichText
from bot.models.tweets import Profile
from bot.models.user import Chat, ChatKind
from bot.storage.talks import TERM, ref_of

TOP = 10  # trends in the caption
DETAILED = 10  # trends with their proof: all that a digest has
DRAWN = 4  # trends with a line in the chart
NEWS = 8
MARGIN = 96  # room for the direction marks, one unit a line
CARD_BUTTONS = 4


def digest_messages(
    digest: Digest,
    chat: Chat,
    sources: Mapping[int, str],
    bot_username: str,
    people: Mapping[int, Profile] = NOBODY,
) -> list[OutMessage]:
    """The digest in messages; the first is short enough to be its chart's caption."""
    reader = Reader.of(chat, digest.at)
    blocks = _details(reader, digest, sources, people)
    parts = [_caption(reader, digest)]
    current = reader.text()
    for block in blocks:
        if current and current.length + block.length + 2 > TEXT_LIMIT - MARGIN:
            parts.append(current)
            current = reader.text()
        if current:
            current.newline(2)
        current.add(block)
    if current:
        parts.append(current)
    keyboard = _keyboard(reader, digest, chat, bot_username)
    last = len(parts) - 1
    return [part.message(keyboard=keyboard if i == last else ()) for i, part in enumerate(parts)]


def _caption(reader: Reader, digest: Digest) -> RichText:
    t = reader.t
    past = t(f"window_past.{digest.window}")
    title = (
        reader.rich("digest.title_topic", topic=reader.name(shortened(digest.topic, 60)))
        if digest.topic
        else reader.rich("digest.title")
    )
    body = reader.lines(title, reader.rich("digest.when", date=reader.date(digest.at), window=past))
    if not digest.kept and not digest.trends:
        return body.newline(2).add(reader.rich("digest.nothing", window=past))
    posts = reader.count("posts", digest.kept + digest.dropped)
    body.newline().add(
        reader.rich("digest.counts_dropped", posts=posts, n=digest.dropped)
        if digest.dropped
        else reader.rich("digest.counts", posts=posts)
    )
    if digest.mood.total:
        mood = reader.rich("digest.mood", words=mood_words(reader, digest.mood))
        body.newline().add(mood).plain(f" {mood_bar(digest.mood)}")
    if not digest.trends:
        return body.newline(2).add(reader.rich("digest.empty", window=past))
    body.newline(2).add(reader.rich("digest.top"))
    for rank, trend in enumerate(digest.trends[:TOP], 1):
        line = _top_line(reader, digest, trend, rank)
        if body.length + line.length + 1 > CAPTION_LIMIT - MARGIN:
            break
        body.newline().add(line)
    return body


def _top_line(reader: Reader, digest: Digest, trend: Trend, rank: int) -> RichText:
    line = reader.text().plain(f"{reader.n(rank)}. ").bold(term_shown(reader, trend))
    line.plain(f" {ARROWS[trend.state]} {times_usual(reader, trend)}")
    if trend.key in digest.new_keys:
        line.plain(f" · {reader.t('digest.new')}")
    return line


def _details(
    reader: Reader, digest: Digest, sources: Mapping[int, str], people: Mapping[int, Profile]
) -> list[RichText]:
    blocks = [
        _detail(reader, digest, trend, rank, sources, people)
        for rank, trend in enumerate(digest.trends[:DETAILED], 1)
    ]
    if digest.news:
        lines = [post_lines(reader, post, sources, people) for post in digest.news[:NEWS]]
        blocks.append(reader.lines(reader.rich("digest.news"), lines[0]))
        blocks += lines[1:]
    return blocks


def _detail(
    reader: Reader,
    digest: Digest,
    trend: Trend,
    rank: int,
    sources: Mapping[int, str],
    people: Mapping[int, Profile],
) -> RichText:
    head = reader.text().plain(f"{reader.n(rank)}. ").bold(term_shown(reader, trend))
    facts = reader.rich(
        "digest.detail",
        posts=reader.count("posts", trend.volume),
        voices=reader.count("voices", trend.voices),
        mood=f"{mood_bar(trend.mood)} {mood_words(reader, trend.mood)}".strip(),
    )
    proof = next((digest.posts[i] for i in trend.post_ids if i in digest.posts), None)
    said = None if proof is None else post_lines(reader, proof, sources, people)
    return reader.lines(head, facts, said)


def _keyboard(reader: Reader, digest: Digest, chat: Chat, bot_username: str) -> Keyboard:
    """In a channel buttons are links into a private chat: a press there would edit the post."""
    t = reader.t
    if chat.kind is ChatKind.CHANNEL:
        if not bot_username:
            return ()
        address = f"https://t.me/{bot_username}?start=trends"
        return ((Button(text=t("button.trends_now"), url=address),),)
    cards = [
        Button(
            text=f"{reader.n(rank)} · {shortened(trend.term, BUTTON_LENGTH)}",
            data=pack(Verb.CARD, ref_of(TERM, trend.key), trend.window, 0, NEW),
        )
        for rank, trend in enumerate(digest.trends[:CARD_BUTTONS], 1)
    ]
    last = (
        Button(text=t("button.trends_now"), data=pack(Verb.TRENDS, Window.H24, 0, NEW)),
        Button(text=t("button.digest_settings"), data=pack(Verb.DIGEST, NEW)),
    )
    return (*rows_of(cards, 2), last)


def digest_chart(digest: Digest, chat: Chat) -> ChartSpec:
    """The strongest trends over time above all posts; where none rose, the mood over time."""
    reader = Reader.of(chat, digest.at)
    points = digest.volume
    starts = tuple(point.at for point in points)
    step = starts[1] - starts[0] if len(starts) > 1 else timedelta(hours=1)
    drawn = [trend for trend in digest.trends if digest.series.get(trend.key)][:DRAWN]
    if drawn:
        lines = tuple(_term_line(digest, trend, starts) for trend in drawn)
        lines += (
            ChartLine(
                label=reader.t("chart.total"),
                values=tuple(float(point.posts) for point in points),
                role=LineRole.TOTAL,
            ),
        )
    else:
        lines = mood_lines(
            points, *(reader.t(f"mood.{mood}") for mood in ("positive", "neutral", "negative"))
        )
    past = reader.t(f"window_past.{digest.window}")
    key = "chart.digest" if drawn else "chart.mood"
    return ChartSpec(
        kind=ChartKind.VOLUME if drawn else ChartKind.MOOD,
        title=reader.t(key, window=past),
        subtitle=shortened(digest.topic, 60),
        starts=starts,
        step_s=int(step.total_seconds()),
        lines=lines,
        empty_note=reader.t("chart.empty"),
        footer=reader.t("chart.footer", when=reader.moment(digest.at)),
        lang=reader.lang,
        timezone=reader.timezone,
    )


def _term_line(digest: Digest, trend: Trend, starts: tuple[datetime, ...]) -> ChartLine:
    label = f"#{trend.term.lstrip('#')}" if trend.is_hashtag else trend.term
    return ChartLine(
        label=shortened(label, BUTTON_LENGTH),
        values=counts(digest.series[trend.key], starts),
        role=LineRole.TERM,
    )
