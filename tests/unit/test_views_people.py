"""Cards of people and lines of their posts, whatever they call themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.analysis.influence import influence, influence_parts
from bot.errors import BadInput
from bot.features.people import read_username
from bot.handlers.views.alerts import alert_messages
from bot.handlers.views.digests import digest_messages
from bot.handlers.views.page import Reader, earned, person_name, post_lines
from bot.handlers.views.people import person_message, top_message, unknown_message
from bot.models.alert import Alert, AlertItem
from bot.models.entities import TEXT_LIMIT, utf16_len
from bot.models.insight import Digest, MoodSplit, Trend, TrendState, Window
from bot.models.messages import CALLBACK_BYTES
from bot.models.people import Person, PersonFacts, Sums, Tie
from bot.models.post import Engagement
from bot.models.tweets import LinkKind, Profile, Verified
from bot.models.user import Chat, ChatKind, Watch
from tests.people_world import REZA, SARA, profile, tweet

NOW = datetime(2026, 11, 21, 17, 44, tzinfo=UTC)
AWKWARD = "\u202eوارونه\u2066 <b>&amp; *ستاره* {name} @here #تگ https://x.test/a_b_c 👩‍👩‍👧‍👦\ud83d"
PERSIAN, ENGLISH = Reader("fa", "Asia/Tehran", NOW), Reader("en", "UTC", NOW)

texts = st.one_of(
    st.text(max_size=40), st.sampled_from(["", AWKWARD, "ی" * 900, "🔥" * 900, "چند واژه " * 40])
)
counts = st.integers(0, 10**12)
profiles = st.builds(
    Profile,
    id=st.integers(1, 2**60),
    username=st.from_regex(r"\A[A-Za-z0-9_]{1,50}\Z"),
    name=texts,
    description=texts,
    location=texts,
    verified=st.sampled_from(Verified),
    followers=counts,
    following=counts,
    tweets=counts,
    created_at=st.one_of(st.none(), st.just(NOW)),
    is_protected=st.booleans(),
    is_automated=st.booleans(),
)
sums = st.builds(Sums, posts=counts, likes=counts, retweets=counts, replies=counts, views=counts)
people = st.builds(
    Person, profile=profiles, sums=sums, profile_at=st.one_of(st.none(), st.just(NOW))
)
ties = st.lists(
    st.builds(
        Tie,
        person=people,
        strength=st.floats(0, 1000),
        kinds=st.lists(st.sampled_from(LinkKind), min_size=1, max_size=3).map(tuple),
    ),
    max_size=5,
).map(tuple)
facts = st.builds(
    lambda person, text, turns_to, turned_by, mood: PersonFacts(
        person=person,
        influence=influence_parts(person.profile, person.sums),
        mood=mood,
        posts=tuple(tweet(n, SARA, text=text or "?", likes=n).post for n in range(3)),
        more=True,
        turns_to=turns_to,
        turned_by=turned_by,
    ),
    people,
    texts,
    ties,
    ties,
    st.builds(MoodSplit, positive=counts, neutral=counts, negative=counts),
)


@settings(max_examples=40, deadline=None)
@given(facts, st.sampled_from([PERSIAN, ENGLISH]), st.booleans())
def test_a_card_fits_and_its_marks_are_in_pairs(
    known: PersonFacts, reader: Reader, is_admin: bool
) -> None:
    prices = {"profile": 18, "posts": 315, "follows": 600} if is_admin else {}
    named = known.person.profile.username

    for message in (
        person_message(reader, known, prices, owner=7_000_000_000),
        unknown_message(reader, named, prices),
        top_message(reader, [known.person], owner=7_000_000_000),
    ):
        assert 0 < utf16_len(message.text) <= TEXT_LIMIT
        marks = Counter(message.text)
        assert marks["\u2068"] == marks["\u2069"]
        assert not marks["\u202e"] + marks["\u2066"]
        pressed = [button.data for row in message.keyboard for button in row]
        assert all(len(data.encode()) <= CALLBACK_BYTES for data in pressed if data)


@pytest.mark.parametrize(
    ("reader", "given", "shown"),
    [
        (PERSIAN, {"name": "سارا کوهی"}, "سارا کوهی (\u2068@sara\u2069)"),
        (PERSIAN, {"name": "Sara K"}, "\u2068Sara K\u2069 (\u2068@sara\u2069)"),
        (ENGLISH, {"name": "Sara K", "verified": Verified.PERSON}, "Sara K ✔️ (@sara)"),
        (ENGLISH, {"name": "Sara K", "verified": Verified.BLUE}, "Sara K ☑️ (@sara)"),
        (ENGLISH, {"name": "@Sara"}, "@sara"),
        (ENGLISH, {"name": "", "verified": Verified.BUSINESS}, "@sara ✔️"),
        (ENGLISH, {"name": "Sara K", "username": ""}, "Sara K"),
        (ENGLISH, {"name": "", "username": ""}, "unknown"),
    ],
)
def test_names(reader: Reader, given: dict[str, object], shown: str) -> None:
    """The unique name is always there, and never twice; in Persian Latin ones are isolated."""
    assert person_name(reader, profile(SARA, **given)) == shown


@pytest.mark.parametrize(
    ("n", "persian", "english"),
    [
        (0, "۰", "0"), (999, "۹۹۹", "999"), (1000, "۱ هزار", "1K"), (1234, "۱٫۲ هزار", "1.2K"),
        (9_949, "۹٫۹ هزار", "9.9K"), (9_951, "۱۰ هزار", "10K"), (45_600, "۴۶ هزار", "46K"),
        (999_499, "۹۹۹ هزار", "999K"), (999_500, "۱ میلیون", "1M"),
        (2_500_000, "۲٫۵ میلیون", "2.5M"), (999_500_000, "۱ میلیارد", "1B"),
        (7_000_000_000_000, "۷٬۰۰۰ میلیارد", "7,000B"),
    ],
)  # fmt: skip
def test_counts_are_short(n: int, persian: str, english: str) -> None:
    assert (PERSIAN.compact(n), ENGLISH.compact(n)) == (persian, english)


def test_what_a_post_did_not_earn_is_not_said() -> None:
    assert earned(ENGLISH, Engagement()) == []
    assert earned(ENGLISH, Engagement(likes=1, views=2000)) == ["1 like", "2K views"]


def test_a_tweet_of_somebody_unknown_shows_what_it_says_of_its_author() -> None:
    """Imported ones have a name and no number."""
    post = replace(tweet(1, REZA).post, author_id=0, created_at=NOW - timedelta(hours=1))

    shown = post_lines(ENGLISH, post, {}, {REZA: profile(REZA, name="رضا")}).message().text

    assert "@reza · 16:44 today" in shown
    assert "رضا" not in shown


@pytest.mark.parametrize(
    "written",
    ["sara_k", "@sara_k", "https://x.com/sara_k", "x.com/sara_k/status/12?s=20",
     "http://www.twitter.com/sara_k", " https://mobile.twitter.com/sara_k#top ",
     "\u2068@sara_k\u2069", "\u200f@sara_k\ufeff", "\u2066https://x.com/sara_k\u2069"],
)  # fmt: skip
def test_a_name_is_read_as_people_write_it(written: str) -> None:
    assert read_username(written) == "sara_k"


@pytest.mark.parametrize(
    "written",
    ["", "@", "سارا", "two words", "a" * 16, "https://example.org/sara", "x.com/",
     "https://x.com/i/status/12", "x.com/home", "https://twitter.com/Search?q=sara",
     "x.com/hashtag/sara", "@home"],
)  # fmt: skip
def test_what_is_no_name_is_refused(written: str) -> None:
    with pytest.raises(BadInput):
        read_username(written)


def test_influence_on_a_card_is_what_is_stored() -> None:
    someone = profile(SARA, followers=12_345, is_automated=True)
    earned_ = Sums(posts=3, likes=90, retweets=4, replies=2, views=8000)

    assert influence_parts(someone, earned_).total == influence(someone, earned_)


def test_alerts_and_digests_name_who_wrote() -> None:
    """As searches do."""
    who = {SARA: profile(SARA, name="سارا کوهی")}
    post = replace(tweet(1, SARA).post, id=1, created_at=NOW)
    chat = Chat(id=7, kind=ChatKind.PRIVATE, lang="fa", timezone="Asia/Tehran")
    watch = Watch(id=1, chat_id=7, user_id=7, term="باران", key="باران", created_at=NOW)
    item = AlertItem(watch=watch, posts=(post,), more=0, since=NOW)
    trend = Trend(
        key="باران", term="باران", spellings=(), score=9.0, volume=9, baseline=1.0, voices=5,
        window=Window.H24, at=NOW, started_at=NOW, peak_at=NOW, state=TrendState.RISING,
        post_ids=(1,), mood=MoodSplit(),
    )  # fmt: skip
    digest = Digest(
        chat_id=7, at=NOW, window=Window.H24, trends=(trend,), new_keys=frozenset(),
        posts={1: post}, news=(), volume=(), mood=MoodSplit(), kept=9, dropped=0,
    )  # fmt: skip

    alert = alert_messages(Alert(chat_id=7, at=NOW, items=(item,)), chat, {}, who)
    told = digest_messages(digest, chat, {}, "hoshyar_bot", who)

    for messages in (alert, told):
        assert "سارا کوهی (\u2068@sara\u2069)" in "\n".join(each.text for each in messages)
