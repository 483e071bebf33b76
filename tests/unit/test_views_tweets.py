"""What admins read of tweets: prices as people say them, searches put together by buttons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.tweet_query import check as checked
from bot.errors import (
    BadInput,
    BudgetSpent,
    KeyRefused,
    OutOfCredit,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceRefused,
    TooFast,
)
from bot.features.queries import QueryLine, QueryTest, Suggestion, SuggestionKind
from bot.handlers.admin.budget import credits_of
from bot.handlers.buttons import ADMIN_VERBS, unpack
from bot.handlers.texts import LANGS, has
from bot.handlers.views import budget, queries, query_drafts
from bot.handlers.views.page import Reader
from bot.handlers.views.query_drafts import Draft
from bot.models.cache import CacheReport, CacheStats
from bot.models.live import LiveQuery, LiveState
from bot.models.messages import OutMessage
from bot.models.post import TWITTER_SOURCE_ID, Engagement, Post, PostKind
from bot.models.spending import (
    BudgetState,
    NoticeKind,
    Spending,
    SpendingNotice,
    SpendingReport,
)
from bot.models.tweets import Balance, Priority, ResultType, Tweet, TweetQuery
from bot.services.twitter_prices import PRICES
from bot.storage.queries import QueryYield
from bot.storage.talks import ref_of
from tests.unit.test_views_properties import AWKWARD, check, langs, posts, texts

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)  # 17:30 in Tehran
REF = ref_of("query", "زلزله")
FA, EN = Reader("fa", "Asia/Tehran", NOW), Reader("en", "Asia/Tehran", NOW)
KINDS = (KeyRefused, TooFast, OutOfCredit, BudgetSpent, SourceRefused, SourceGarbled, SourceDown)


def state(**changed: object) -> BudgetState:
    """Half a dollar a day, an eighth of it spent."""
    facts: dict[str, object] = {
        "day": "2026-11-21",
        "starts_at": NOW - timedelta(hours=17.5),
        "ends_at": NOW + timedelta(hours=6.5),
        "now": NOW,
        "limit": 50_000,
        "is_admins_limit": False,
        "spent": 6_250,
        "held": 0,
        "calls": 40,
        "items": 410,
        "balance": Balance(12_000, 345),
        "balance_at": NOW - timedelta(minutes=3),
        "rate": 10.0,
    }
    return BudgetState(**{**facts, **changed})  # type: ignore[arg-type]


def cache(asked: int = 40, misses: int = 10) -> CacheReport:
    stats = CacheStats(hits_memory=asked - misses, misses=misses)
    return CacheReport(process=stats, shared_name="database", shared=None)


def shown(reader: Reader, now: BudgetState, *, has_key: bool = True) -> str:
    more = budget.Spent(has_key=has_key, cache=cache())
    return budget.budget_message(reader, now, more).text


def words_on(message: OutMessage) -> list[str]:
    return [button.text for row in message.keyboard for button in row]


def data_on(message: OutMessage, text: str) -> str:
    return next(button.data for row in message.keyboard for button in row if text in button.text)


# --- prices


@pytest.mark.parametrize(
    ("credits", "persian", "english"),
    [
        (0, "۰ دلار", "$0"),
        (15, "۰٫۰۰۰۱۵ دلار", "$0.00015"),
        (300, "۰٫۰۰۳ دلار", "$0.003"),
        (6_250, "۰٫۰۶۲ دلار", "$0.062"),
        (50_000, "۰٫۵ دلار", "$0.50"),
        (100_000, "۱ دلار", "$1"),
        (123_456_789, "۱٬۲۳۴٫۵۷ دلار", "$1,234.57"),
        (-1_500, "-۰٫۰۱۵ دلار", "-$0.015"),
    ],
)
def test_credits_are_said_in_dollars(credits: int, persian: str, english: str) -> None:
    assert budget.usd(FA, credits) == persian
    assert budget.usd(EN, credits) == english


@given(credits=st.integers(0, 10**9))
def test_a_price_shown_is_near_the_price(credits: int) -> None:
    """Within half a cent from a dollar on, a twentieth of a cent from a cent on, exact below."""
    amount = float(budget.usd(EN, credits).removeprefix("$").replace(",", ""))

    allowed = 0.5 if credits < 1_000 else 51 if credits < 100_000 else 501
    assert abs(amount * 100_000 - credits) <= allowed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", 50_000),
        ("۰٫۵", 50_000),
        ("۰/۵ دلار", 50_000),
        ("$2", 200_000),
        ("1,25", 125_000),
        ("0,005", 500),
        ("1,000", 100_000_000),
        ("۱٬۰۰۰ دلار", 100_000_000),
        ("۹۹۹٫۵", 99_950_000),
        ("1,001", None),
        ("1,000.25", None),
        ("۱٬۰۰", None),
        ("0", 0),
        ("1000", 100_000_000),
        ("1000.01", None),
        ("", None),
        ("-1", None),
        ("پنج", None),
        ("0.5.5", None),
    ],
)
def test_dollars_are_read_as_people_write_them(text: str, expected: int | None) -> None:
    assert credits_of(text) == expected


# --- the budget


def test_the_budget_says_what_is_left_and_until_when() -> None:
    text = shown(FA, state(lasts_until=NOW + timedelta(minutes=10)))

    assert "موجودی حساب: ۰٫۱۲۳ دلار (۱۲٬۳۴۵ اعتبار)، ۳ دقیقه پیش" in text
    assert "امروز: ۰٫۰۶۲ دلار از ۰٫۵ دلار خرج شد، ۰٫۴۳۸ دلار مانده" in text
    assert "با این سرعت تا ۱۷:۴۰ می‌ماند." in text
    assert "از ۴۰ پرسش، ۷۵٪" in text


def test_the_budget_says_why_nothing_is_spent() -> None:
    """Each with what helps; an account that is empty asks to be recharged first."""
    spent = shown(EN, state(spent=49_900))
    empty = budget.budget_message(
        EN, state(is_out_of_credit=True), budget.Spent(has_key=True, cache=cache())
    )

    assert "at this pace" not in spent.lower()
    assert "spent; it opens again tomorrow 00:00" in spent
    assert "the day's limit is zero" in shown(EN, state(limit=0)).lower()
    assert "twitterapi.io" in empty.text
    assert "▶️ Recharged: go on" in words_on(empty)
    assert "TWITTERAPI_API_KEY" in shown(EN, state(), has_key=False)
    assert "TWITTERAPI_API_KEY" not in shown(EN, state())


def test_nothing_is_due_before_there_is_money_again() -> None:
    """Tomorrow with the day's budget spent; no time at all where a person has to act first."""
    late, soon = NOW + timedelta(days=2), NOW + timedelta(minutes=5)
    due = [TweetQuery(text=f"q{n}", id=n, next_at=at) for n, at in enumerate((None, soon, late))]

    def next_lines(now: BudgetState) -> list[str]:
        more = budget.Spent(has_key=True, cache=cache(), due=due)
        lines = budget.budget_message(EN, now, more).text.split("\n")
        return [line.removeprefix("Next: ") for line in lines if line.startswith("Next")]

    later = EN.when(late)
    assert next_lines(state()) == ["q0, right now", f"q1, {EN.when(soon)}", f"q2, {later}"]
    assert next_lines(state(spent=49_900)) == [
        "q0, tomorrow 00:00", "q1, tomorrow 00:00", f"q2, {later}"
    ]  # fmt: skip
    assert next_lines(state(is_out_of_credit=True)) == next_lines(state(limit=0)) == []


