"""What a post is counted under, the background of ordinary words, and the posts in memory."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis import background
from bot.analysis.recent_posts import RecentPosts, is_sampled
from bot.analysis.terms import (
    MAX_TAGS,
    MAX_TERMS,
    PostTerms,
    mentions,
    post_terms,
    signed,
    terms_of,
    trend_key,
    voice_of,
)
from bot.models.post import IMPORTED_NEWS_SOURCE_ID, Engagement, Mood, Post, PostKind


@pytest.mark.parametrize(
    "spelling",
    ["#برف_تهران", "برف تهران", "برفِ تهران", "برف‌تهران", "#برفتهران", "بـرف تهران", "#بَرف_تهران"],
)
def test_every_spelling_has_one_key(spelling: str) -> None:
    """A hashtag, a phrase, a half-space, vowel marks: the same term."""
    assert trend_key(spelling) == "برفتهران"


def test_arabic_letters_make_no_other_term() -> None:
    """ي and ك are ی and ک."""
    assert terms_of("كيهان") == terms_of("کیهان") == ("کیهان",)


def test_a_post_counts_once_under_its_words_and_its_hashtags() -> None:
    """Function words, numbers, links and mentions are not subjects; repeats count once."""
    text = "برف و برف! @sara https://a.ir/برف ۱۲۳ از #برف_تهران که"

    assert terms_of(text) == ("برفتهران", "برف", "تهران")


def test_a_wall_of_hashtags_or_words_is_cut() -> None:
    """Bait hashtags and whole articles do not flood the counters."""
    tags = terms_of(" ".join(f"#ژ{chr(0x0627 + n % 8)}ژ{'ا' * n}ظ" for n in range(40)))
    words = terms_of(" ".join(f"ژر{n}ظ" for n in range(400)))

    assert len(words) == MAX_TERMS
    assert len(tags) <= MAX_TERMS
    assert MAX_TAGS < MAX_TERMS


def test_the_signature_of_a_passed_on_post_is_a_voice_and_no_subject() -> None:
    """«name, then @channel» under a text names who wrote it."""
    text = "امروز هوا سرد شد\nمریم\n@some_channel"
    post = Post(
        kind=PostKind.TWEET,
        source_id=1,
        external_id="1",
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        text=text,
    )

    assert signed(text) == ("امروز هوا سرد شد", "مریم")
    assert post_terms(post).voice == "مریم"
    assert "مریم" not in post_terms(post).terms
    assert signed("یک جمله که نام نیست و ادامه دارد\n@some_channel")[1] == ""
    assert signed("سلام @sara") == ("سلام @sara", "")


def test_a_voice_is_an_author_or_an_outlet() -> None:
    """Tweets speak by author, feeds by outlet, imported news by their author."""
    when = datetime(2026, 11, 20, tzinfo=UTC)
    tweet = Post(
        kind=PostKind.TWEET, source_id=1, external_id="1", created_at=when, text="", author="Sara"
    )
    news = Post(kind=PostKind.NEWS, source_id=9, external_id="1", created_at=when, text="")
    imported = Post(
        kind=PostKind.NEWS,
        source_id=IMPORTED_NEWS_SOURCE_ID,
        external_id="1",
        created_at=when,
        text="",
        author="Isna",
    )

    assert [voice_of(post) for post in (tweet, news, imported)] == ["sara", "#9", "isna"]


def test_a_post_carries_its_mood_and_engagement() -> None:
    """A retweet says more than a like."""
    post = Post(
        id=5,
        kind=PostKind.TWEET,
        source_id=1,
        external_id="1",
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        text="برف",
        mood=Mood.NEGATIVE,
        engagement=Engagement(likes=3, retweets=4, replies=1),
    )

    found = post_terms(post)

    assert (found.id, found.mood, found.weight, found.terms) == (5, -1, 12, ("برف",))


def test_a_text_mentions_a_term_in_any_spelling() -> None:
    """As a hashtag, in words, or glued."""
    key = trend_key("برف تهران")

    assert mentions("در برفِ تهران ماندیم", [key])
    assert mentions("#برف_تهران", [key])
    assert not mentions("تهران بی برف", [key])


def test_the_bundled_background_knows_ordinary_words() -> None:
    """«زندگی» is usual among tweets and «گزارش» in news; a made-up word is at the floor."""
    tweets, news = background.load("tweets"), background.load("news")

    assert len(tweets) > 10_000
    assert len(news) > 8_000
    assert tweets.share("زندگی") > 50 * tweets.floor
    assert news.share("گزارش") > tweets.share("گزارش")
    assert tweets.share("قندریزان") == tweets.floor
    assert tweets.is_unknown("قندریزان")
    assert not tweets.is_unknown("زندگی")


def test_an_event_in_the_learning_text_is_not_ordinary_speech() -> None:
    """A word that one stretch of time is full of is held to what the others know of it."""
    calm = [[("کار", f"نان{n}", f"روز{group}") for n in range(10)] for group in range(4)]
    stormy = [[("کار", "سیل", f"خانه{n}") for n in range(10)]]

    learnt = background.learn([*calm, *stormy])

    assert learnt.share("کار") > 0.3
    assert learnt.share("سیل") < 0.02


def test_a_text_that_is_repeated_teaches_once() -> None:
    """An advertisement that is posted daily is not how people speak."""
    group = [("خرید", "ارزان", "فوری")] * 50 + [("خرید", f"چیز{n}") for n in range(9)]

    learnt = background.learn([group])

    assert learnt.is_unknown("فوری")
    assert learnt.share("خرید") == pytest.approx(10 / 21)


_WORDS = st.text("ابپتثجچحخ", min_size=2, max_size=6)


@given(st.dictionaries(_WORDS, st.floats(1e-7, 0.2), max_size=20))
def test_a_background_survives_being_written_down(shares: dict[str, float]) -> None:
    """To within half a step of the scale; and writing it again changes nothing."""
    text = background.dump(background.Background(shares, 1e-6))

    again = background.parse(text)

    assert background.dump(again) == text
    for word, share in shares.items():
        assert again.share(word) == pytest.approx(share, rel=0.2)


def _post(number: int, at_ms: int) -> PostTerms:
    return PostTerms(number, at_ms, False, "", 0, 0, ("برف",))


def test_recent_posts_hold_a_span_in_order_of_time() -> None:
    """Late ones take their place, old ones go, nothing is there twice."""
    recent = RecentPosts(span_ms=100, capacity=50)
    recent.add([_post(1, 10), _post(2, 60), _post(3, 40)], now_ms=60)
    recent.add([_post(2, 60), _post(4, 130)], now_ms=130)

    assert [post.id for post in recent.between(0, 200)] == [3, 2, 4]
    assert [post.id for post in recent.between(40, 60)] == [2]
    assert recent.reaches(30)
    assert not recent.reaches(29)


def test_recent_posts_thin_themselves_evenly_when_there_are_too_many() -> None:
    """Past the capacity every second post stays, over the whole span."""
    recent = RecentPosts(span_ms=10_000, capacity=300)

    recent.add([_post(n, n) for n in range(1, 1001)], now_ms=1000)

    assert len(recent) <= 300
    assert recent.one_in == 4
    halves = (len(recent.between(0, 500)), len(recent.between(500, 1000)))
    assert min(halves) > 90
    assert all(is_sampled(post.id, 4) for post in recent.between(0, 1000))


def test_a_dropped_post_leaves_memory() -> None:
    """An admin's drop counts from the next round on."""
    recent = RecentPosts(span_ms=100, capacity=50)
    recent.add([_post(1, 10), _post(2, 20)], now_ms=20)

    recent.drop(1)
    recent.drop(77)

    assert [post.id for post in recent.between(0, 100)] == [2]
