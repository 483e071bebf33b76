"""The shipped mood model: what it says of plain sentences, and how it reads them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from io import StringIO

import pytest

from bot.analysis.mood_features import feature_words, pieces_of, word_code
from bot.analysis.sentiment import MOODS, REMEMBERED, Sentiment, Weights
from bot.analysis.text import analyse
from bot.commands.trying import classify_lines
from bot.features.intake import prepare
from bot.main import build_parser
from bot.models.post import Emotion, Mood, Post, PostKind
from config.settings import load_settings

SENTENCES = [
    ("چقدر این عکس قشنگه، دمتون گرم 😍", Mood.POSITIVE),
    ("تبریک به همه بچه‌های تیم، واقعا عالی بودید 👏", Mood.POSITIVE),
    ("مرسی که همیشه هستی، دوستت دارم ❤️", Mood.POSITIVE),
    ("غذا خیلی خوشمزه بود و به موقع رسید", Mood.POSITIVE),
    ("خسته نباشی دلاور", Mood.POSITIVE),
    ("خیلی بد بود، اصلا راضی نبودم", Mood.NEGATIVE),
    ("لعنت به این وضعیت، دیگه خسته شدم از این زندگی", Mood.NEGATIVE),
    ("مزخرف‌ترین فیلمی که دیدم، حالم به هم خورد 🤮", Mood.NEGATIVE),
    ("دروغگوها مملکت رو نابود کردن", Mood.NEGATIVE),
    ("غمگینم و گریه‌م بند نمیاد 😭", Mood.NEGATIVE),
    ("متروی تهران فردا تا ساعت ۲۳ کار می‌کند", Mood.NEUTRAL),
    ("کسی می‌دونه این کتاب رو از کجا می‌شه خرید؟", Mood.NEUTRAL),
    ("جلسه شورای شهر ساعت ده صبح برگزار شد", Mood.NEUTRAL),
    ("great job, congratulations!", Mood.POSITIVE),
    ("this is terrible and shameful", Mood.NEGATIVE),
]


@pytest.fixture(scope="module")
def model() -> Sentiment:
    return Sentiment.load()


@pytest.mark.parametrize(("text", "mood"), SENTENCES)
def test_plain_sentences_are_read_rightly(model: Sentiment, text: str, mood: Mood) -> None:
    """What no reader would doubt, the model does not either."""
    assert model.score(text).mood is mood


@pytest.mark.parametrize(
    ("praise", "complaint"),
    [("غذا خوب بود", "غذا خوب نبود"), ("عاشقتم", "عاشقت نیستم"), ("خوب است", "خوب نیست")],
)
def test_negation_turns_praise_round(model: Sentiment, praise: str, complaint: str) -> None:
    """«خوب نبود» is no praise."""
    said, denied = model.score(praise), model.score(complaint)

    assert said.mood is Mood.POSITIVE
    assert denied.mood is not Mood.POSITIVE
    assert denied.probabilities[Mood.NEGATIVE] > said.probabilities[Mood.NEGATIVE] + 0.1


def test_a_litotes_is_no_complaint(model: Sentiment) -> None:
    """«بد نبود» is mild praise, not blame."""
    assert model.score("بد نبود").mood is not Mood.NEGATIVE


def test_spelling_does_not_change_the_mood(model: Sentiment) -> None:
    """Arabic letters, half-spaces and stretched words are read alike."""
    plain = model.score("خیلی عالی بود کیفیتش")

    assert model.score("خيلي عالي بود كيفيتش") == plain
    assert model.score("خیلی عاااالی بود کیفیتش") == plain


def test_shares_add_up_and_confidence_is_the_share_of_the_verdict(model: Sentiment) -> None:
    """A confidence is a probability."""
    score = model.score("ممنون از لطفتون")

    assert sum(score.probabilities.values()) == pytest.approx(1.0)
    assert score.confidence == score.probabilities[score.mood]


def test_feelings_hold_the_same_mood(model: Sentiment) -> None:
    """Asking for everything changes nothing of the mood."""
    felt = model.feelings("ممنون از لطفتون")

    assert felt.mood == model.score("ممنون از لطفتون")
    assert 0 < felt.emotion_confidence <= 1
    assert 0 < felt.abuse < 1


@pytest.mark.parametrize("text", ["", "   ", "https://example.org/a", "@someone", "…", "\u200c"])
def test_a_text_without_words_is_neutral(model: Sentiment, text: str) -> None:
    """Nothing said, nothing felt."""
    assert model.score(text).mood is Mood.NEUTRAL


def test_parts_taken_apart_before_give_the_same_score(model: Sentiment) -> None:
    """Whoever analysed the text already need not do it twice."""
    text = "آفرین به #تیم_ملی که برد 🎉 https://example.org"

    assert model.score(text, parts=analyse(text)) == model.score(text)


def test_news_is_read_by_its_own_measure(model: Sentiment) -> None:
    """A complaint as a tweet, a plain event as a headline: each kind has learnt its own."""
    text = "دلار گران شد"
    tweet, news = model.score(text), model.score(text, kind=PostKind.NEWS)

    assert tweet.mood is Mood.NEGATIVE
    assert news.mood is Mood.NEUTRAL
    assert news.probabilities[Mood.NEGATIVE] < tweet.probabilities[Mood.NEGATIVE]


@pytest.mark.parametrize(
    ("title", "mood"),
    [
        ("جلسه هیئت مدیره باشگاه فردا برگزار می‌شود", Mood.NEUTRAL),
        ("قیمت سکه و طلا امروز", Mood.NEUTRAL),
        ("پیروزی شیرین و درخشان تیم ملی؛ افتخاری بزرگ برای ایران", Mood.POSITIVE),
        ("انتقاد شدید نماینده مجلس: این بی‌کفایتی و ظلم به مردم است", Mood.NEGATIVE),
    ],
)
def test_headlines_have_the_tone_of_who_speaks(model: Sentiment, title: str, mood: Mood) -> None:
    """Celebration and attack are named; plans and prices are neutral."""
    assert model.score(title, kind=PostKind.NEWS).mood is mood


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("تولدت مبارک عزیزم، دوستت دارم ❤️", Emotion.HAPPINESS),
        ("دلم براش تنگ شده و گریه‌م بند نمیاد 😭", Emotion.SADNESS),
        ("لعنت به این وضعیت، گرونی و دروغ و دزدی تا کی؟", Emotion.ANGER),
        ("خیلی میترسم، استرس دارم و نگرانم", Emotion.FEAR),
        ("فردا ساعت ده جلسه داریم", Emotion.OTHER),
    ],
)
def test_plain_emotions_are_named(model: Sentiment, text: str, emotion: Emotion) -> None:
    """What no reader would doubt, the model does not either."""
    assert model.feelings(text).emotion is emotion


def test_an_insult_is_more_abusive_than_a_complaint(model: Sentiment) -> None:
    """Swearing at somebody is told from anger about a thing."""
    insult = model.feelings("خفه شو احمق بیشعور کثافت")
    complaint = model.feelings("چرا باز برق رفت؟ خسته شدیم از این وضع")

    assert insult.abuse > 0.5 > 0.25 > complaint.abuse


def test_shouting_cannot_break_the_arithmetic(model: Sentiment) -> None:
    """A text of thousands of the same word still gives a probability."""
    score = model.score("افتضاح " * 5000)

    assert score.mood is Mood.NEGATIVE
    assert 0.5 < score.confidence <= 1.0


def test_a_post_taken_in_carries_its_feelings(model: Sentiment) -> None:
    """Mood and emotion are read once, title and text together."""
    raw = Post(
        kind=PostKind.NEWS,
        source_id=2,
        external_id="1",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        title="پیروزی شیرین و درخشان تیم ملی",
        text="افتخاری بزرگ برای ایران؛ تبریک به قهرمانان",
    )

    post = prepare(raw, model).post

    assert (post.mood, post.emotion) == (Mood.POSITIVE, Emotion.HAPPINESS)
    assert post.mood_confidence == model.score(raw.full_text, kind=raw.kind).confidence


def test_lines_are_tried_for_their_emotion(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`try classify --task emotion` answers with a label and a confidence for each line."""
    monkeypatch.setattr("sys.stdin", StringIO("دلم براش تنگ شده 😭\nجلسه فردا ساعت ده است\n"))
    settings = load_settings({})
    given = build_parser().parse_args(["try", "classify", "--task", "emotion"])

    asyncio.run(classify_lines(settings, given))
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [answer["label"] for answer in answers] == ["sadness", "other"]
    assert all(0 < answer["confidence"] < 1 for answer in answers)