def test_what_nobody_knows_the_price_of_is_not_hidden() -> None:
    text = shown(EN, state(held=900, lost=2, lost_credits=600))

    assert "2 requests stayed without an answer" in text
    assert "$0.006 (600 credits) is set aside" in text
    assert "under way: $0.003 (300 credits)" in text


def test_spending_is_shown_by_day_query_and_kind() -> None:
    report = SpendingReport(
        total=Spending(calls=3, items=30, credits=465, empty_calls=1, empty_credits=15),
        by_day=(("2026-11-21", Spending(calls=3, items=30, credits=465)),),
        by_endpoint=(("search", Spending(calls=3, items=30, credits=465)),),
        by_query=(
            (7, Spending(calls=1, items=10, credits=150)),
            (8, Spending(calls=1, items=20, credits=300)),
            (0, Spending(calls=1, credits=15)),
        ),
        unexplained=45,
    )

    day = budget.spent_message(FA, report, "day", 7, {}).text
    query = budget.spent_message(FA, report, "query", 30, {7: "زلزله lang:fa"}).text
    kind = budget.spent_message(EN, report, "endpoint", 1, {})

    assert "شنبه ۳۰ آبان" in day
    assert "روی هم: ۰٫۰۰۴۶۵ دلار برای ۳ درخواست و ۳۰ توییت" in day
    assert "۴۵ اعتبار" in day
    assert "\u2068زلزله lang:fa\u2069" in query
    assert "جست‌وجوی حذف‌شدهٔ شمارهٔ ۸" in query
    assert "بیرون از جست‌وجوها" in query
    assert "search" in kind.text
    assert "• today •" in words_on(kind)


