"""Draws a ChartSpec with matplotlib; runs in the chart worker's process only.

matplotlib ≥ 3.11 shapes Persian itself (bundled libraqm: joining, ZWNJ, bidi), so text is passed as
written; the older reshape-and-reverse preparation would now break it. A paragraph's direction is
that of its first strong character, hence the RLM before Persian-side text that begins otherwise.
"""

from __future__ import annotations

import functools
import io
import re
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib import font_manager, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font, __libraqm_version__
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from bot.errors import ChartFailed
from bot.models.chart import ChartKind, ChartLine, ChartSpec, LineRole
from bot.services.chart_axis import bucket_middles, number, time_ticks, value_ticks

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text

WIDTH_PX, HEIGHT_PX, DPI = 1080, 675, 100
FONTS = Path(__file__).parent / "fonts"
FAMILY = ["Vazirmatn", "DejaVu Sans"]  # the second comes with matplotlib: Greek, Cyrillic, signs
RLM, LRM, ZWNJ = "\u200f", "\u200e", "\u200c"
_ALWAYS_KEPT = {RLM, LRM, ZWNJ, " "}
_LATIN_TAG = re.compile(r"[#@$](?=[A-Za-z])")

BACKGROUND = "#FFFFFF"
INK, SOFT_INK, FAINT_INK = "#17212B", "#5B6773", "#8A95A1"
GRID = "#E8ECF0"
TOTAL_FILL = "#C9D6E6"
# Distinct also to colour-blind eyes and in grey: ordered by lightness as well as hue.
TERM_COLOURS = ("#2A5BD7", "#E4572E", "#12946F", "#9B4DCA", "#D99A00")
ROLE_COLOURS = {
    LineRole.TOTAL: TOTAL_FILL,
    LineRole.BASELINE: "#8A95A1",
    LineRole.POSITIVE: "#2BA084",
    LineRole.NEUTRAL: "#CCD5DE",
    LineRole.NEGATIVE: "#E0604C",
}
# A chart is seen at about a third of its size on a phone: 26 px here are 9 there.
TITLE_PT, SUBTITLE_PT, LABEL_PT, TICK_PT = 25, 17.5, 17, 16


def draw(spec: ChartSpec) -> bytes:
    """The chart as PNG.

    Raises ChartFailed when the text engine of this matplotlib cannot join Persian letters.
    """
    if not __libraqm_version__:
        raise ChartFailed(
            "this matplotlib cannot shape Persian text (no libraqm); 3.11 or newer can"
        )
    _load_fonts()
    with rc_context({"font.family": FAMILY, "axes.unicode_minus": False}):
        figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI, facecolor=BACKGROUND)
        FigureCanvasAgg(figure)  # makes itself the figure's canvas: no window, no pyplot
        _Page(figure, spec).draw()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", pil_kwargs={"compress_level": 9})
    return buffer.getvalue()


def _load_fonts() -> None:
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for name in ("Vazirmatn-Regular.ttf", "Vazirmatn-Bold.ttf"):
        path = str(FONTS / name)
        if path not in known:
            font_manager.fontManager.addfont(path)


def printable(text: str, lang: str) -> str:
    """`text` without emoji and what the fonts cannot draw, and with its direction made sure of."""
    kept = " ".join("".join(filter(_is_drawn, text)).split())
    if lang != "fa" or not kept:
        return kept
    # Without the LRM the sign of a Latin hashtag would jump to its other end.
    return RLM + _LATIN_TAG.sub(LRM + r"\g<0>", kept)


def _is_drawn(char: str) -> bool:
    own, fallback = _glyphs()
    if char in _ALWAYS_KEPT or ord(char) in own:
        return True
    is_symbol = unicodedata.category(char) in {"So", "Sk"} or "\ufe00" <= char <= "\ufe0f"
    return ord(char) in fallback and not is_symbol


@functools.cache
def _glyphs() -> tuple[frozenset[int], frozenset[int]]:
    """Characters that Vazirmatn has, and those that the font behind it has."""
    paths = (str(FONTS / "Vazirmatn-Regular.ttf"), font_manager.findfont("DejaVu Sans"))
    own, fallback = (frozenset(FT2Font(path).get_charmap()) for path in paths)
    return own, fallback


