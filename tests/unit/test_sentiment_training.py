"""The trainer: the same features as the bot, the same draw every time, sound arithmetic."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.analysis.sentiment import Sentiment
from bot.analysis.training import moods, sets
from bot.analysis.training.linear import Rows, fit, join, minimise, softmax
from bot.models.post import Mood

ROOT = Path(__file__).parents[2]
ASKED = ("mood", "emotion", "is_abusive", "is_advert")
WORDS = ["خوب", "بد", "نبود", "بدون", "عالی", "😂", ":)", "!", "نه", "1405", "سلام", "ندارم"]


@pytest.fixture(scope="module")
def dense() -> np.ndarray:
    """Weights for every column, coarse enough to survive being a signed byte."""
    return np.random.default_rng(7).integers(-127, 128, (moods.WIDTH, 3)).astype(float)


@settings(max_examples=60, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
def test_trainer_and_bot_read_a_text_alike(words: list[str], dense: np.ndarray) -> None:
    """A weight learnt for a feature is used for that feature: negation, pairs and length too."""
    dense[:, 1] = 0
    dense[moods._BIAS_AT :] = 0
    model = Sentiment(moods.pack(dense, np.zeros(3), 1.0, (1.0, 1.0, 1.0), 0.0))

    expected = moods.rows_of([moods.Example(tuple(words), 0)]).times(dense)[0]
    negative, positive = model.pull(words)

    assert (negative, positive) == pytest.approx((expected[0], expected[2]), abs=1e-6)


def test_regression_learns_what_tells_classes_apart() -> None:
    """Three classes, each with a column of its own."""
    rows = Rows.of([([mood, 3], [1.0, 1.0]) for mood in (0, 1, 2) * 10], 4)
    classes = np.array((0, 1, 2) * 10)

    weights = fit(rows, classes, np.ones(30), strength=10.0, most_steps=100)

    assert (softmax(rows.times(weights)).argmax(axis=1) == classes).all()
    assert weights[3] == pytest.approx([0, 0, 0], abs=1e-3)  # says nothing, weighs nothing


def test_an_important_row_outweighs_a_contradiction() -> None:
    """Importance counts like repetition."""
    rows = Rows.of([([0], [1.0]), ([0], [1.0]), ([1], [1.0])], 2)
    classes = np.array([0, 1, 2])

    weights = fit(rows, classes, np.array([1.0, 5.0, 1.0]), strength=10.0, most_steps=50)

    assert weights[0].argmax() == 1


def test_minimise_finds_the_bottom() -> None:
    """The valley of Rosenbrock, where steepest descent crawls."""

    def valley(at: np.ndarray) -> tuple[float, np.ndarray]:
        x, y = at
        slope = [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2, np.array(slope)

    assert minimise(valley, np.array([-1.2, 1.0]), 500) == pytest.approx([1, 1], abs=0.02)


def test_taking_and_joining_rows_keeps_them() -> None:
    """Rows, the empty one too, stay whole in any order."""
    rows = Rows.of([([0, 2], [1.0, 2.0]), ([], []), ([1], [3.0])], 3)
    identity = np.eye(3)

    taken = join([rows.take(np.array([2, 1])), rows.take(np.array([0]))])

    assert taken.times(identity).tolist() == [[0, 3, 0], [0, 0, 0], [1, 0, 2]]
    assert rows.transposed_times(np.ones((3, 1))).ravel().tolist() == [1, 3, 2]


def test_calibration_makes_shares_honest() -> None:
    """Logits three times too large are cooled down."""
    rng = np.random.default_rng(3)
    honest = rng.normal(0, 1, (4000, 3))
    honest -= honest[:, 1:2]
    truth = np.array([rng.choice(3, p=share) for share in softmax(honest)])

    temperature, shift = moods.calibrate(honest * 3, truth)

    assert temperature == pytest.approx(3, rel=0.15)
    assert shift[[0, 2]] == pytest.approx([0, 0], abs=0.3)


def test_rare_moods_are_favoured_half_way() -> None:
    """A mood four times as rare as neutral counts double; neutral itself stays."""
    labels = np.array([1] * 40 + [0] * 40 + [2] * 10)

    assert moods.favoured(labels) == pytest.approx((1.0, 1.0, 2.0))


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    """More labels can be added later without losing the old ones; copies are drawn once."""
    posts = [
        sets.RawPost("made", str(n), f"متن شماره {'الف' * n} برای آزمون") for n in range(1, 40)
    ]
    copies = [sets.RawPost("made", f"c{p.id}", f"RT @a: {p.text} https://t.co/x") for p in posts]

    short, long = sets.draw(posts + copies, 5), sets.draw([*copies, *posts], 60)

    assert long[:5] == short
    assert len(long) == len({sets.copy_key(post.text) for post in long})
    assert len(short) == 5


def test_hinted_posts_need_two_words_of_one_kind() -> None:
    """One good word is no evidence, and a good and a bad one cancel out."""
    sides = {"عالی": 2, "قشنگ": 2, "مزخرف": 0, "دروغ": 0}
    polar = [moods.Example((word,), mood) for word, mood in sides.items()]
    texts = [
        "عالی و قشنگ",
        "عالی",
        "عالی ولی مزخرف",
        "مزخرف و دروغ",
        "این یک متن معمولی بدون هیچ حرفی است",
    ]
    posts = [sets.RawPost("made", str(number), text) for number, text in enumerate(texts)]

    found = moods.hinted(posts, polar)

    assert [(one.words[0], one.mood) for one in found] == [("عالی", 2), ("مزخرف", 0), ("این", 1)]


def test_labels_are_names_without_texts() -> None:
    """A line holds a set, an id and short words; there are as many posts as the guide says."""
    labels = sets.our_labels()
    sets_of = Counter(name for name, _ in labels)

    assert sets_of == {"stream2018": 3600, "suttw": 2550, "news": 2039}
    assert all(" " not in post_id for _, post_id in labels)
    assert all(one.emotion and one.is_abusive is not None for one in labels.values())
    moods_of = Counter(one.mood for (name, _), one in labels.items() if name != "news")
    assert min(moods_of[mood] for mood in Mood) >= 700


# Posts read twice; share of like answers and Cohen's kappa of mood, emotion, abusive, advert.
AGREEMENT = [
    ("two", "stream2018", 360, [(0.908, 0.844), (0.875, 0.820), (0.972, 0.785), (0.994, 0.797)]),
    ("two", "suttw", 255, [(0.902, 0.827), (0.863, 0.776), (0.992, 0.896), (1.0, 1.0)]),
    ("two", "news", 210, [(0.952, 0.883), (0.943, 0.864)]),
    ("three", "stream2018", 700, [(0.883, 0.801)]),
    ("three", "suttw", 400, [(0.882, 0.805)]),
    ("three", "news", 150, [(0.887, 0.760)]),
]


@pytest.mark.parametrize(("reader", "set_name", "count", "figures"), AGREEMENT)
def test_readers_agree_as_the_guide_says(
    reader: str, set_name: str, count: int, figures: list[tuple[float, float]]
) -> None:
    """The figures of docs/labelling.md, from the files themselves."""
    first, again = sets.our_labels(), sets.second_readings(reader)
    both = [(first[name], other) for name, other in again.items() if name[0] == set_name]
    guide = (ROOT / "docs" / "labelling.md").read_text("utf-8")

    assert len(both) == count
    for asked, figure in zip(ASKED, figures, strict=False):
        pairs = [(getattr(one, asked), getattr(other, asked)) for one, other in both]
        assert sets.agreement(pairs) == pytest.approx(figure, abs=0.0006)
        assert f"{figure[0]:.3f} / {figure[1]:.3f}" in guide


def test_polar_words_take_one_side() -> None:
    """No word is both good and bad, and none is empty."""
    words = sets.our_polar_words()
    by_word: dict[str, set[Mood]] = {}
    for word in words:
        by_word.setdefault(word.text, set()).add(word.mood)

    assert all(len(sides) == 1 for sides in by_word.values())
    assert Mood.NEUTRAL not in {word.mood for word in words}
    assert all(moods.example(word).words for word in words)


def test_held_back_labels_stay_the_same() -> None:
    """Decided by name alone, about one in four."""
    held = [name for name in sets.our_labels() if moods.is_held_back(*name)]

    assert 0.2 < len(held) / len(sets.our_labels()) < 0.3
    assert moods.is_held_back("made", "1") == moods.is_held_back("made", "1")


def test_sets_are_read_as_they_lie(tmp_path: Path) -> None:
    """Footers and adverts of the channel go, wide rows stay whole, other emotions are left out."""
    folder = tmp_path / "fa_tweets_suttw_2025_26"
    folder.mkdir()
    (folder / "tweets.tsv").write_text(
        "message_id\tdate_utc\ttimeline\ttext\n"
        "1\t2025-01-01\t1\tسلام دنیا ⏎ خط دوم ⏎ ^نام^ ⏎ @sut_tw\n"
        "2\t2025-01-01\t1\tخرید ویژه ⏎ @shop\n",
        encoding="utf-8",
    )
    emotions = tmp_path / "fa_emotion_armanemo"
    emotions.mkdir()
    (emotions / "train.tsv").write_text(
        "یک\tمتن\tHAPPY\nدو\tSURPRISE\nسه\tHATE\n", encoding="utf-8"
    )

    assert list(sets.suttw(tmp_path)) == [sets.RawPost("suttw", "1", "سلام دنیا\nخط دوم")]
    assert sets.armanemo(tmp_path) == [
        sets.Labelled("یک\tمتن", Mood.POSITIVE),
        sets.Labelled("سه", Mood.NEGATIVE),
    ]


def test_measuring_counts_what_it_says() -> None:
    """Macro-F1 is the mean over moods; a mood that is never right counts 0."""
    model = Sentiment.load()
    labelled = [
        sets.Labelled("عالی و قشنگ بود مرسی", Mood.POSITIVE),
        sets.Labelled("خیلی مزخرف و افتضاح بود", Mood.NEGATIVE),
        sets.Labelled("جلسه ساعت ده صبح برگزار شد", Mood.NEGATIVE),
    ]

    found = moods.measure(model, labelled, moods.PostKind.TWEET)

    assert found.count == 3
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx((2 / 3, 0.0, 1.0))
    assert found.macro_f1 == pytest.approx(5 / 9)