@pytest.mark.parametrize("lang", LANGS)
def test_every_kind_of_request_has_its_words(lang: str) -> None:
    paid = {name for name in PRICES if name != "balance"} | {"push"}

    assert {name for name in paid if not has(lang, f"endpoint.{name}")} == set()


@pytest.mark.parametrize("lang", LANGS)
def test_every_trouble_has_a_sentence_that_helps(lang: str) -> None:
    """Each its own; the words of the wire stay apart, and without a key it says how to set one."""
    reader = Reader(lang, "Asia/Tehran", NOW)

    found = [budget.trouble_message(reader, kind("HTTP 418"), "AQ:0").text for kind in KINDS]
    no_key = budget.trouble_message(reader, KeyRefused("x"), "AQ:0", has_key=False).text

    assert len({text.split("\n")[0] for text in found}) == len(KINDS)
    assert "did not answer" in budget.trouble_message(EN, SourceError("odd"), "AQ:0").text
    assert "TWITTERAPI_API_KEY" in no_key
    assert "/budget" in found[3]


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_notice_says_what_to_do(lang: str, kind: NoticeKind) -> None:
    reader = Reader(lang, "Asia/Tehran", NOW)

    message = budget.spending_notice(reader, SpendingNotice(kind, "k", NOW, 1_500))

    check(message)
    assert any(unpack(button.data) for row in message.keyboard for button in row)


# --- searches


def line(text: str = "زلزله lang:fa", number: int = 1, **changed: object) -> QueryLine:
    query = TweetQuery(text=text, id=number, **changed)  # type: ignore[arg-type]
    week = QueryYield(calls=4, credits=301, tweets=20, fresh=18, kept=15)
    return QueryLine(query=query, today=QueryYield(), week=week)


def test_the_list_is_by_priority_and_the_paused_come_last() -> None:
    lines = [
        line("الف", 1, priority=Priority.LOW),
        line("ب", 2, priority=Priority.HIGH, active=False),
        line("پ", 3, priority=Priority.HIGH, next_at=NOW + timedelta(minutes=5)),
        line("ت", 4, rule_id="r1"),
    ]

    text = queries.queries_message(FA, lines).text

    places = [text.index(f"{n}. {mark}") for n, mark in zip("۱۲۳۴", "✅⚡✅⏸", strict=True)]
    assert places == sorted(places)
    assert "در ۷ روز ۱۵ نگه‌داشته از ۲۰" in text
    assert "هر توییت ۰٫۰۰۰۲۱ دلار" in text  # 301 / 15, rounded up
    assert "امروز ۱۷:۳۵" in text
    assert "زنده می‌رسد" in text