class _Page:
    """One picture: heading, panels, legend and axes, placed for the reading direction."""

    def __init__(self, figure: Figure, spec: ChartSpec) -> None:
        self._figure = figure
        self._spec = spec
        self._is_rtl = spec.lang == "fa"
        self._edge = 0.965 if self._is_rtl else 0.035
        self._align = "right" if self._is_rtl else "left"
        self._x = [_days(at) for at in bucket_middles(spec.starts, spec.step_s)]
        self._bar = spec.step_s / 86_400
        self._by_role: dict[LineRole, list[ChartLine]] = {}
        for line in spec.lines:
            self._by_role.setdefault(line.role, []).append(line)

    def draw(self) -> None:
        self._heading()
        if not self._x or not any(any(line.values) for line in self._spec.lines):
            self._empty()
            return
        if self._spec.kind is ChartKind.MOOD:
            self._moods()
        elif self._spec.kind is ChartKind.TREND:
            self._trend()
        else:
            self._volume()

    # --- what every chart has

    def _words(self, x: float, y: float, text: str, size: float, colour: str, bold: bool) -> None:
        words = printable(text, self._spec.lang)
        if not words:
            return
        shown = self._figure.text(
            x,
            y,
            words,
            fontsize=size,
            color=colour,
            ha=self._align,
            va="center",
            fontweight="bold" if bold else "normal",
        )
        self._fit(shown, WIDTH_PX * 0.93)

    def _fit(self, text: Text, width_px: float) -> None:
        """Make a text smaller, then shorter, until it fits."""

        def width() -> float:
            return float(text.get_window_extent(self._figure.canvas.get_renderer()).width)  # type: ignore[attr-defined] # FigureCanvasAgg has it

        size = float(text.get_fontsize())
        smallest = size * 0.72
        while width() > width_px and size > smallest:
            size -= 1
            text.set_fontsize(size)
        words = text.get_text().split(" ")
        while width() > width_px and len(words) > 1:
            words.pop()
            text.set_text(" ".join(words) + "…")

    def _heading(self) -> None:
        title_at = 0.935 if self._spec.subtitle else 0.9
        self._words(self._edge, title_at, self._spec.title, TITLE_PT, INK, bold=True)
        self._words(self._edge, 0.865, self._spec.subtitle, SUBTITLE_PT, SOFT_INK, bold=False)
        if self._spec.footer:
            self._figure.text(
                1 - self._edge,
                0.022,
                printable(self._spec.footer, self._spec.lang),
                fontsize=13,
                color=FAINT_INK,
                va="center",
                ha="left" if self._is_rtl else "right",
            )

    def _empty(self) -> None:
        self._figure.text(
            0.5,
            0.45,
            printable(self._spec.empty_note, self._spec.lang),
            fontsize=22,
            color=FAINT_INK,
            ha="center",
            va="center",
        )

    def _panel(self, bottom: float, top: float) -> Axes:
        left, right = (0.035, 0.885) if self._is_rtl else (0.115, 0.965)
        axes = self._figure.add_axes((left, bottom, right - left, top - bottom))
        axes.set_facecolor(BACKGROUND)
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color("#C3CBD3")
        axes.tick_params(length=0, labelsize=TICK_PT, labelcolor=SOFT_INK, pad=8)
        if self._is_rtl:
            axes.yaxis.tick_right()
        axes.grid(axis="y", color=GRID, linewidth=1.4)
        axes.set_axisbelow(True)
        axes.set_xlim(self._x[0] - self._bar / 2, self._x[-1] + self._bar / 2)
        return axes

    def _time_axis(self, axes: Axes) -> None:
        spec = self._spec
        start, end = spec.starts[0], _end(spec)
        ticks = time_ticks(start, end, spec.timezone, spec.lang)
        axes.set_xticks([_days(tick.at) for tick in ticks], [tick.label for tick in ticks])
        for tick, label in zip(ticks, axes.get_xticklabels(), strict=True):
            share = (tick.at - start) / (end - start)
            if tick.is_day:
                label.set_fontweight("bold")
                label.set_color(INK)
            # A label centred on the very edge would leave the picture.
            if share < 0.04:
                label.set_horizontalalignment("left")
            elif share > 0.97:
                label.set_horizontalalignment("right")

    def _day_lines(self, axes: Axes) -> None:
        """Where a local day begins, when the days are few."""
        spec = self._spec
        ticks = time_ticks(spec.starts[0], _end(spec), spec.timezone, spec.lang)
        days = [tick for tick in ticks if tick.is_day]
        for tick in days if len(days) < 3 else ():
            axes.axvline(_days(tick.at), color="#D3DAE1", linewidth=1.4, zorder=0)

    def _value_axis(self, axes: Axes, top: float, most: int = 5) -> None:
        ticks = value_ticks(top, most)
        axes.set_ylim(0, max(ticks[-1], top * 1.04))
        axes.set_yticks(ticks, [number(tick, self._spec.lang) for tick in ticks])
        # Vazirmatn's digits hang a little below the middle of the line's height.
        lift = ScaledTranslation(0, 3 / 72, self._figure.dpi_scale_trans)
        for label in axes.get_yticklabels():
            label.set_transform(label.get_transform() + lift)

    def _legend(self, handles: list[Artist], labels: list[str]) -> None:
        shown = [
            (handle, printable(label, self._spec.lang))
            for handle, label in zip(handles, labels, strict=True)
        ]
        if self._is_rtl:
            shown.reverse()  # one row, read from the right
        legend = self._figure.legend(
            [handle for handle, _ in shown],
            [label for _, label in shown],
            loc="center right" if self._is_rtl else "center left",
            bbox_to_anchor=(self._edge + (0.012 if self._is_rtl else -0.012), 0.79),
            ncols=len(shown),
            frameon=False,
            fontsize=LABEL_PT,
            labelcolor=INK,
            markerfirst=not self._is_rtl,
            handlelength=1.35,
            handletextpad=0.5,
            columnspacing=1.5,
        )
        renderer = self._figure.canvas.get_renderer()  # type: ignore[attr-defined] # FigureCanvasAgg has it
        size = LABEL_PT
        while legend.get_window_extent(renderer).width > WIDTH_PX * 0.95 and size > 11:
            size -= 1
            for text in legend.get_texts():
                text.set_fontsize(size)

    # --- the kinds

    def _volume(self) -> None:
        totals = self._by_role.get(LineRole.TOTAL, [])
        terms = self._by_role.get(LineRole.TERM, [])
        if not terms:
            axes = self._panel(0.125, 0.8)
            self._bars(axes, totals[0], TERM_COLOURS[0])
            self._value_axis(axes, max(totals[0].values))
            self._time_axis(axes)
            return
        split = 0.335 if totals else 0.125
        axes = self._panel(split, 0.735)
        handles: list[Artist] = []
        for line, colour in zip(terms, TERM_COLOURS, strict=False):
            handles.append(self._line(axes, line, colour))
        self._value_axis(axes, max(max(line.values) for line in terms))
        self._day_lines(axes)
        self._legend(handles, [line.label for line in terms[: len(TERM_COLOURS)]])
        if not totals:
            self._time_axis(axes)
            return
        axes.set_xticks([])
        strip = self._panel(0.105, 0.235)
        self._bars(strip, totals[0], TOTAL_FILL)
        self._value_axis(strip, max(totals[0].values), most=1)
        self._time_axis(strip)
        self._words(self._edge, 0.285, totals[0].label, TICK_PT, SOFT_INK, bold=False)

    def _trend(self) -> None:
        axes = self._panel(0.125, 0.735)
        handles: list[Artist] = []
        labels: list[str] = []
        term = self._by_role[LineRole.TERM][0]
        colour = TERM_COLOURS[0]
        axes.fill_between(self._x, term.values, color=colour, alpha=0.13, linewidth=0)
        handles.append(self._line(axes, term, colour))
        labels.append(term.label)
        for baseline in self._by_role.get(LineRole.BASELINE, [])[:1]:
            grey = ROLE_COLOURS[LineRole.BASELINE]
            (drawn,) = axes.plot(
                self._x, baseline.values, color=grey, linewidth=2.6, linestyle=(0, (2.6, 1.6))
            )
            handles.append(drawn)
            labels.append(baseline.label)
        top = max(max(line.values) for line in self._spec.lines)
        self._value_axis(axes, top * 1.16)
        self._day_lines(axes)
        self._time_axis(axes)
        self._legend(handles, labels)
        self._peak(axes, term, colour)

    def _moods(self) -> None:
        axes = self._panel(0.125, 0.735)
        floor = [0.0] * len(self._x)
        handles: list[Artist] = []
        labels: list[str] = []
        for role in (LineRole.NEGATIVE, LineRole.NEUTRAL, LineRole.POSITIVE):
            for line in self._by_role.get(role, [])[:1]:
                axes.bar(
                    self._x,
                    line.values,
                    width=self._bar * 0.82,
                    bottom=floor,
                    color=ROLE_COLOURS[role],
                    linewidth=0,
                )
                floor = [low + value for low, value in zip(floor, line.values, strict=True)]
                handles.append(Patch(color=ROLE_COLOURS[role]))
                labels.append(line.label)
        self._value_axis(axes, max(floor))
        self._time_axis(axes)
        self._legend(handles, labels)

    # --- marks

    def _bars(self, axes: Axes, line: ChartLine, colour: str) -> None:
        axes.bar(self._x, line.values, width=self._bar * 0.82, color=colour, linewidth=0)

    def _line(self, axes: Axes, line: ChartLine, colour: str) -> Line2D:
        few = len(self._x) <= 14
        (drawn,) = axes.plot(
            self._x,
            line.values,
            color=colour,
            linewidth=3.4,
            solid_capstyle="round",
            solid_joinstyle="round",
            marker="o" if few else "",
            markersize=7,
            clip_on=False,
        )
        return drawn

    def _peak(self, axes: Axes, term: ChartLine, colour: str) -> None:
        high = max(term.values)
        at = term.values.index(high)
        axes.plot(
            [self._x[at]],
            [high],
            marker="o",
            markersize=13,
            color=BACKGROUND,
            markeredgecolor=colour,
            markeredgewidth=3.4,
            zorder=5,
            clip_on=False,
        )
        words = printable(self._spec.peak_label, self._spec.lang)
        if not words:
            return
        share = (at + 0.5) / len(self._x)
        align = "left" if share < 0.2 else "right" if share > 0.8 else "center"
        axes.annotate(
            words,
            (self._x[at], high),
            textcoords="offset points",
            xytext=(0, 13),
            ha=align,
            va="bottom",
            fontsize=LABEL_PT,
            fontweight="bold",
            color=colour,
            annotation_clip=False,
        )


def _end(spec: ChartSpec) -> datetime:
    return spec.starts[-1] + timedelta(seconds=spec.step_s)


def _days(moment: datetime) -> float:
    """Where a moment stands on the time axis."""
    return float(date2num(moment))  # type: ignore[no-untyped-call] # matplotlib leaves it bare
