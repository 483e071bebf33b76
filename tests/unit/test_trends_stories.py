"""Terms of one story become one trend, with one name, a beginning, a peak and a state."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.analysis.history import Expected
from bot.analysis.stories import (
    Story,
    course,
    first_voices,
    is_coordinated,
    mood_of,
    stories,
    telling,
    twins,
)
from bot.analysis.terms import PostTerms
from bot.analysis.trend_names import name
from bot.analysis.trends import Scored
from bot.models.insight import MoodSplit, TrendState

HOUR_MS = 3_600_000


def _scored(key: str, posts: Sequence[int], score: float = 9.0, **fields: object) -> Scored:
    return Scored(
        key=key,
        score=score,
        touches=len(posts),
        expected=Expected(1.0, 0.3),
        posts=frozenset(posts),
        voices=len(posts),
        **fields,  # type: ignore[arg-type]  # the caller names fields
    )


def _post(number: int, terms: str = "", at_ms: int = 0, **fields: object) -> PostTerms:
    given: dict[str, object] = {"voice": f"v{number}", "mood": 0, "weight": 0, **fields}
    return PostTerms(number, at_ms, False, terms=tuple(terms.split()), **given)  # type: ignore[arg-type]


def _keys(found: list[Story]) -> list[list[str]]:
    return [sorted(term.key for term in story.terms) for story in found]


def test_terms_of_the_same_posts_are_one_story() -> None:
    """Two words on mostly the same posts join; one on other posts stands alone."""
    rising = [
        _scored("زلزله", range(20), 9),
        _scored("لرزید", range(8, 20), 7),
        _scored("جام", range(40, 55), 6),
    ]

    assert _keys(stories(rising, 500, 3)) == [["زلزله", "لرزید"], ["جام"]]


def test_terms_that_meet_by_chance_stay_apart() -> None:
    """When both are everywhere, sharing half of the posts means nothing."""
    rising = [_scored("هوا", range(60), 9), _scored("کار", range(30, 90), 7)]

    assert len(stories(rising, 100, 3)) == 2


def test_inflections_that_rise_together_are_one_word() -> None:
    """«فلسطین» and «فلسطینی‌ها» need share no post."""
    rising = [_scored("فلسطین", range(20), 9), _scored("فلسطینیها", range(30, 40), 7)]

    assert _keys(stories(rising, 500, 3)) == [["فلسطین", "فلسطینیها"]]


def test_a_joined_hashtag_joins_the_words_it_is_made_of() -> None:
    """#برفتهران shares no post with «برف تهران», but its words say the same."""
    rising = [
        _scored("برف", range(30), 9),
        _scored("برفتهران", range(100, 108), 7, in_words=frozenset(range(20)), is_compound=True),
    ]

    assert _keys(stories(rising, 500, 3)) == [["برف", "برفتهران"]]


def test_a_weak_term_joins_a_story_but_starts_none() -> None:
    """Members may be weaker than leaders."""
    rising = [_scored("زلزله", range(20), 9), _scored("لرزش", range(12), 2)]

    assert _keys(stories(rising, 500, 3)) == [["زلزله", "لرزش"]]
    assert stories([_scored("لرزش", range(12), 2)], 500, 3) == []


def test_the_term_of_most_posts_leads_among_about_equals() -> None:
    """A slightly stronger but rarer word does not hide the one people use."""
    rising = [_scored("اورشلیم", range(20), 10), _scored("غزه", range(45), 9)]

    assert [story.lead.key for story in stories(rising, 2000, 3)] == ["غزه"]


def test_a_hashtag_on_most_of_the_posts_speaks_for_them() -> None:
    """A hashtag of several words says more than the strongest of its words."""
    rising = [
        _scored("کردستان", range(40), 10),
        _scored("اعتصابکردستان", range(30), 8, is_compound=True),
    ]

    assert stories(rising, 2000, 3)[0].lead.key == "اعتصابکردستان"