@pytest.mark.parametrize(
    ("wish", "is_off", "said", "button"),
    [
        (None, False, "زنده نیست", "⚡️ زنده کن"),
        (True, False, "⚡️ زنده است", "💤 زنده نباشد"),
        (False, False, "دارد زنده می‌شود", "💤 زنده نباشد"),
        (False, True, "بودجه برایش نمانده", "💤 زنده نباشد"),
    ],
)
def test_a_wish_to_be_live_says_what_became_of_it(
    wish: bool | None, is_off: bool, said: str, button: str
) -> None:
    wishes = () if wish is None else (LiveQuery(1, NOW, is_pushed=wish),)
    now = LiveState(queries=wishes, seen_at=None, hooked_at=None, held=0, is_off=is_off)

    message = queries.query_message(FA, line(), 0, "", now)

    assert (said in message.text) == (wish is not None)
    assert button in words_on(message)


def test_what_is_held_for_live_tweets_is_no_request_under_way() -> None:
    text = shown(EN, state(held=1_800, held_live=1_500))

    assert "for requests under way: $0.003 (300" in text
    assert "for live tweets: $0.015 (1,500" in text


@pytest.mark.parametrize(("hours", "is_said"), [(1, False), (5, True)])
def test_books_that_were_not_checked_for_long_are_named(hours: int, is_said: bool) -> None:
    text = shown(EN, state(checked_at=NOW - timedelta(hours=hours)))

    assert ("have not been checked with the balance since" in text) is is_said


def test_a_query_that_is_pushed_and_searched_for_says_so() -> None:
    wish = LiveQuery(1, NOW, is_pushed=False, is_met=True)
    now = LiveState(queries=(wish,), seen_at=None, hooked_at=None, held=0, is_off=False)

    text = queries.query_message(EN, line(), 0, "", now).text

    assert "arrive by themselves, and cost" in text


def test_what_brought_nothing_is_not_called_cheap() -> None:
    nothing = QueryLine(
        query=TweetQuery(text="x", id=1),
        today=QueryYield(),
        week=QueryYield(calls=9, credits=135),
    )

    text = queries.queries_message(EN, [nothing]).text

    assert "brought nothing in 7 days" in text
    assert "no result, $0.00135" in text


def test_a_search_is_put_together_by_buttons() -> None:
    draft = Draft.begun("زلزله OR زمین‌لرزه")
    message = query_drafts.draft_message(FA, draft, REF, has_key=True)
    assert draft.checked.text == "(زلزله OR زمین‌لرزه) lang:fa"

    for word in ("بی پاسخ‌ها", "بی بازنشر", "با هر تعداد پسند", "دست‌کم ۵ پسند", "✓ فقط فارسی"):
        press = unpack(data_on(message, word))
        assert press is not None
        draft = Draft.of(draft.text, press.arg(1))
        message = query_drafts.draft_message(FA, draft, REF, has_key=True)

    whole = "(زلزله OR زمین‌لرزه) -filter:replies -filter:nativeretweets min_faves:20"
    assert draft.checked.text == whole
    assert whole in message.text
    assert "۰٫۰۰۳ دلار" in message.text


def test_who_writes_operators_says_it_all() -> None:
    """What is written is not offered again, and nothing is added by itself."""
    draft = Draft.begun("زلزله lang:fa min_faves:3")
    message = query_drafts.draft_message(FA, draft, REF, has_key=False)

    assert draft.checked.text == "زلزله lang:fa min_faves:3"
    assert not any("فارسی" in word or "پسند" in word for word in words_on(message))
    assert "TWITTERAPI_API_KEY" in message.text


@given(
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    likes=st.sampled_from(query_drafts.LIKES),
)
def test_a_button_carries_the_whole_draft(flags: tuple[bool, bool, bool], likes: int) -> None:
    draft = Draft("زلزله", *flags, likes)

    assert Draft.of("زلزله", draft.code) == draft
    assert checked(draft.checked.text).text == draft.checked.text


def test_a_draft_that_cannot_be_asked_is_refused() -> None:
    with pytest.raises(BadInput, match=r"query\.brackets"):
        Draft.begun("(زلزله")