def test_remembered_words_are_bounded() -> None:
    """A flood of new words cannot eat the memory."""
    model = Sentiment(Sentiment.load()._weights)

    for number in range(REMEMBERED // 100 + 10):
        model.pull([f"واژه{number}x{part}" for part in range(100)])

    assert 0 < len(model._words) <= REMEMBERED


def test_a_text_is_words_then_signs() -> None:
    """Skin colour and gender go, faces and calls stay, links and mentions are nothing."""
    words = feature_words("سلام @ali چطوری؟؟ 👍🏽👍🏽👍 :))) https://example.org/x:/y 12:30 !")

    assert words == ["سلام", "چطوری", "12", "30", "👍", "👍+", ":)+", "?+", "!"]


def test_all_numbers_are_one_word() -> None:
    """How much is not how it feels."""
    assert word_code("1405") == word_code("7") != word_code("هفت")
    assert pieces_of("1405") == []


def test_weights_survive_packing() -> None:
    """What the trainer wrote is what the bot reads."""
    weights = Sentiment.load()._weights

    again = Weights.unpack(weights.pack())

    assert again == weights


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-20],
        lambda data: data.replace(b'"format": 2', b'"format": 9'),
        lambda data: data.partition(b"\n")[0] + b"\n" + b"garbage",
        lambda data: b"not json\n",
    ],
)
def test_damaged_weights_are_refused(spoil: object) -> None:
    """Rather no model than a wrong one."""
    assert callable(spoil)
    data = spoil(Sentiment.load()._weights.pack())

    with pytest.raises(ValueError):  # noqa: PT011 (json's own error is one too)
        Weights.unpack(data)


def test_the_order_of_moods_is_fixed() -> None:
    """Weights would mean something else in another order."""
    assert MOODS == (Mood.NEGATIVE, Mood.NEUTRAL, Mood.POSITIVE)
