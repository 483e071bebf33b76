"""What every view is made of: a reader's language and zone, rich sentences, posts as lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.handlers.texts import number, percent, shown, t, template
from bot.models.entities import utf16_len
from bot.models.insight import MoodSplit
from bot.models.messages import Button, RichText
from bot.models.post import Engagement, Post, PostKind
from bot.models.tweets import Profile, Verified
from bot.models.user import Chat
from bot.utils.times import format_date, format_moment, format_time, relative, zone

FSI, PDI = "\u2068", "\u2069"
TITLE_LENGTH = 140
EXCERPT_LENGTH = 180
NAME_LENGTH = 48
PERSON_LENGTH = 32
# A mark that anybody can buy does not look like one that was checked.
MARKS = {
    Verified.NO: "",
    Verified.BLUE: "☑️",
    Verified.PERSON: "✔️",
    Verified.BUSINESS: "✔️",
    Verified.GOVERNMENT: "✔️",
}
NOBODY: Mapping[int, Profile] = {}
_SIZES = (("thousand", 10**3), ("million", 10**6), ("billion", 10**9))
JOINERS = "\u200c\u200d \ufe0f"  # make no sense at an end
MOOD_SQUARES = 8
FEW_POSTS = 8  # below this a mood is a hint, not a finding
_TOKEN = re.compile(r"(\*|\{[a-z_]+\})")
# Direction overrides of a post would turn our own lines round; other controls are noise.
_CONTROLS = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff]")


@dataclass(frozen=True, slots=True)
class Reader:
    """In whose language and zone, and at what moment, a message is written."""

    lang: str
    timezone: str
    now: datetime

    @classmethod
    def of(cls, chat: Chat, now: datetime) -> Reader:
        return cls(chat.lang, chat.timezone, now)

    def t(self, key: str, /, **fields: object) -> str:
        return t(self.lang, key, **fields)

    def rich(self, key: str, /, **fields: object) -> RichText:
        """The sentence under `key` with its *bold* parts; a field may be rich itself."""
        whole = self.text()
        bold: RichText | None = None
        for piece in _TOKEN.split(template(self.lang, key, fields.get("n"))):
            if piece == "*":
                if bold is None:
                    bold = RichText()
                else:
                    whole.bold(bold)
                    bold = None
                continue
            value: object = fields[piece[1:-1]] if _TOKEN.fullmatch(piece) else piece
            (whole if bold is None else bold).add(
                value if isinstance(value, RichText) else shown(self.lang, value)
            )
        return whole

    def text(self) -> RichText:
        """An empty builder that reads in this language's direction."""
        return RichText(rtl=self.lang == "fa")

    def lines(self, *lines: str | RichText | None) -> RichText:
        """Lines under each other; None is left out, "" is an empty line."""
        whole = self.text()
        for index, line in enumerate(line for line in lines if line is not None):
            if index:
                whole.newline()
            whole.add(line)
        return whole

    def n(self, value: float, decimals: int = 0) -> str:
        return number(self.lang, value, decimals)

    def compact(self, n: int) -> str:
        """«۱٫۲ هزار»: a count in three digits or fewer."""
        if n < 1000:
            return self.n(n)
        key, value = next((k, n / size) for k, size in _SIZES if n / size < 999.5 or k == "billion")
        return self.t(f"person.{key}", n=self.n(value, 1 if value < 9.95 else 0))

    def percent(self, share: float) -> str:
        return percent(self.lang, share)

    def count(self, what: str, n: int) -> str:
        """«۱۴۳ نوشته»; `what` is a key under [count]."""
        return self.t(f"count.{what}", n=n)

    def listed(self, items: Iterable[str]) -> str:
        return self.t("time.list_join").join(items)

    def clock(self, moment: datetime) -> str:
        return format_time(moment, self.timezone, self.lang)

    def date(self, moment: datetime) -> str:
        return format_date(moment, self.timezone, self.lang, weekday=True)

    def moment(self, moment: datetime) -> str:
        return format_moment(moment, self.timezone, self.lang)

    def when(self, moment: datetime) -> str:
        """As short as is clear: «امروز ۲۰:۴۷», «فردا ۰۸:۰۰», «۲۹ آبان، ۲۰:۴۷»."""
        place = zone(self.timezone)
        day, today = moment.astimezone(place).date(), self.now.astimezone(place).date()
        near = {0: "today", -1: "yesterday", 1: "tomorrow"}.get((day - today).days)
        if near:
            return self.t(f"time.{near}", time=self.clock(moment))
        far = abs(day - today) > timedelta(days=180)
        date = format_date(moment, self.timezone, self.lang, year=far)
        return self.t("time.date", date=date, time=self.clock(moment))

    def ago(self, moment: datetime) -> str:
        key, n = relative(moment, self.now)
        return self.when(moment) if key == "date" else self.t(f"ago.{key}", n=n)

    def name(self, text: str) -> str:
        """A name from outside inside our line; in Persian one with Latin letters is isolated."""
        tidy = tidied(text)
        return f"{FSI}{tidy}{PDI}" if self.lang == "fa" and _LATIN.search(tidy) else tidy


