"""What rises and what does not: terms against their own past."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis import background
from bot.analysis.counting import HeardVoices, count
from bot.analysis.finding import WindowPosts, ask, find
from bot.analysis.history import Expected, History
from bot.analysis.terms import PostTerms
from bot.analysis.trends import candidates, least_score, parts_of, score, tally
from bot.models.post import Post, PostKind
from bot.utils.times import to_ms
from tests.trend_streams import Talk, as_terms, past_of

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SUBJECT = "قندریزان"


def _rising(posts: list[Post], at: datetime, span: timedelta = DAY) -> list[str]:
    """The keys that lead the stories of (at - span, at], strongest first."""
    said = as_terms(posts)
    start_ms, end_ms = to_ms(at - span), to_ms(at)
    window = WindowPosts([p for p in said if start_ms < p.at_ms <= end_ms], start_ms, end_ms)
    asked = ask(window)
    return [story.lead.key for story in find(asked, past_of(said, at - span), 10)]


def test_a_steady_stream_has_no_trends() -> None:
    """After five ordinary days hardly a word of the sixth rises, in many seeds and volumes."""
    found = []
    for seed in range(12):
        found += _rising(Talk(seed).posts(START, 6 * 24, 5 + 2 * seed), START + 6 * DAY)

    assert len(found) <= 6  # FALSE_RISES allows one in two windows


def test_a_burst_is_found_and_comes_first() -> None:
    """A subject that was never there and is now in one post of twelve leads the list."""
    talk = Talk()
    posts = talk.posts(START, 5 * 24, 20)
    posts += talk.posts(START + 5 * DAY, 24, 20, about=SUBJECT, share=0.08)

    assert _rising(posts, START + 6 * DAY)[:1] == [SUBJECT]


def test_a_known_subject_that_doubles_is_weaker_than_one_that_is_new() -> None:
    """The past counts: ten times nothing is more than twice the usual."""
    talk = Talk()
    posts = talk.posts(START, 5 * 24, 30, about="نیم‌سوزک", share=0.05)
    posts += talk.posts(START + 5 * DAY, 12, 30, about="نیم‌سوزک", share=0.12)
    posts += talk.posts(START + 5.5 * DAY, 12, 30, about=SUBJECT, share=0.12)

    assert _rising(posts, START + 6 * DAY)[:1] == [SUBJECT]


def test_one_author_does_not_make_a_trend() -> None:
    """Sixty posts of one person in a day are one voice."""
    talk = Talk()
    posts = talk.posts(START, 5 * 24, 20)
    posts += talk.posts(START + 5 * DAY, 24, 20)
    posts += talk.posts(START + 5 * DAY, 20, 3, about=SUBJECT, share=1, authors=["flooder"])

    assert SUBJECT not in _rising(posts, START + 6 * DAY)


def test_two_authors_do_not_make_a_trend_and_many_do() -> None:
    """At least three voices are needed."""
    talk = Talk()
    calm = talk.posts(START, 6 * 24, 30)
    two = talk.posts(START + 5 * DAY, 20, 2, about=SUBJECT, share=1, authors=["ali", "reza"])
    many = talk.posts(START + 5 * DAY, 20, 2, about=SUBJECT, share=1)

    assert SUBJECT not in _rising(calm + two, START + 6 * DAY)
    assert SUBJECT in _rising(calm + many, START + 6 * DAY)


def test_where_nobody_knows_the_author_each_text_is_a_voice() -> None:
    """Imported posts without authors can still show a burst."""
    talk = Talk()
    posts = talk.posts(START, 5 * 24, 20, authors=[""])
    posts += talk.posts(START + 5 * DAY, 24, 20, about=SUBJECT, share=0.1, authors=[""])

    assert _rising(posts, START + 6 * DAY)[:1] == [SUBJECT]


def test_a_silence_is_neither_a_trend_nor_followed_by_one() -> None:
    """Days without data leave the shares as they were: nothing rises in them or after them."""
    found = []
    for seed in range(6):
        talk = Talk(seed)
        posts = talk.posts(START, 5 * 24, 20)
        posts += talk.posts(START + 15 * DAY, 24, 20)
        assert _rising(posts, START + 10 * DAY) == []
        found += _rising(posts, START + 16 * DAY)

    assert len(found) <= 3


def test_a_thin_day_after_a_black_out_makes_no_trend() -> None:
    """A tenth of the usual volume, nothing else changed."""
    found = []
    for seed in range(6):
        talk = Talk(seed)
        posts = talk.posts(START, 5 * 24, 20)
        posts += talk.posts(START + 8 * DAY, 24, 2)
        found += _rising(posts, START + 9 * DAY)

    assert len(found) <= 3


def test_a_dead_source_lifts_no_other_word() -> None:
    """When the outlets fall silent, the share of the tweets' words grows; they do not rise."""
    found = []
    for seed in range(6):
        tweets, news = Talk(seed), Talk(seed + 100, vocabulary=300)
        posts = tweets.posts(START, 6 * 24, 15)
        for outlet in range(10, 14):
            posts += news.posts(START, 5 * 24, 5, kind=PostKind.NEWS, source_id=outlet)
        found += _rising(posts, START + 6 * DAY)

    assert len(found) <= 3