def _course(times: Sequence[float], volumes: list[int]) -> tuple[float, float, TrendState]:
    """The course of posts at these hours in a window of so many hours, in hours."""
    posts = [_post(n, at_ms=int(hour * HOUR_MS)) for n, hour in enumerate(times)]
    found = course(posts, range(len(posts)), volumes, 0.01, 0, len(volumes) * HOUR_MS)
    return found.started_ms / HOUR_MS, found.peak_ms / HOUR_MS, found.state


def test_a_story_starts_where_it_leaves_the_usual_and_peaks_where_it_is_thickest() -> None:
    """A lone post in the morning is not the beginning of the evening's burst."""
    times = [2.5, 10.2, 10.6, 11.1, 11.3, 11.5, 11.6, 11.9, 12.2, 12.4]
    started, peak, state = _course(times, [50] * 24)

    assert (started, state) == (10.2, TrendState.FADING)
    assert 11 <= peak < 12


@pytest.mark.parametrize(
    ("times", "state"),
    [
        ([20.5, 21.5, 22.3, 22.6, 23.2, 23.4, 23.6, 23.8], TrendState.RISING),
        ([18.1, 18.3, 18.5, 18.7, 22.2, 22.4, 23.3, 23.5], TrendState.PEAK),
        ([10.1, 10.3, 10.5, 10.7, 10.9, 23.5], TrendState.FADING),
    ],
)
def test_the_state_compares_the_end_with_the_peak(times: list[float], state: TrendState) -> None:
    """Rising, at its height, or going."""
    assert _course(times, [50] * 24)[2] is state


def test_a_black_out_does_not_end_a_story() -> None:
    """Hours without any post say nothing: the story is as it was when data last came."""
    times = [9.2, 9.5, 9.8, 10.1, 10.2, 10.4, 10.5, 10.7]
    volumes = [50] * 11 + [0] * 13

    assert _course(times, volumes)[2] is TrendState.RISING
    assert _course(times, [50] * 24)[2] is TrendState.FADING


def test_a_gap_inside_does_not_move_the_beginning() -> None:
    """An outage between the first posts and the rest does not cut the story in two."""
    times = [3.2, 3.5, 3.8, 9.1, 9.2, 9.3, 9.5]
    volumes = [50] * 4 + [0] * 5 + [50] * 15

    assert _course(times, volumes)[0] == 3.2


def test_telling_posts_are_the_first_and_then_strong_unlike_ones() -> None:
    """The earliest post opens; copies in other words and second posts of one voice stay out."""
    posts = [
        _post(0, "زلزله صبح شهر", 500),
        _post(1, "زلزله لرزید کرمان", 100),
        _post(2, "زلزله لرزید کرمان دیشب", 200, weight=900),
        _post(3, "زلزله لرزید آوار نجات امداد", 300, weight=50, voice="ali"),
        _post(4, "زلزله خسارت", 350, weight=10, voice="ali"),
    ]
    story = Story((_scored("زلزله", range(5)), _scored("لرزید", [1, 2, 3], 4)), frozenset(range(5)))

    chosen = telling(posts, story, {}, 3)

    assert chosen[0] == 1
    assert set(chosen[1:]) <= {0, 3}
    assert chosen[1] == 3


def test_copies_and_posts_of_one_mould_look_coordinated() -> None:
    """Many copies, or texts that differ in a word, hint at a campaign; free talk does not."""
    mould = [_post(n, f"آگهی فروش ویژه محله واحد{n}") for n in range(8)]
    talk = [_post(n, f"برف {' '.join(f'گپ{n}{i}' for i in range(5))}") for n in range(8)]

    assert is_coordinated(mould, range(8), 0)
    assert not is_coordinated(talk, range(8), 0)
    assert is_coordinated(talk, range(8), 30)
    assert not is_coordinated(mould, range(2), 0)


def test_moods_and_first_voices_come_from_the_posts() -> None:
    """Who started it, in order of time; how the posts feel."""
    posts = [
        _post(1, "برف", 300, voice="sara", mood=1),
        _post(2, "برف", 100, voice="ali", mood=-1),
        _post(3, "برف", 200, voice="ali", mood=-1),
        _post(4, "برف", 400, voice="", mood=0),
    ]

    assert first_voices(posts, range(4), 3) == [1, 0, 3]
    assert mood_of(posts, range(4)) == MoodSplit(positive=1, neutral=1, negative=2)