def test_a_test_shows_tweets_and_the_price() -> None:
    post = Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id="5",
        created_at=NOW,
        text="زمین لرزید",
        url="https://x.com/sara/status/5",
        author="sara",
        engagement=Engagement(likes=12),
    )
    found = QueryTest(
        text="زلزله lang:fa",
        tweets=(Tweet(post=post),),
        found=20,
        credits=300,
        per_day=1440,
        credits_per_day=21_600,
    )

    text = query_drafts.test_message(FA, found).text

    assert "۲۰ توییت آمد و ۰٫۰۰۳ دلار خرج شد." in text
    assert "حدود ۱٬۴۴۰ توییت در روز می‌آید، روزی ۰٫۲۱۶ دلار" in text
    assert "زمین لرزید" in text
    assert "@sara" in text


@pytest.mark.parametrize("kind", SuggestionKind)
def test_every_suggestion_says_why(kind: SuggestionKind) -> None:
    week = QueryYield(calls=40, credits=6_000, tweets=400, fresh=40, kept=20)

    hint = Suggestion(kind=kind, query=TweetQuery(text="x", id=3), week=week)

    said = {
        SuggestionKind.NOTHING_KEPT: "40 requests cost $0.06",
        SuggestionKind.COSTLY: "cost $0.003",
        SuggestionKind.OVERLAPS: "90% of what it brought was here already, from other searches",
    }
    assert said[kind] in queries.hints_message(EN, [hint]).text


@given(text=texts, lang=langs, some=st.lists(posts, max_size=5), many=st.integers(0, 9))
def test_whatever_is_written_every_message_fits(
    text: str, lang: str, some: list[Post], many: int
) -> None:
    reader = Reader(lang, "Asia/Tehran", NOW)
    query = TweetQuery(
        text=text,
        id=2**40,
        last_error=text,
        errors_in_row=3,
        result_type=ResultType.MIXED,
        rate=3.3,
        last_run_at=NOW,
        covered_to=NOW,
        next_at=NOW + timedelta(days=9),
    )
    one = QueryLine(query=query, today=QueryYield(), week=QueryYield(calls=10**9, credits=10**9))
    found = QueryTest(
        text=text,
        tweets=tuple(Tweet(post=post) for post in some),
        found=20,
        credits=300,
        problems=("query.note.broad", "query.note.no_lang", "query.note.no_retweets"),
    )
    hint = Suggestion(kind=SuggestionKind.OVERLAPS, query=query, week=one.week)
    spent = tuple((n, Spending(calls=10**9, credits=10**12)) for n in range(many * 5))
    report = SpendingReport(
        total=Spending(credits=10**12, empty_credits=5),
        by_day=(("2026-11-21", Spending()),) * many * 4,
        by_endpoint=((AWKWARD, Spending()),) * many,
        by_query=spent,
        unexplained=5,
    )
    wished = LiveState(
        queries=(LiveQuery(query.id, NOW, is_pushed=False),),
        seen_at=None,
        hooked_at=None,
        held=0,
        is_off=True,
    )
    more = budget.Spent(has_key=False, cache=cache(), due=[query] * 3)
    messages = [
        queries.queries_message(reader, [one] * many, 1),
        queries.query_message(reader, one, 10**5, "note", wished),
        queries.removal_question(reader, query, 10**5),
        queries.text_question(reader, query, 10**5),
        queries.interval_question(reader, query, 10**5),
        *(
            queries.choice_message(reader, query, field, 10**5)
            for field in ("priority", "result", "interval")
        ),
        queries.hints_message(reader, [hint] * many * 2),
        query_drafts.test_message(reader, found, queries.test_back(reader, query, 3)),
        query_drafts.words_question(reader),
        budget.budget_message(reader, state(is_admins_limit=True, lost=9), more, "note"),
        *(budget.spent_message(reader, report, kind, 30, {0: text}) for kind in budget.KINDS),
        budget.trouble_message(reader, SourceDown(text), "AQ:0"),
        budget.limit_question(reader, state(is_admins_limit=True), 1000),
    ]

    for message in messages:
        check(message)
        presses = [unpack(button.data) for row in message.keyboard for button in row]
        assert all(press is not None and press.verb in ADMIN_VERBS for press in presses)
