"""The hourly look for patterns: what is new is told once, as a hint with its evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.features.pattern_watch import (
    AT_ONCE,
    MOST_TOLD,
    PatternRound,
    PatternWatch,
    news_of,
)
from bot.features.patterns import SPAN, Patterns
from bot.handlers.views.page import Reader
from bot.handlers.views.patterns import pattern_notice
from bot.jobs.tasks import table
from bot.models.entities import TEXT_LIMIT, utf16_len
from bot.models.findings import Finding, GroupFinding, SeriesFinding
from bot.models.pattern import (
    Anomaly,
    CoordinationHint,
    Direction,
    HintKind,
    LevelShift,
    Measure,
    SeriesPatterns,
    SharedKind,
    SharedThing,
)
from bot.models.post import (
    TWITTER_SOURCE_ID,
    DropReason,
    Mood,
    Post,
    PostKind,
    Source,
    SourceKind,
    SourceState,
)
from bot.models.work import Role
from bot.ports import Database
from bot.storage.patterns import PatternStore
from bot.storage.people import PeopleStore
from bot.storage.posts import PostStore
from bot.storage.sources import SourceStore
from tests.chats_world import ADMIN, World, buttons, running

NOW = datetime(2026, 11, 20, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEXT = "ما خواستار رسیدگی فوری مسئولان به وضع بیمارستان کودکان این شهر هستیم"
PERSIAN, ENGLISH = Reader("fa", "Asia/Tehran", NOW), Reader("en", "UTC", NOW)


class Listed(Patterns):
    """Patterns that keep which sources they were asked about."""

    asked: tuple[int, ...] = ()

    async def outputs(
        self, source_ids: Iterable[int], span: timedelta = SPAN
    ) -> list[SeriesPatterns]:
        ids = tuple(source_ids)
        self.asked += ids
        return await super().outputs(ids, span)


@dataclass
class Watching:
    """A watch over a real database, with a clock that is moved by hand."""

    db: Database
    now: datetime = NOW
    told: list[Finding] = field(default_factory=list)
    elapsed_s: float = 0.0
    slow_s: float = 0.0  # what each source seems to take
    made: int = 0

    def __post_init__(self) -> None:
        self.posts, self.sources = PostStore(self.db), SourceStore(self.db)
        self.patterns = Listed(
            PatternStore(self.db),
            PeopleStore(self.db),
            ZoneInfo("Asia/Tehran"),
            clock=lambda: self.now,
        )
        self.watch = PatternWatch(
            self.patterns,
            self.sources,
            self.tell,
            lambda: self.now,
            patience_s=100,
            timer=self.timer,
        )

    async def tell(self, finding: Finding) -> None:
        self.told.append(finding)

    def timer(self) -> float:
        self.elapsed_s += self.slow_s
        return self.elapsed_s

    def post(self, at: datetime, **fields: object) -> Post:
        self.made += 1
        post = Post(
            kind=PostKind.TWEET,
            source_id=TWITTER_SOURCE_ID,
            external_id=str(self.made),
            created_at=at,
            text="متن",
            mood=Mood.NEUTRAL,
        )
        return replace(post, **fields)  # type: ignore[arg-type]  # the caller names fields

    async def fill(self, counts: Sequence[int], **fields: object) -> None:
        """So many posts in each of the hours before the present one."""
        end = self.now.replace(minute=0)
        await self.posts.add_many(
            [
                self.post(end - (len(counts) - hour) * HOUR + n * HOUR / (count + 1), **fields)
                for hour, count in enumerate(counts)
                for n in range(count)
            ]
        )

    async def campaign(self, accounts: Sequence[str], at: datetime, text: str = TEXT) -> None:
        copy = {"drop": DropReason.NEAR_DUPLICATE, "drop_evidence": "1"}
        await self.posts.add_many(
            [
                self.post(
                    at + n * timedelta(seconds=20), text=text, author=name, **(copy if n else {})
                )
                for n, name in enumerate(accounts)
            ]
        )

    async def source(self, number: int, state: SourceState = SourceState.ACTIVE) -> Source:
        return await self.sources.add(
            Source(
                kind=SourceKind.FEED,
                name=f"خبر {number}",
                url=f"https://n{number}.example/",
                state=state,
            )
        )


@pytest.fixture
def watching(db: Database) -> Watching:
    return Watching(db)


async def test_nothing_is_no_finding(watching: Watching) -> None:
    assert await watching.watch.round() == PatternRound(series=2)
    assert watching.told == []


async def test_a_burst_is_told_with_its_hour_while_it_is_young(watching: Watching) -> None:
    """A look an hour later finds it under the same key; a day later it is no news."""
    counts = [11 + hour % 3 for hour in range(24 * 8)]
    counts[-1] = 90
    await watching.fill(counts)

    first = await watching.watch.round()
    watching.now += HOUR
    await watching.fill([12])
    again = await watching.watch.round()
    keys = [one.key for one in watching.told if isinstance(one, SeriesFinding)]
    watching.now += timedelta(days=1)
    await watching.fill([12] * 24)
    later = await watching.watch.round()

    assert (first.anomalies, again.anomalies, later.anomalies) == (1, 1, 0)
    assert len(set(keys)) == 1
    assert keys[0].startswith("pattern:volume:0:up:20261120T11")


async def test_a_source_that_falls_silent_is_told_by_its_name(watching: Watching) -> None:
    """Paused ones are asked nothing."""
    loud, quiet = await watching.source(1), await watching.source(2)
    paused = await watching.source(3)
    await watching.sources.set_state(paused.id, SourceState.PAUSED)
    news = {"kind": PostKind.NEWS, "title": "خبر"}
    await watching.fill([6 + hour % 2 for hour in range(24 * 8)], source_id=loud.id, **news)
    silent = [6 + hour % 2 for hour in range(24 * 8)]
    silent[-4:] = [0] * 4
    await watching.fill(silent, source_id=quiet.id, **news)
    await watching.fill(silent, source_id=paused.id, **news)

    for _ in range(12):
        done = await watching.watch.round()
        assert done.series == 4
        assert done.sources_left == 0
        watching.now += HOUR
        await watching.fill([6], source_id=loud.id, **news)
    told = [one for one in watching.told if isinstance(one, SeriesFinding)]

    outputs = [one for one in told if one.measure is Measure.OUTPUT]
    assert {one.source_name for one in outputs} == {"خبر 2"}
    assert {one.what.direction for one in outputs} == {Direction.DOWN}
    assert any(isinstance(one.what, LevelShift) for one in outputs)


async def test_sources_without_a_turn_are_first_in_the_next_look(watching: Watching) -> None:
    """A look ends in time, however many sources there are."""
    ids = [(await watching.source(number)).id for number in range(AT_ONCE + 3)]
    watching.slow_s = 200

    rounds = [await watching.watch.round() for _ in range(2)]
    asked = watching.patterns.asked
    watching.slow_s = 0
    rested = await watching.watch.round()

    assert [(one.series, one.sources_left) for one in rounds] == [(2 + AT_ONCE, 3)] * 2
    assert asked == (*ids, *ids[: AT_ONCE - 3])
    assert (rested.series, rested.sources_left) == (2 + AT_ONCE + 3, 0)


async def test_a_group_is_told_when_the_look_before_did_not_see_it(watching: Watching) -> None:
    """Some more of the same accounts are no new group; others are, and so is an old one later."""
    accounts = [f"a{n}" for n in range(8)]
    await watching.campaign(accounts, NOW - HOUR)
    first = await watching.watch.round()
    last, watching.now = watching.now, NOW + HOUR
    await watching.campaign([*accounts[2:], "b1", "b2"], watching.now - HOUR / 2, f"{TEXT} و فوری")
    again = await watching.watch.round(last)
    last, watching.now = watching.now, watching.now + HOUR
    other = "کتابخانه مرکزی شهر را پس بدهید و درهایش را به روی مردم باز کنید"
    await watching.campaign([f"c{n}" for n in range(8)], watching.now - HOUR / 2, other)
    more = await watching.watch.round(last)
    watching.now += timedelta(days=2)
    await watching.campaign(accounts, watching.now - HOUR)
    returned = await watching.watch.round(watching.now - timedelta(days=2))

    assert [one.groups for one in (first, again, more, returned)] == [1, 0, 1, 1]
    groups = [one for one in watching.told if isinstance(one, GroupFinding)]
    assert set(groups[0].hint.accounts) == set(accounts)
    assert set(groups[1].hint.accounts) == {f"c{n}" for n in range(8)}
    assert len({one.key for one in groups}) == 3


async def test_no_flood_is_told(watching: Watching) -> None:
    """Of too many findings the first are told, and the others are counted."""
    for number in range(MOST_TOLD + 2):
        names = [f"g{number}_{n}" for n in range(8)]
        words = " ".join(f"واژه{number}{letter}" for letter in "آبپتثجچحخ")
        await watching.campaign(names, NOW - HOUR + number * timedelta(minutes=2), words)

    done = await watching.watch.round()

    assert (done.groups, done.unsaid) == (MOST_TOLD + 2, 2)
    assert len(watching.told) == MOST_TOLD


def anomaly(at: datetime, direction: Direction = Direction.UP) -> Anomaly:
    return Anomaly(at=at, value=60, expected=12.4, direction=direction, score=9.3, novelty=5)


def shift(at: datetime) -> LevelShift:
    return LevelShift(
        at=at,
        since=at - 9 * HOUR,
        before=-0.05,
        after=-0.31,
        direction=Direction.DOWN,
        count=400,
    )


def test_a_burst_of_several_hours_is_one_finding() -> None:
    """Named by its first hour; what goes the other way, or comes much later, is another one."""
    start = NOW - 12 * HOUR
    series = SeriesPatterns(
        measure=Measure.VOLUME,
        start=start,
        end=NOW,
        anomalies=(
            *(anomaly(start + hour * HOUR) for hour in (0, 1, 5)),
            anomaly(start + 5 * HOUR, Direction.DOWN),
            anomaly(start + 12 * HOUR),
        ),
    )

    found = [(one.what.at, one.what.direction) for one in news_of(series, {}, start)]
    young = news_of(series, {}, start + HOUR)

    assert found == [
        (start, Direction.UP),
        (start + 5 * HOUR, Direction.DOWN),
        (start + 12 * HOUR, Direction.UP),
    ]
    assert len(young) == 2


def test_a_shift_that_is_certain_an_hour_later_has_the_same_key() -> None:
    def keys(at: datetime) -> list[str]:
        series = SeriesPatterns(
            measure=Measure.OUTPUT, source_id=7, start=NOW, end=NOW, shifts=(shift(at),)
        )
        return [one.key for one in news_of(series, {7: "x"}, NOW - 4 * HOUR)]

    assert keys(NOW) == keys(NOW - HOUR) == ["pattern:output:7:shift:down:20261120"]
    assert keys(NOW - 5 * HOUR) == []


def hint(accounts: int = 3, things: int = 1) -> CoordinationHint:
    names = tuple(f"user_{n}" for n in range(accounts))
    return CoordinationHint(
        kind=HintKind.TOGETHER,
        accounts=names,
        evidence=tuple(
            SharedThing(
                kind=(SharedKind.TEXT, SharedKind.LINK)[n % 2],
                what=(TEXT, "https://x.test/\u202ea")[n % 2] * 9,
                accounts=names,
                post_ids=tuple(range(accounts)),
                first_at=NOW - HOUR,
                last_at=NOW - HOUR + timedelta(seconds=90),
            )
            for n in range(things)
        ),
        concentration=0.8,
        expected=0.0004,
    )


def test_a_group_is_worded_as_a_hint_with_its_evidence() -> None:
    english = pattern_notice(ENGLISH, GroupFinding(key="k", hint=hint())).text
    persian = pattern_notice(PERSIAN, GroupFinding(key="k", hint=hint())).text

    assert "A hint that accounts act together" in english
    assert "One text from 3 accounts within 90 seconds" in english
    assert "80% did so together; by chance this would be expected less than 0.01 times" in english
    assert "@user_0, @user_1, @user_2" in english
    assert "no verdict" in english
    assert "حکم نیست" in persian
    assert "۹۰ ثانیه" in persian


def test_a_large_group_fits_a_message() -> None:
    for reader in (PERSIAN, ENGLISH):
        message = pattern_notice(reader, GroupFinding(key="k", hint=hint(300, 9)))

        assert utf16_len(message.text) <= TEXT_LIMIT
        assert "\u202e" not in message.text
        assert len([button for row in message.keyboard for button in row]) == 6


@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize("what", [anomaly(NOW), anomaly(NOW, Direction.DOWN), shift(NOW)])
def test_each_series_has_its_words(measure: Measure, what: Anomaly | LevelShift) -> None:
    finding = SeriesFinding(key="k", measure=measure, what=what, source_name="Kayhan <b>")
    english, persian = pattern_notice(ENGLISH, finding), pattern_notice(PERSIAN, finding)

    assert "statistical hint" in english.text
    assert "نشانه‌ای آماری" in persian.text
    assert ("Kayhan <b>" in english.text) == (measure is Measure.OUTPUT)
    if measure is Measure.VOLUME and isinstance(what, Anomaly):
        assert "it was 60 posts" in english.text
        assert "about 12 posts" in english.text
    if isinstance(what, LevelShift) and measure is Measure.MOOD:
        assert "fallen from -0.05 to -0.31" in english.text.replace("−", "-")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path, seeded=False) as here:
        yield here


async def test_the_job_tells_an_admin_once(world: World) -> None:
    """The whole way: stored posts, the job, the outbox, the admin's chat and a button from there;
    a second look, also one that knows of no earlier, is silent."""
    await world.say(ADMIN, "/start")
    now = world.hoshyar.clock()
    source = Watching(world.parts.db)
    await source.campaign([f"camp_{n}" for n in range(8)], now - HOUR)
    jobs = {job.name: job for job in table(world.parts, [Role.ANALYSE])}
    look = jobs["patterns"]

    first = await look.run()
    notice = await world.box.wait_message(ADMIN, "هماهنگی چند حساب")
    again = await look.run()
    runs = world.parts.job_store
    number = await runs.start_run("patterns", now - timedelta(minutes=1))
    await runs.finish_run(number, now, ok=True)
    known = await look.run()
    await world.quiet()

    assert isinstance(first, PatternRound)
    assert isinstance(again, PatternRound)
    assert isinstance(known, PatternRound)
    assert (first.groups, again.groups, known.groups) == (1, 1, 0)
    assert len([text for text in world.sent(ADMIN) if "هماهنگی چند حساب" in text]) == 1
    assert buttons(notice)[0] == "@camp_0"
    assert await world.press_for(ADMIN, notice, "@camp_0", "camp_0")
