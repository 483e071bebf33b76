"""Charts: Persian that joins, round local times, and a drawing process that comes and goes."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from matplotlib import image as mpl_image

from bot.errors import ChartFailed
from bot.models.chart import (
    ChartKind,
    ChartLine,
    ChartSpec,
    LineRole,
    bucket_for,
    counts,
    mood_lines,
)
from bot.models.insight import MoodSplit, SeriesPoint
from bot.services.chart_axis import number, time_ticks, value_ticks

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)  # 30 Aban 1405, 12:30 in Tehran


def hours(count: int) -> tuple[datetime, ...]:
    return tuple(NOW - timedelta(hours=count - index) for index in range(count))


def volume(title: str = "داغ‌ترین‌ها", **changes: object) -> ChartSpec:
    spec = ChartSpec(
        kind=ChartKind.VOLUME,
        title=title,
        starts=hours(24),
        step_s=3600,
        lines=(
            ChartLine(label="#برف", values=tuple(float(n % 7) for n in range(24))),
            ChartLine(label="همه", values=tuple(40.0 + n for n in range(24)), role=LineRole.TOTAL),
        ),
    )
    return replace(spec, **changes)


def pixels(png: bytes) -> np.ndarray:
    return mpl_image.imread(io.BytesIO(png), format="png")


def ink_width(png: bytes, top: int, bottom: int) -> int:
    """How many columns of a horizontal band hold ink."""
    band = pixels(png)[top:bottom, :, :3].mean(axis=2)
    return int((band < 0.6).any(axis=0).sum())


def test_matplotlib_brings_its_shaping_engine() -> None:
    """Without libraqm Persian letters would stand apart and backwards: fail here, not in a chat."""
    from matplotlib.ft2font import __libraqm_version__

    assert __libraqm_version__


def test_a_build_that_cannot_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken picture is worse than none."""
    from bot.services import chart_drawing

    monkeypatch.setattr(chart_drawing, "__libraqm_version__", "")

    with pytest.raises(ChartFailed, match="libraqm"):
        chart_drawing.draw(volume())


def test_persian_letters_are_joined() -> None:
    """A joined word is narrower than its letters kept apart by ZWNJ, and a different picture."""
    from bot.services.chart_drawing import draw

    joined = draw(volume("سلام", lines=(), subtitle=""))
    apart = draw(volume("س\u200cل\u200cا\u200cم", lines=(), subtitle=""))

    assert 20 < ink_width(joined, 35, 100) < 0.9 * ink_width(apart, 35, 100)


def test_persian_reads_from_right_to_left() -> None:
    """The first letter of the title stands at the right edge, also after a Latin beginning."""
    from bot.services.chart_drawing import draw

    def columns(title: str) -> np.ndarray:
        band = pixels(draw(volume(title, lines=())))[35:100, :, :3].mean(axis=2)
        return np.flatnonzero((band < 0.6).any(axis=0))

    alone, followed = columns("#AI"), columns("#AI در تهران")

    assert alone.max() == pytest.approx(1042, abs=6)
    # «#AI» keeps its place at the right; what follows it grows to the left.
    assert set(range(int(alone.min()) + 2, int(alone.max()))) & set(followed.tolist())
    assert followed.max() == pytest.approx(alone.max(), abs=2)
    assert followed.min() < alone.min() - 60


@pytest.mark.parametrize(
    "spec",
    [
        volume(),
        volume(lang="en", title="What rose"),
        volume(
            kind=ChartKind.TREND,
            peak_label="اوج: ۶ پست",
            lines=(
                ChartLine(label="برف", values=tuple(float(n) for n in range(24))),
                ChartLine(label="حد معمول", values=(2.0,) * 24, role=LineRole.BASELINE),
            ),
        ),
        volume(
            kind=ChartKind.MOOD,
            lines=mood_lines(
                [
                    SeriesPoint(at=at, posts=9, mood=MoodSplit(positive=2, neutral=3, negative=4))
                    for at in hours(24)
                ],
                "مثبت",
                "خنثی",
                "منفی",
            ),
        ),
        volume(starts=hours(1), lines=(ChartLine(label="یک", values=(3.0,)),)),
        volume(
            starts=tuple(NOW - timedelta(days=90 - n) for n in range(90)),
            step_s=86_400,
            lines=(
                ChartLine(label="", values=tuple(float(n) for n in range(90)), role=LineRole.TOTAL),
            ),
        ),
    ],
    ids=["fa", "en", "trend", "mood", "one point", "ninety days"],
)
def test_every_kind_gives_a_small_full_picture(spec: ChartSpec) -> None:
    """1080 × 675 pixels, something on it, and light enough for a slow line."""
    from bot.services.chart_drawing import draw

    png = draw(spec)

    assert pixels(png).shape[:2] == (675, 1080)
    assert len(png) < 150_000
    assert 0.004 < (pixels(png)[130:, :, :3].min(axis=2) < 0.9).mean() < 0.9


