"""What a chart shows, as data: the words come from the caller, the pixels from services.charts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bot.models.insight import SeriesPoint
from bot.models.messages import OutMessage


class ChartKind(StrEnum):
    VOLUME = "volume"  # posts per bucket; with lines: the lines above, all posts in a strip below
    TREND = "trend"  # one term against what was expected of it
    MOOD = "mood"  # posts per bucket, stacked by mood


class LineRole(StrEnum):
    """What a line means, which decides how it is drawn."""

    TOTAL = "total"
    TERM = "term"
    BASELINE = "baseline"
    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """One value for each bucket of the chart."""

    label: str
    values: tuple[float, ...]
    role: LineRole = LineRole.TERM


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSpec:
    """All that is needed to draw a chart; equal specs give equal pictures.

    `starts` are the buckets' beginnings, ascending and aware; each bucket is `step_s` seconds long.
    Labels are shown as given, save for characters that the fonts lack (emoji), which are left out.
    """

    kind: ChartKind
    title: str
    starts: tuple[datetime, ...]
    step_s: int
    lines: tuple[ChartLine, ...]
    subtitle: str = ""
    peak_label: str = ""  # trend: stands at the highest point of the term
    empty_note: str = ""  # shown in the middle when there is nothing to draw
    footer: str = ""
    lang: str = "fa"  # fa: Jalali dates, Persian digits, right to left; else Gregorian
    timezone: str = "Asia/Tehran"

    def to_json(self) -> str:
        data = asdict(self)
        data["starts"] = [int(start.timestamp()) for start in self.starts]
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ChartSpec:
        """The spec that `to_json` wrote."""
        data = json.loads(text)
        data["kind"] = ChartKind(data["kind"])
        data["starts"] = tuple(datetime.fromtimestamp(start, UTC) for start in data["starts"])
        data["lines"] = tuple(
            ChartLine(
                label=line["label"], values=tuple(line["values"]), role=LineRole(line["role"])
            )
            for line in data["lines"]
        )
        return cls(**data)


def counts(points: Sequence[SeriesPoint], starts: Sequence[datetime]) -> tuple[float, ...]:
    """How many posts of `points` fall on each of `starts`; 0 where there is none."""
    by_start = {point.at: float(point.posts) for point in points}
    return tuple(by_start.get(start, 0.0) for start in starts)


def mood_lines(
    points: Sequence[SeriesPoint], positive: str, neutral: str, negative: str
) -> tuple[ChartLine, ...]:
    """The three moods of `points` as lines under the given labels."""
    return (
        ChartLine(
            label=negative,
            values=tuple(float(point.mood.negative) for point in points),
            role=LineRole.NEGATIVE,
        ),
        ChartLine(
            label=neutral,
            values=tuple(float(point.mood.neutral) for point in points),
            role=LineRole.NEUTRAL,
        ),
        ChartLine(
            label=positive,
            values=tuple(float(point.mood.positive) for point in points),
            role=LineRole.POSITIVE,
        ),
    )


def bucket_for(span: timedelta) -> int:
    """Seconds per bucket that give a readable number of points for `span`: about 12 to 60."""
    for limit, step_s in (
        (timedelta(hours=2), 300),
        (timedelta(hours=8), 900),
        (timedelta(hours=48), 3600),
        (timedelta(days=8), 4 * 3600),
    ):
        if span <= limit:
            return step_s
    return 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedDigest:
    """A digest in words: the chart becomes the picture of the first message, its caption."""

    messages: tuple[OutMessage, ...]
    chart: ChartSpec | None = None
