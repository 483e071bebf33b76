"""Whatever people and outlets write, every message fits Telegram and keeps its own lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SourceDown
from bot.features.jobs import JobStatus
from bot.features.sources import ImportedFeeds, Preview
from bot.handlers.views import (
    admin,
    alerts,
    answers,
    cards,
    delivery,
    digests,
    inline,
    places,
    plans,
    sources,
    start,
    trends,
    watches,
)
from bot.handlers.views import posts as post_views
from bot.handlers.views import settings as setting_views
from bot.handlers.views.page import Reader, mood_bar, post_lines, shortened, tidied
from bot.models.ai import Evidence
from bot.models.alert import Alert, AlertItem
from bot.models.entities import CAPTION_LIMIT, TEXT_LIMIT, utf16_len
from bot.models.insight import (
    Digest,
    Explanation,
    MoodSplit,
    SeriesPoint,
    Trend,
    TrendState,
    Window,
)
from bot.models.lookup import Found, TermFacts
from bot.models.messages import OutMessage
from bot.models.post import Engagement, Mood, Post, PostKind, Source, SourceKind, SourceState
from bot.models.user import Chat, ChatKind, DigestPlan, Watch
from bot.models.work import JobRun, JobState, OutboxState, Outgoing, StoredUpdate
from bot.storage.talks import ref_of

NOW = datetime(2026, 11, 21, 17, 44, tzinfo=UTC)
REF = ref_of("term", "سدکرج")
AWKWARD = "\u202eوارونه\u2066 <b>&amp; *ستاره* {name} @here #تگ https://x.test/a_b_c 👩‍👩‍👧‍👦\ud83d"

texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", AWKWARD, "ی" * 900, "🔥" * 900, "a" * 900, "چند واژهٔ نیم‌فاصله‌دار " * 40]),
)
settings.register_profile("views", max_examples=30, deadline=None)
settings.load_profile("views")
langs = st.sampled_from(["fa", "en"])
counts = st.integers(min_value=0, max_value=10**9)
moments = st.integers(0, 6 * 365 * 24 * 60).map(lambda ago: NOW - timedelta(minutes=ago))
moods = st.builds(MoodSplit, positive=counts, neutral=counts, negative=counts)
posts = st.builds(
    Post,
    kind=st.sampled_from(PostKind),
    source_id=st.integers(1, 5),
    external_id=st.just("1"),
    created_at=moments,
    text=texts,
    title=texts,
    url=st.one_of(st.just("https://example.org/" + "a" * 900), st.just("javascript:1"), texts),
    author=texts,
    engagement=st.builds(Engagement, likes=counts),
    mood=st.sampled_from([None, *Mood]),
    id=st.integers(1, 10**9),
)
trend_lists = st.lists(
    st.builds(
        Trend,
        key=st.text(max_size=60),
        term=texts,
        spellings=st.lists(texts, max_size=8).map(tuple),
        score=st.floats(0, 1e6),
        volume=counts,
        baseline=st.floats(0, 1e6),
        voices=counts,
        window=st.sampled_from(Window),
        at=st.just(NOW),
        started_at=moments,
        peak_at=moments,
        state=st.sampled_from(TrendState),
        is_hashtag=st.booleans(),
        post_ids=st.just((1, 2, 3)),
        mood=moods,
        related=st.lists(texts, max_size=8).map(tuple),
        copies=counts,
        coordinated=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda trend: trend.key,
)
chats = st.builds(
    Chat,
    id=st.integers(-(2**50), 2**50),
    kind=st.sampled_from(ChatKind),
    title=texts,
    lang=langs,
    timezone=st.sampled_from(["Asia/Tehran", "America/Los_Angeles", "UTC"]),
)
names = st.dictionaries(st.integers(1, 5), texts)
owners = st.sampled_from([0, 2**52 - 1])


def check(message: OutMessage, limit: int = TEXT_LIMIT) -> None:
    """It fits, says something, its entities lie within it, and nothing can turn its lines."""
    assert 0 < message.length <= limit
    message.text.encode("utf-8")
    assert len(message.entities) <= 100
    for entity in message.entities:
        assert entity.offset >= 0
        assert entity.length > 0
        assert entity.end <= message.length
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2069") & set(
        message.text.replace("\u2069", "")
    )
    assert message.text.count("\u2068") == message.text.count("\u2069")
    assert sum(len(row) for row in message.keyboard) <= 100
    for row in message.keyboard:
        assert 1 <= len(row) <= 8
        assert all(len(button.text) <= 80 for button in row)


def reader_of(lang: str) -> Reader:
    return Reader(lang, "Asia/Tehran", NOW)


@given(found=trend_lists, lang=langs, page=st.integers(-1, 9), owner=owners)
def test_trends(found: list[Trend], lang: str, page: int, owner: int) -> None:
    refs = {trend.key: ref_of("term", trend.key) for trend in found}

    for window in Window:
        message = trends.trends_message(
            reader_of(lang), found, refs, window=window, posts=5, page=page, owner=owner
        )
        check(message)


@given(found=trend_lists, some=st.lists(posts, max_size=6), lang=langs, owner=owners, source=names)
def test_cards(
    found: list[Trend], some: list[Post], lang: str, owner: int, source: dict[int, str]
) -> None:
    trend = found[0] if found else None
    term = trend.term if trend else AWKWARD
    facts = TermFacts(
        term=term,
        key="k",
        window=Window.H24,
        at=NOW,
        volume=7,
        previous=3,
        mood=MoodSplit(positive=9, neutral=1, negative=20),
        mood_before=MoodSplit(positive=20, neutral=1, negative=9),
        first_at=NOW - timedelta(hours=3),
        posts=tuple(some),
        trend=trend,
        rank=1,
    )
    place = cards.CardPlace(ref=REF, page=3, owner=owner, muted_until=NOW, sources=source)
    why = Explanation(
        key="k",
        term=term,
        window=Window.H24,
        at=NOW,
        volume=5,
        baseline=1.5,
        ratio=3.3,
        score=7.7,
        voices=4,
        copies=3,
        coordinated=True,
        first_post_id=some[0].id if some else None,
        starters=tuple(post.author for post in some),
        loudest=tuple((post.author, 3) for post in some),
        post_ids=tuple(post.id for post in some),
        started_at=NOW,
        peak_at=NOW,
        state=TrendState.PEAK,
        mood=MoodSplit(),
    )
    reader = reader_of(lang)

    check(cards.card_message(reader, facts, place))
    check(cards.sentiment_message(reader, facts, place))
    check(cards.why_message(reader, why, {post.id: post for post in some}, place))
    check(cards.card_news_message(reader, term, Window.H24, some, place))
    check(inline.shared_card(reader, facts, place.ref, source, "hoshyar_bot").message)


@given(some=st.lists(posts, max_size=5), query=texts, lang=langs, owner=owners, source=names)
def test_lists_of_posts(
    some: list[Post], query: str, lang: str, owner: int, source: dict[int, str]
) -> None:
    reader = reader_of(lang)
    found = Found(query=query, posts=tuple(some), total=len(some) * 40, page=1)
    topic = start.Example(query or "x", REF)

    check(post_views.search_message(reader, found, REF, source, owner))
    check(
        post_views.news_message(
            reader, some, source, [topic] * 12, topic=topic, page=2, more=True, owner=owner
        )
    )


@given(found=trend_lists, some=st.lists(posts, min_size=3, max_size=8), chat=chats, source=names)
def test_a_digest_fits_and_its_first_message_is_a_caption(
    found: list[Trend], some: list[Post], chat: Chat, source: dict[int, str]
) -> None:
    volume = tuple(
        SeriesPoint(at=NOW - timedelta(hours=n), posts=n, mood=MoodSplit(positive=n))
        for n in range(24, 0, -1)
    )
    digest = Digest(
        chat_id=chat.id,
        at=NOW,
        window=Window.H24,
        trends=tuple(found[:10]),
        new_keys=frozenset(trend.key for trend in found[:2]),
        posts={1: some[0], 2: some[1]},
        news=tuple(some),
        volume=volume,
        mood=MoodSplit(positive=5, negative=9),
        kept=300,
        dropped=20,
        topic=AWKWARD,
        series={trend.key: volume for trend in found[:4]},
        due_at=NOW - timedelta(hours=5),
    )

    first, *rest = digests.digest_messages(digest, chat, source, "hoshyar_bot")

    check(first, CAPTION_LIMIT)
    for message in rest:
        check(message)
    chart = digests.digest_chart(digest, chat)
    assert all(len(line.values) == len(chart.starts) for line in chart.lines)


@given(
    terms=st.lists(texts.filter(bool), min_size=1, max_size=9),
    some=st.lists(posts, min_size=1, max_size=5),
    chat=chats,
    source=names,
)
def test_alerts(terms: list[str], some: list[Post], chat: Chat, source: dict[int, str]) -> None:
    items = tuple(
        AlertItem(
            watch=Watch(chat_id=chat.id, term=term, key=str(n), id=10**9 + n, created_at=NOW),
            posts=tuple(some),
            more=n,
            since=NOW - timedelta(hours=n),
            held=bool(n % 2),
        )
        for n, term in enumerate(terms)
    )

    messages = alerts.alert_messages(Alert(chat_id=chat.id, at=NOW, items=items), chat, source)

    for message in messages:
        check(message)
    for item in items:
        assert len(alerts.alert_reason(Reader.of(chat, NOW), item.watch)) <= 200


@given(
    terms=st.lists(texts.filter(bool), max_size=20),
    lang=langs,
    owner=owners,
    page=st.integers(0, 5),
)
def test_watches(terms: Sequence[str], lang: str, owner: int, page: int) -> None:
    mine = [
        Watch(
            chat_id=1, term=term, key=str(n), id=n, created_at=NOW, muted_until=NOW + timedelta(n)
        )
        for n, term in enumerate(terms)
    ]
    refs = {watch.key: ref_of("term", watch.key) for watch in mine}
    reader = reader_of(lang)

    check(watches.watches_message(reader, mine, refs, page=page, owner=owner))
    check(watches.watch_unknown(reader, AWKWARD, mine, refs, owner))
    check(watches.mute_question(reader, AWKWARD, REF, "l", owner))
    for watch in mine[:1]:
        check(watches.watch_added(reader, watch, refs[watch.key], new=True, owner=owner))


@given(chat=chats, topic=texts, lang=langs, owner=owners)
def test_plans_and_settings(chat: Chat, topic: str, lang: str, owner: int) -> None:
    reader = reader_of(lang)
    plan = DigestPlan(chat_id=chat.id, at="08:00", topic=topic, days="01234", next_at=NOW, id=2**40)
    example = start.Example(topic or "x", REF)
    pairs = [(plan, chat)] * 12

    check(plans.digest_home(reader, chat, pairs, owner=owner))
    check(plans.plan_message(reader, plan, chat, 1, note="note", owner=owner))
    check(plans.choose_hour(reader, chat, 1, owner=owner))
    check(places.choose_place(reader, [chat] * 5, "hoshyar_bot", owner=owner))
    check(plans.choose_topic(reader, plan, [example] * 12, owner=owner))
    check(plans.choose_days(reader, plan, owner=owner))
    check(plans.confirm_plan_removal(reader, plan, chat, 1, owner=owner))
    check(places.linked_message(reader, chat, may_post=True))
    check(places.unlinked_message(reader, chat, 3))
    check(setting_views.settings_message(reader, chat, owner=owner))
    check(setting_views.choose_zone(reader, chat, owner=owner))


@given(text=texts, lang=langs, count=st.integers(0, 40))
def test_what_admins_see(text: str, lang: str, count: int) -> None:
    reader = reader_of(lang)
    source = Source(
        kind=SourceKind.FEED,
        name=text,
        url=f"https://example.org/{text}",
        site_url="https://example.org",
        topic=text,
        state=SourceState.ACTIVE,
        errors_in_row=3,
        last_error=text,
        interval_s=900,
        next_fetch_at=NOW,
        id=2**40,
    )
    preview = Preview(
        url=source.url,
        name=text,
        site_url="",
        lang="",
        topics=(),
        count=count,
        newest=(),
        took_ms=12,
    )
    run = JobRun(job="collect", started_at=NOW, finished_at=NOW, ok=False, error=text, result=text)
    job = JobStatus(state=JobState(job="collect", next_run_at=NOW), last=run, is_running=False)
    payload = OutMessage(text=text or "x").to_json() if "\ud83d" not in text else '{"text":"x"}'
    stopped = Outgoing(
        unique_key="k", chat_id=5, kind="alert", payload=payload, error=text, created_at=NOW, id=9
    )
    example = start.Example(text or "x", REF)
    imported = ImportedFeeds(added=count, known=2, refused=(text,) * count)

    check(sources.sources_message(reader, [source] * count, 1))
    check(sources.source_message(reader, source, 2, "note"))
    check(sources.preview_message(reader, preview, example.ref, [example] * 9))
    check(sources.found_message(reader, [example] * 9))
    check(sources.test_message(reader, source, preview, 0))
    check(sources.trouble_message(reader, SourceDown(text), "As:0"))
    check(sources.imported_message(reader, imported))
    check(admin.jobs_message(reader, [job] * 10))
    check(admin.job_message(reader, job, [run] * 9))
    check(delivery.outbox_message(reader, OutboxState.AMBIGUOUS, [stopped] * 9, {}))
    check(
        delivery.bad_updates_message(
            reader, [StoredUpdate(update_id=1, body="{}", received_at=NOW, error=text)] * 9
        )
    )
    chat = Chat(id=-1, kind=ChatKind.CHANNEL, title=text)
    check(admin.channels_message(reader, [chat] * (count * 8), {-1: 2}))
    check(admin.source_gone_notice(reader, text, text))
    check(admin.trouble_notice(reader, 5, text, NOW))


@given(markdown=texts, title=texts, lang=langs)
def test_answers(markdown: str, title: str, lang: str) -> None:
    """An answer may be long (it is split later); its proof and its frame hold."""
    reader = reader_of(lang)
    evidence = Evidence(
        number=1,
        post_id=1,
        kind=PostKind.TWEET,
        text=title,
        title=title,
        url="https://example.org/1",
        source=title,
        created_at=NOW,
    )
    clean = markdown.encode("utf-8", "ignore").decode()

    so_far = answers.answer_so_far(reader, clean, can_stop=True)
    whole = answers.answer_message(reader, clean, [evidence] * 9, [], stopped=True)

    assert so_far.text
    assert whole.entities[-1].end <= whole.length


@pytest.mark.parametrize("lang", ["fa", "en"])
def test_help(lang: str) -> None:
    reader = reader_of(lang)

    check(start.help_message(reader, "hoshyar_bot", is_admin=True))
    check(start.start_message(reader, AWKWARD))
    check(setting_views.privacy_message(reader))


@given(text=texts, length=st.integers(2, 200))
def test_shortening_keeps_to_its_length(text: str, length: int) -> None:
    assert utf16_len(shortened(text, length)) <= length
    assert shortened(text, 10**6) == tidied(text)


@given(mood=moods)
def test_a_mood_bar_always_adds_up(mood: MoodSplit) -> None:
    assert len(mood_bar(mood)) == (8 if mood.total else 0)


@given(post=posts, lang=langs)
def test_a_post_is_two_lines_and_links_only_where_it_is_safe(post: Post, lang: str) -> None:
    text, entities = post_lines(reader_of(lang), post, {}).build()

    assert text.count("\n") == 1
    assert all(entity.url.startswith(("http://", "https://")) for entity in entities)


def test_every_view_is_deterministic() -> None:
    """The same models give the same message: an edit without a change is not sent."""
    make: Callable[[], OutMessage] = lambda: start.start_message(reader_of("fa"), "مینا")  # noqa: E731

    assert make() == make()