def test_jargon_that_the_background_does_not_know_is_no_trend_for_long() -> None:
    """A word of every day of this stream stops rising although ordinary Persian has it nowhere."""
    talk = Talk()
    posts = talk.posts(START, 6 * 24, 20, about=SUBJECT, share=0.3)

    assert SUBJECT not in _rising(posts, START + 6 * DAY)


def test_with_no_past_at_all_the_background_tells_news_from_ordinary_words() -> None:
    """Twenty minutes after the start an unheard word rises and the most usual ones do not."""
    rng = random.Random(5)
    ordinary = background.load("tweets")
    words = [word for word in ordinary.words() if ordinary.share(word) > 1e-4]
    shares = [ordinary.share(word) for word in words]
    posts = [
        Post(
            kind=PostKind.TWEET,
            source_id=1,
            external_id=str(n),
            created_at=START + n * timedelta(seconds=5),
            text=" ".join([*rng.choices(words, shares, k=9), *([SUBJECT] if n % 20 == 0 else [])]),
            author=f"a{n}",
        )
        for n in range(240)
    ]

    found = _rising(posts, START + timedelta(minutes=20), HOUR)

    assert found == [SUBJECT]


def test_what_comes_at_this_hour_every_day_is_expected_at_this_hour() -> None:
    """A morning greeting: rare over the day, usual at eight."""
    rows = [("", day, False, 24_000, 1_000) for day in range(10)]
    rows += [("صبحبخیر", day, False, 50, 50) for day in range(10)]
    history = History(rows)
    backgrounds = (background.Background({}, 1e-6), background.Background({}, 1e-6))

    at_eight = history.expect("صبحبخیر", (1_000, 0), backgrounds)

    assert 40 < at_eight.mean < 60
    assert score(50, at_eight) < 1
    other = History([(*row[:4], 0) for row in rows])
    assert other.expect("صبحبخیر", (1_000, 0), backgrounds).mean < 5


def test_days_without_data_do_not_age_the_past() -> None:
    """The same days of evidence weigh the same, however long ago they end."""
    backgrounds = (background.Background({}, 1e-6), background.Background({}, 1e-6))

    def expected(last_day: int) -> Expected:
        days = range(last_day - 5, last_day)
        rows = [("", day, False, 10_000, 0) for day in days]
        rows += [("گاه", day, False, 40, 0) for day in days]
        return History(rows).expect("گاه", (5_000, 0), backgrounds)

    assert expected(100) == expected(20)
    assert expected(100).mean == pytest.approx(20, rel=0.1)


def test_tweets_and_news_are_judged_by_their_own_past() -> None:
    """A word of every news day is expected of news and not of tweets."""
    backgrounds = (background.Background({}, 1e-6), background.Background({}, 1e-6))
    rows = [("", day, kind, 10_000, 0) for day in range(7) for kind in (False, True)]
    rows += [("وزارت", day, True, 300, 0) for day in range(7)]
    history = History(rows)

    assert history.expect("وزارت", (0, 1_000), backgrounds).mean == pytest.approx(30, rel=0.1)
    assert history.expect("وزارت", (1_000, 0), backgrounds).mean < 0.1


def test_no_past_falls_back_on_the_background() -> None:
    """Without a single day the background's share is the expectation, and its doubt the spread."""
    backgrounds = (background.Background({"کار": 0.01}, 1e-6), background.Background({}, 1e-6))

    expected = History([]).expect("کار", (2_000, 0), backgrounds)

    assert expected.mean == pytest.approx(20)
    assert expected.spread > 0.3
    assert History([]).expect("کار", (0, 0), backgrounds) == Expected(0.0, 0.0)


