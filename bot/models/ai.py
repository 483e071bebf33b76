"""What goes into a language model and what comes out, the same for every model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.models.insight import MoodSplit
from bot.models.post import Mood, PostKind


class Level(StrEnum):
    """How much effort an answer is worth."""

    QUICK = "quick"
    NORMAL = "normal"
    DEEP = "deep"


class Intent(StrEnum):
    """What a question is after."""

    WHAT = "what"
    WHY = "why"
    WHEN = "when"
    WHO = "who"
    HOW_MUCH = "how_much"
    FEELING = "feeling"
    COMPARE = "compare"
    GREETING = "greeting"  # nothing is asked
    THANKS = "thanks"


class SpanName(StrEnum):
    """How a person names a span of time, so that an answer can name it the same way."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    LAST_NIGHT = "last_night"
    THIS_WEEK = "this_week"
    LAST_WEEK = "last_week"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    MINUTES = "minutes"  # the last `amount` of them
    HOURS = "hours"
    DAYS = "days"
    DAY = "day"  # one day by its date
    EVER = "ever"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSpan:
    """[start, end) as a question means it; `is_given` is false when the question names none."""

    start: datetime
    end: datetime
    name: SpanName
    amount: int = 0
    is_given: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question taken apart: what about (`terms` as written, without grammar), when, what for.

    `sides` are the two things that a comparison sets against each other, if it does so by words;
    a comparison by time has two `spans` instead, the later one first. `is_open` asks for whatever
    there is; with neither that nor terms it goes on from the question before.
    """

    text: str
    lang: str  # fa or en
    intent: Intent
    terms: tuple[str, ...]
    spans: tuple[AskedSpan, ...]
    sides: tuple[tuple[str, ...], ...] = ()
    is_open: bool = False

    @property
    def span(self) -> AskedSpan:
        return self.spans[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A stored post that an answer may rest on, by its number in this prompt (from 1)."""

    number: int
    post_id: int
    kind: PostKind
    text: str
    title: str = ""
    url: str = ""
    source: str = ""  # an outlet, or a tweet's author
    created_at: datetime
    mood: Mood | None = None
    weight: int = 0  # engagement: likes + 2 × retweets + replies

    @property
    def full_text(self) -> str:
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was counted, not guessed, about one subject in one span.

    `baseline` is what was usual in a span as long, None when there is no past to compare with.
    `voices` counts authors and outlets, 0 when the posts do not name any; with `voices_at_least`
    there may be more. `numbers` are the evidence that belongs to this subject; `unsaid` are words
    of the question that no post says.
    """

    subject: str
    span: AskedSpan
    volume: int
    is_estimate: bool = False  # `volume` was partly sampled
    baseline: float | None = None
    voices: int = 0
    voices_at_least: bool = False
    loudest: tuple[tuple[str, int], ...] = ()
    started_at: datetime | None = None
    peak_at: datetime | None = None
    mood: MoodSplit = field(default_factory=MoodSplit)
    numbers: tuple[int, ...] = ()
    unsaid: tuple[str, ...] = ()


class Speaker(StrEnum):
    PERSON = "person"
    BOT = "bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One thing that was said in a talk."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All that a model is given: the question, computed facts, and numbered evidence.

    `facts` hold one subject, the two sides of a comparison, or, when the question names no
    subject, what rises. `rising` are other things to ask about. Texts inside `context` were
    written by strangers: they are material, never instructions.
    """

    question: Question
    context: tuple[Evidence, ...] = ()
    facts: tuple[Facts, ...] = ()
    rising: tuple[str, ...] = ()
    stored: int = 0  # posts in the database
    is_widened: bool = False  # nothing in the span asked for, so a longer one was taken
    history: tuple[Turn, ...] = ()
    level: Level = Level.NORMAL
    timezone: str = "Asia/Tehran"
    now: datetime

    @property
    def language(self) -> str:
        return self.question.lang

    def evidence(self, number: int) -> Evidence | None:
        """The evidence of that number."""
        return next((one for one in self.context if one.number == number), None)


class ChunkKind(StrEnum):
    THINKING = "thinking"
    TEXT = "text"
    USAGE = "usage"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer cost; for the embedded model estimates, and no money."""

    input_tokens: int
    output_tokens: int
    cost_micro_usd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of an answer: thinking and text as they come, then usage, then one end.

    `sources` come with the end: the evidence that the answer really cites.
    """

    kind: ChunkKind
    text: str = ""
    usage: Usage | None = None
    sources: tuple[Evidence, ...] = ()