@pytest.mark.parametrize("lines", [(), (ChartLine(label="x", values=(0.0,) * 24),)])
def test_nothing_to_draw_is_said(lines: tuple[ChartLine, ...]) -> None:
    """An empty chart shows the caller's sentence instead of empty axes."""
    from bot.services.chart_drawing import draw

    said = pixels(draw(volume(lines=lines, empty_note="در این بازه پستی نرسیده است")))
    silent = pixels(draw(volume(lines=lines)))

    assert (said[300:450, :, :3].min(axis=2) < 0.8).sum() > 500
    assert (silent[300:450, :, :3].min(axis=2) < 0.8).sum() == 0


def test_emoji_and_unknown_signs_are_left_out() -> None:
    """No empty boxes; letters, ZWNJ, Persian digits and punctuation stay; Latin tags keep '#'."""
    from bot.services.chart_drawing import LRM, RLM, printable

    assert printable("برف ❄️ شدید 🌨️", "fa") == RLM + "برف شدید"
    assert printable("می‌رود؟ ۱۲٬۳۴۵ «نه»", "fa") == RLM + "می‌رود؟ ۱۲٬۳۴۵ «نه»"
    assert printable("#AI_2026 داغ شد", "fa") == RLM + LRM + "#AI_2026 داغ شد"
    assert printable("Привет 😀", "en") == "Привет"
    assert printable("🔥🔥", "fa") == ""


def test_a_spec_survives_its_journey_to_the_worker() -> None:
    """JSON and back gives an equal spec."""
    spec = volume(peak_label="اوج", footer="هُشیار", timezone="Europe/Berlin")

    assert ChartSpec.from_json(spec.to_json()) == spec


def test_ticks_are_local_and_round() -> None:
    """Tehran is 3:30 ahead: midnight there is 20:30 UTC, and says the Jalali day."""
    ticks = time_ticks(NOW - timedelta(hours=24), NOW, "Asia/Tehran", "fa")

    assert [tick.label for tick in ticks] == [
        "۱۵:۰۰", "۱۸:۰۰", "۲۱:۰۰", "۳۰ آبان", "۰۳:۰۰", "۰۶:۰۰", "۰۹:۰۰", "۱۲:۰۰",
    ]  # fmt: skip
    assert [tick.at for tick in ticks if tick.is_day] == [
        datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
    ]


def test_ticks_in_english_are_gregorian() -> None:
    """Seven days: a tick for each local midnight."""
    ticks = time_ticks(NOW - timedelta(days=7), NOW, "Asia/Tehran", "en")

    assert [tick.label for tick in ticks] == [f"{day} Nov" for day in range(15, 22)]


@pytest.mark.parametrize(
    ("start", "labels"),
    [
        # New York puts its clock forward at 02:00 on 8 March 2026 and back at 02:00 on 1 November.
        (datetime(2026, 3, 8, 4, 30, tzinfo=UTC), ["8 Mar", "01:00", "03:00", "04:00"]),
        (datetime(2026, 11, 1, 3, 30, tzinfo=UTC), ["1 Nov", "01:00", "02:00", "03:00"]),
    ],
)
def test_ticks_over_a_clock_change_stay_at_round_hours(start: datetime, labels: list[str]) -> None:
    """The hour that does not exist has no tick; the hour that comes twice has one."""
    ticks = time_ticks(start, start + timedelta(hours=5), "America/New_York", "en", most=5)

    assert [tick.label for tick in ticks][:4] == labels
    assert all(a.at < b.at for a, b in itertools.pairwise(ticks))


@pytest.mark.parametrize("span_h", [1, 2, 6, 24, 48, 24 * 7, 24 * 30, 24 * 365, 24 * 3650])
def test_ticks_never_crowd(span_h: int) -> None:
    """A phone is narrow."""
    ticks = time_ticks(NOW - timedelta(hours=span_h), NOW, "Asia/Tehran", "fa")

    assert 1 <= len(ticks) <= 12


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (0, (0, 1)),
        (0.3, (0, 1)),
        (3, (0, 1, 2, 3)),
        (7, (0, 2, 4, 6, 8)),
        (143, (0, 50, 100, 150)),
        (98_000, (0, 20_000, 40_000, 60_000, 80_000, 100_000)),
    ],
)
def test_value_ticks_are_round_and_whole(top: float, expected: tuple[float, ...]) -> None:
    """Half a post does not exist."""
    assert value_ticks(top) == expected


def test_numbers_are_written_as_people_read_them() -> None:
    """Persian digits and separator for Persian eyes."""
    assert number(12_480, "fa") == "۱۲٬۴۸۰"
    assert number(12_480, "en") == "12,480"


def test_counts_follow_the_given_buckets() -> None:
    """A bucket that a series does not have is empty, not shifted."""
    points = [SeriesPoint(at=NOW, posts=3), SeriesPoint(at=NOW + timedelta(hours=2), posts=5)]
    starts = [NOW + timedelta(hours=n) for n in range(3)]

    assert counts(points, starts) == (3.0, 0.0, 5.0)


def test_buckets_suit_the_window() -> None:
    """Between a dozen and sixty points, whatever the window."""
    for span_h in (1, 6, 24, 168):
        span = timedelta(hours=span_h)
        assert 12 <= span / timedelta(seconds=bucket_for(span)) <= 60