def test_the_score_grows_with_the_count_and_shrinks_with_doubt() -> None:
    """More posts, a higher score; a less certain expectation, a lower one."""
    sure, unsure = Expected(4.0, 0.1), Expected(4.0, 2.0)

    assert score(30, sure) > score(20, sure) > score(4, sure)
    assert score(30, unsure) < score(30, sure)
    assert abs(score(4, sure)) < 0.01


def test_the_bar_rises_with_the_number_of_terms_tested() -> None:
    """With a thousand words, chance alone goes far."""
    assert least_score(0) == least_score(5) < least_score(100) < least_score(1000)
    assert 3.2 < least_score(1000) < 3.4


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("برفتهران", ("برف", "تهران")),
        ("بارانبهتهران", ("باران", "تهران")),  # به is a function word
        ("برفتبریز", ()),  # تبریز is not said here
        ("برف", ()),
    ],
)
def test_a_joined_hashtag_is_taken_apart_by_what_is_said(key: str, parts: tuple[str, ...]) -> None:
    """The words of the window are the dictionary."""
    known = {"برف", "تهران", "باران", "برفتهران", "برفتبریز"}

    assert parts_of(key, known) == parts


def test_candidates_are_said_by_three_and_surprise() -> None:
    """A word of the background at its usual share comes after one that nobody expects."""
    posts = [PostTerms(n, n, False, "", 0, 0, ("روزمره", "نادر")) for n in range(5)]
    posts += [PostTerms(n, n, False, "", 0, 0, ("روزمره", "دوبار")) for n in range(5, 7)]
    backgrounds = (background.Background({"روزمره": 0.5}, 1e-6), background.Background({}, 1e-6))

    found = candidates(tally(posts), backgrounds)

    assert found == ["نادر", "روزمره"]


_POSTS = st.lists(
    st.builds(
        PostTerms,
        id=st.integers(1, 10_000),
        at_ms=st.integers(0, 5 * 3_600_000),
        is_news=st.booleans(),
        voice=st.sampled_from(["", "ali", "reza", "#7"]),
        mood=st.sampled_from([-1, 0, 1]),
        weight=st.just(0),
        terms=st.lists(st.sampled_from("ابپتثج"), unique=True, max_size=4).map(tuple),
    ),
    max_size=25,
)


@given(_POSTS, st.randoms(use_true_random=False))
def test_the_order_of_posts_changes_no_count(posts: list[PostTerms], rng: object) -> None:
    """Shuffled, cut anywhere into batches: counters and tallies are the same."""
    shuffled = list(posts)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    cut = len(posts) // 2

    whole = sorted(count(posts, HeardVoices()).hours)
    heard = HeardVoices()
    sums: dict[tuple[object, ...], list[int]] = {}
    for row in count(shuffled[:cut], heard).hours + count(shuffled[cut:], heard).hours:
        figures = sums.setdefault(row[:3], [0, 0, 0, 0])
        sums[row[:3]] = [a + b for a, b in zip(figures, row[3:], strict=True)]

    assert sorted((*key, *figures) for key, figures in sums.items()) == whole
    assert tally(posts).counts == tally(shuffled).counts
    assert tally(posts).touches == tally(shuffled).touches


@given(_POSTS)
def test_a_voice_is_counted_once_an_hour(posts: list[PostTerms]) -> None:
    """Touches of a term never exceed its posts, nor its known voices plus its unknown posts."""
    for row in count(posts, HeardVoices()).hours:
        said = [
            p
            for p in posts
            if p.at_ms // 3_600_000 == row.hour and p.is_news == row.is_news and row.term in p.terms
        ]
        if row.term:
            assert row.posts == len(said)
            voices = {p.voice for p in said} - {""}
            assert row.voices == len(voices) + sum(not p.voice for p in said)


def _hour(hour: int) -> PostTerms:
    return PostTerms(1, hour * 3_600_000, False, "ali", 0, 0, tuple("ابپت"))


def test_heard_voices_stay_within_their_capacity() -> None:
    """The hours farthest from the one at work go first; packed ones are known like open ones."""
    heard = HeardVoices(capacity=12, at_work=4)
    for hour in range(6):
        heard.hear(_hour(hour))
        heard.shrink((hour, False))

    assert [hour for hour in range(6) if (hour, False) in heard] == [2, 3, 4, 5]
    assert list(heard.hear(_hour(3))) == []
    assert list(heard.hear(replace(_hour(4), voice="reza", terms=("ا",)))) == ["ا"]
    assert list(heard.hear(_hour(0))) == list("ابپت")
