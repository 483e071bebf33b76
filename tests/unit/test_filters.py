"""The judge drops what nobody wants to read, says why, and keeps everything doubtful."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.analysis.adult import LONG, adult_offer
from bot.analysis.filters import BY_ADMIN, KEPT, RULES, Verdict, is_shown, judge, verdicts
from bot.analysis.keys import fold
from bot.analysis.strictness import LIMITS, Strictness
from bot.analysis.text import analyse, normalise
from bot.analysis.words import entries, word_set
from bot.models.post import TWITTER_SOURCE_ID, DropReason, Post, PostKind

unhurried = settings(deadline=None, derandomize=True)  # a busy machine, the same verdict

CASES = Path(__file__).parents[1] / "data" / "filters_cases.tsv"


@dataclass(frozen=True)
class Judged:
    """As little of a post as the judge needs."""

    text: str
    kind: PostKind = PostKind.TWEET
    title: str = ""


def cases() -> list[tuple[str, PostKind, str]]:
    lines = CASES.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("# ")]
    return [(reason, PostKind(kind), text) for reason, kind, text in rows]


@pytest.mark.parametrize(("reason", "kind", "text"), cases())
def test_a_post_is_judged_for_what_it_is(reason: str, kind: PostKind, text: str) -> None:
    verdict = judge(Judged(text, kind))

    assert (verdict.reason.value if verdict.reason else "keep") == reason, verdict


@pytest.mark.parametrize(("reason", "kind", "text"), cases())
def test_the_shown_form_is_judged_like_the_raw_text(reason: str, kind: PostKind, text: str) -> None:
    assert judge(Judged(normalise(text), kind)).reason == judge(Judged(text, kind)).reason


def test_a_drop_says_which_rule_and_what_it_saw() -> None:
    text = "کفش چرم با تخفیف ویژه، جهت خرید ۰۹۱۲۰۰۰۰۰۰۰"

    verdict = judge(Judged(text))

    assert verdict == Verdict(
        DropReason.ADVERTISEMENT,
        "advertisement",
        "با تخفیف, تخفیف ویژه, جهت خرید, ۰۹۱۲۰۰۰۰۰۰۰",
    )
    assert not verdict.is_kept


def test_the_title_of_news_counts() -> None:
    assert judge(Judged("", PostKind.NEWS, title="برف راه‌های شمال را بست")) == KEPT
    assert judge(Judged("", PostKind.NEWS)).reason is DropReason.EMPTY


def test_an_author_who_repeats_a_post_is_repetitive() -> None:
    post = Judged("امروز هم مثل هر روز صبح بخیر می‌گویم")

    assert judge(post, copies_by_author=2) == KEPT
    assert judge(post, copies_by_author=3).reason is DropReason.REPETITIVE


@pytest.mark.parametrize(
    "phone",
    [
        "09120000000",
        "۰۹۱۲۰۰۰۰۰۰۰",
        "0912 000 0000",
        "0912-000-00-00",
        "+989120000000",
        "00989120000000",
        "٠٩١٢٠٠٠٠٠٠٠",
        "021-0000 0000",
        "+971500000000",
    ],
)
def test_phone_numbers_are_seen_in_every_spelling(phone: str) -> None:
    verdict = judge(Judged(f"فرش دست‌بافت با قیمت مناسب {phone}"))

    assert (verdict.reason, phone in verdict.evidence) == (DropReason.ADVERTISEMENT, True)


@pytest.mark.parametrize("figure", ["1403/09/12", "6037000000000000", "۱۲۳۴۵۶۷", "0.912000000"])
def test_other_figures_are_not_phone_numbers(figure: str) -> None:
    assert judge(Judged(f"فرش دست‌بافت با قیمت مناسب {figure}")) == KEPT


def stored(text: str, drop: DropReason | None = None, evidence: str = "") -> Post:
    return Post(
        kind=PostKind.TWEET,
        source_id=TWITTER_SOURCE_ID,
        external_id="1",
        created_at=datetime(2026, 3, 4, tzinfo=UTC),
        text=text,
        drop=drop,
        drop_evidence=evidence,
    )


DOUBTFUL = "کفش چرم با تخفیف ویژه، جهت خرید پیام بدهید"
ONE_INSULT = "وزیر احمق است"


@pytest.mark.parametrize(
    ("text", "drop", "lenient", "normal", "strict"),
    [
        ("امروز باران آمد و شهر نفس کشید", None, True, True, True),
        (ONE_INSULT, None, True, True, False),
        (DOUBTFUL, DropReason.ADVERTISEMENT, True, False, False),
        (DOUBTFUL, DropReason.DUPLICATE, False, False, False),
        ("کیر توی این وضع", DropReason.ABUSIVE, True, False, False),
        ("کیر توی این وضع، کسکش‌ها", DropReason.ABUSIVE, False, False, False),
    ],
)
def test_a_chat_chooses_how_much_doubt_it_is_shown(
    text: str, drop: DropReason | None, lenient: bool, normal: bool, strict: bool
) -> None:
    post = stored(text, drop)

    shown = [is_shown(post, strictness) for strictness in Strictness]

    assert shown == [lenient, normal, strict]


def test_what_an_admin_left_out_is_shown_to_nobody() -> None:
    post = stored("امروز باران آمد", DropReason.SPAM, BY_ADMIN)

    assert not any(is_shown(post, strictness) for strictness in Strictness)


@unhurried
@given(st.text(), st.sampled_from([text for _, _, text in cases()]))
def test_a_stricter_look_never_lets_more_through(any_text: str, known: str) -> None:
    for text in (any_text, known, any_text + known):
        kept = [judge(Judged(text), strictness=strictness).is_kept for strictness in Strictness]

        assert kept == sorted(kept, reverse=True)


def test_limits_only_fall_with_strictness() -> None:
    rows = [LIMITS[strictness] for strictness in Strictness]

    for looser, closer in pairwise(rows):
        assert looser.advert > closer.advert
        assert looser.selling > closer.selling
        assert looser.adult > closer.adult
        assert looser.insults > closer.insults
        assert looser.obscene >= closer.obscene
        assert looser.abuse > closer.abuse


def test_a_coarse_word_weighs_less_than_an_insult() -> None:
    coarse, sure = "این هوای لعنتی تمام نمی‌شود", "وزیر احمق است"

    assert [judge(Judged(text)).is_kept for text in (coarse, sure)] == [True, True]
    assert not judge(Judged(f"{coarse}، {sure}")).is_kept
    assert judge(Judged("نجس و پلید")).evidence == "نجس, پلید"


@pytest.mark.parametrize(
    ("abuse", "kept"),
    [
        (0.1, [True, True, True]),
        (0.5, [True, True, False]),
        (0.8, [True, False, False]),
        (0.99, [False, False, False]),
    ],
)
def test_what_a_model_finds_abusive_is_believed_by_strictness(
    abuse: float, kept: list[bool]
) -> None:
    post = Judged("کاش دیگر هیچ‌وقت چشمم به تو نیفتد")

    found = [judge(post, strictness=strictness, abuse=abuse) for strictness in Strictness]

    assert [verdict.is_kept for verdict in found] == kept
    assert found[-1].evidence == ("" if kept[-1] else f"sounds abusive: {abuse:.0%}")
    assert judge(Judged(post.text, PostKind.NEWS), abuse=abuse).is_kept


def test_words_are_better_evidence_than_a_feeling() -> None:
    assert judge(Judged("این جاکش‌ها"), abuse=0.99).evidence == "جاکشها"


def test_everything_against_a_post_can_be_asked_for() -> None:
    text = "جاکش‌ها! کفش چرم با تخفیف ویژه، جهت خرید ۰۹۱۲۰۰۰۰۰۰۰"

    found = [(one.reason, one.rule) for one in verdicts(Judged(text))]

    assert found == [
        (DropReason.ABUSIVE, "abusive"),
        (DropReason.ADVERTISEMENT, "advertisement"),
    ]
    assert verdicts(Judged("امروز باران آمد")) == []


def test_an_offer_in_many_words_must_say_where_to_come() -> None:
    talk = " ".join(["واژه"] * 20)
    offer = analyse(f"سکس چت 🍑 {talk}")
    with_place = analyse(f"سکس چت 🍑 دایرکت {talk}")
    endless = analyse(f"سکس چت 🍑 دایرکت {' '.join(['واژه'] * LONG)}")

    scores = [adult_offer(parts.words, parts.emoji).score for parts in (offer, with_place, endless)]

    assert [score > 0 for score in scores] == [False, True, False]


@unhurried
@given(st.text(), st.sampled_from(PostKind))
def test_any_text_gets_a_verdict_with_proof(text: str, kind: PostKind) -> None:
    verdict = judge(Judged(text, kind))

    assert verdict.is_kept == (verdict.evidence == "") == (verdict.rule == "")
    assert len(verdict.evidence) <= 120


def test_every_rule_has_its_own_name_and_a_reason() -> None:
    names = [rule.__name__ for _, rule in RULES]

    assert len(set(names)) == len(names)
    assert {reason for reason, _ in RULES} == set(DropReason) - {
        DropReason.DUPLICATE,
        DropReason.NEAR_DUPLICATE,
    }


def test_word_lists_are_written_in_keys() -> None:
    """A list entry that is not a key would never match anything."""
    phrases = [line.split(maxsplit=2)[2] for line in entries("advertising")]
    abuse = [word for line in entries("abuse") for word in line.split()[1:]]
    adult = [
        word
        for line in entries("adult")
        for word in line.split(maxsplit=2)[2].replace("|", " ").split()
    ]
    words = [*phrases, *abuse, *adult, *word_set("insults"), *word_set("insults_weak")]

    assert [word for word in words if fold(word) != word] == []