def test_spellings_of_one_key_are_merged_and_the_usual_one_is_shown() -> None:
    """Hashtag, half-space, space and Arabic letters: one trend."""
    texts = ["#برف_تهران آمد", "چه #برف_تهران قشنگی", "برف تهران را دیدی", "برف‌تهران", "#برفتهران"]

    found = name("برفتهران", ["برفتهران"], texts)

    assert (found.term, found.is_hashtag) == ("برف_تهران", True)
    assert set(found.spellings) == {"#برف_تهران", "برف تهران", "برف‌تهران", "#برفتهران"}
    assert found.related == ()


def test_a_phrase_that_most_posts_use_beats_its_lone_word() -> None:
    """«آتش بس غزه» rather than «غزه», but only where most of the posts say it."""
    often = ["پیام آتش سوزی بازار رسید", "آتش سوزی بازار دیشب", "خبر آتش سوزی بازار", "بازار شلوغ"]
    seldom = ["آتش سوزی بازار", "بازار خلوت بود", "بازار فردا باز است", "سری به بازار زدم"]

    assert name("بازار", ["بازار"], often).term == "آتش سوزی بازار"
    assert name("بازار", ["بازار"], seldom).term == "بازار"


def test_other_terms_of_the_story_are_related_and_longer_hashtags_are_spellings() -> None:
    """What contains the leading word is a form of it; the rest is named beside it."""
    texts = ["#زلزله_کرمان زلزله آمد", "زلزله و آوار", "زلزله آوار خرابی", "زلزله شب"]

    found = name("زلزله", ["زلزله", "اوار", "زلزلهکرمان"], texts)

    assert found.term == "زلزله"
    assert "#زلزله_کرمان" in found.spellings
    assert found.related == ("آوار",)


def test_a_longer_hashtag_on_most_texts_is_the_name() -> None:
    """The hashtag says which earthquake."""
    texts = ["#زلزله_کرمان وای", "#زلزله_کرمان دوباره", "ای وای از زلزله", "#زلزله_کرمان"]

    found = name("زلزله", ["زلزله", "زلزلهکرمان"], texts)

    assert (found.term, found.is_hashtag) == ("زلزله_کرمان", True)


def test_a_longer_word_is_another_word() -> None:
    """Weekdays share letters, not a meaning; an inflected form is the same word."""
    texts = ["شنبه و چهارشنبه", "شنبه‌ها", "شنبه", "چهارشنبه"]

    found = name("شنبه", ["شنبه", "چهارشنبه", "شنبهها"], texts)

    assert set(found.spellings) == {"شنبه", "شنبه‌ها"}
    assert found.related == ("چهارشنبه",)


def test_hashtags_that_go_together_are_spellings_of_one_trend() -> None:
    """A campaign's two hashtags, on the same posts, are two names of it; a word is related."""
    rising = [_scored("برفتهران", range(20), 9), _scored("زمستانسرد", range(2, 21), 8)]
    (story,) = stories([*rising, _scored("هوا", range(3), 4)], 500, 3)
    texts = ["#برف_تهران #زمستان_سرد هوا", "#برف_تهران #زمستان_سرد", "هوا #برف_تهران"]

    found = name("برفتهران", [term.key for term in story.terms], texts, twins(story))

    assert twins(story) == ["زمستانسرد"]
    assert found.spellings == ("#برف_تهران", "#زمستان_سرد")
    assert found.related == ("هوا",)


def test_without_texts_the_key_is_the_name() -> None:
    """Posts may be gone by the time that they are wanted."""
    found = name("برف", ["برف"], [])

    assert (found.term, found.spellings) == ("برف", ("برف",))


def test_a_name_is_not_cut_off_at_its_ezafe() -> None:
    """«استاندار زلزلهٔ» wants its next word, so it is no name."""
    texts = [f"استاندار زلزلهٔ {place} را دید" for place in ("بم", "رودبار", "طبس", "منجیل")]

    found = name("زلزله", ["زلزله"], texts)

    assert not found.term.endswith("ٔ")
    assert "استاندار" not in found.term