def tidied(text: str) -> str:
    """Text of others on one line, without characters that could turn or break ours."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def shortened(text: str, length: int) -> str:
    """`text` on one line, at most `length` UTF-16 units, cut between words where possible."""
    tidy = tidied(text)
    if utf16_len(tidy) <= length:
        return tidy
    cut = tidy[: length - 1]
    while utf16_len(cut) > length - 1:
        cut = cut[:-1]
    space = cut.rfind(" ")
    cut = cut[:space] if space > len(cut) // 2 else cut
    return f"{cut.rstrip(JOINERS)}…"


def label(text: str, length: int) -> str:
    """`shortened` for a button, which cannot be without words."""
    return shortened(text, length) or "…"


def post_lines(
    reader: Reader,
    post: Post,
    sources: Mapping[int, str],
    people: Mapping[int, Profile] = NOBODY,
) -> RichText:
    """A post as two lines with its link: what it says; who wrote it, when, what it earned."""
    facts = [_origin(reader, post, sources, people), reader.when(post.created_at)]
    facts += earned(reader, post.engagement)
    if post.kind is PostKind.NEWS:
        title = reader.name(shortened(post.title or post.text, TITLE_LENGTH))
        head = reader.text().plain("▫️ ").link(title, post.url)
        return reader.lines(head, reader.text().plain(" · ".join(facts)))
    said = reader.text().plain("▫️ ").plain(reader.name(shortened(post.text, EXCERPT_LENGTH)))
    who = reader.text().link(facts[0], post.url).plain(" · ").plain(" · ".join(facts[1:]))
    return reader.lines(said, who)


def earned(reader: Reader, engagement: Engagement) -> list[str]:
    """«۱٫۲ هزار پسند», and so on; what is nothing is not said."""
    counts = {
        "likes": engagement.likes,
        "retweets": engagement.retweets,
        "replies": engagement.replies,
        "views": engagement.views,
    }
    return [
        reader.t(f"person.{what}", n=n, count=reader.compact(n)) for what, n in counts.items() if n
    ]


def _origin(
    reader: Reader, post: Post, sources: Mapping[int, str], people: Mapping[int, Profile]
) -> str:
    if post.kind is PostKind.TWEET:
        profile = people.get(post.author_id) if post.author_id else None
        if profile is not None:
            return person_name(reader, profile)
        author = shortened(post.author, NAME_LENGTH).lstrip("@")
        return reader.name(f"@{author}") if author else reader.t("posts.unknown_author")
    outlet = shortened(sources.get(post.source_id) or post.author, NAME_LENGTH)
    return reader.name(outlet) or reader.t("posts.unknown_author")


def person_name(reader: Reader, profile: Profile) -> str:
    """«سارا ✔️ (@sara)»: the name that is shown, the mark beside it, the one that is unique."""
    shown, mark = shortened(profile.name, PERSON_LENGTH), MARKS[profile.verified]
    unique = reader.name(f"@{profile.username}") if profile.username else ""
    if not shown or not unique or shown.lstrip("@").lower() == profile.username.lower():
        whole = unique or reader.name(shown) or reader.t("posts.unknown_author")
        return f"{whole} {mark}" if mark else whole
    return f"{reader.name(shown)} {mark} ({unique})" if mark else f"{reader.name(shown)} ({unique})"


def mood_words(reader: Reader, mood: MoodSplit) -> str:
    """A mood in words: nobody should have to read colours."""
    if not mood.total:
        return reader.t("mood.unknown")
    good, bad = mood.positive / mood.total, mood.negative / mood.total
    if bad >= 0.6:
        key = "very_negative"
    elif good >= 0.6:
        key = "very_positive"
    elif bad - good >= 0.15:
        key = "mostly_negative"
    elif good - bad >= 0.15:
        key = "mostly_positive"
    elif mood.neutral / mood.total >= 0.5:
        key = "calm"
    else:
        key = "mixed"
    return reader.t(f"mood.{key}")


def mood_bar(mood: MoodSplit, squares: int = MOOD_SQUARES) -> str:
    """Shares as coloured squares (largest remainders, so that they always add up)."""
    if not mood.total:
        return ""
    parts = [
        (count * squares / mood.total, mark)
        for count, mark in ((mood.negative, "🟥"), (mood.neutral, "⬜"), (mood.positive, "🟩"))
    ]
    whole = [int(size) for size, _ in parts]
    by_rest = sorted(range(3), key=lambda i: parts[i][0] - whole[i], reverse=True)
    for index in by_rest[: squares - sum(whole)]:
        whole[index] += 1
    return "".join(mark * size for size, (_, mark) in zip(whole, parts, strict=True))


def mood_shares(reader: Reader, mood: MoodSplit) -> str:
    total = mood.total or 1
    return reader.t(
        "mood.shares",
        negative=reader.percent(mood.negative / total),
        neutral=reader.percent(mood.neutral / total),
        positive=reader.percent(mood.positive / total),
    )


def rows_of(buttons: Iterable[Button], width: int) -> tuple[tuple[Button, ...], ...]:
    """Buttons in rows of `width`."""
    flat = tuple(buttons)
    return tuple(flat[start : start + width] for start in range(0, len(flat), width))
