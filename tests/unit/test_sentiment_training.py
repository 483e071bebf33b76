"""The trainer: the same features as the bot, the same draw every time, sound arithmetic."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.analysis import mood_features as features
from bot.analysis.sentiment import HEADS, LANES, Head, Sentiment
from bot.analysis.training import heads, meanings, moods, sets
from bot.analysis.training.columns import Columns, Lexicon
from bot.analysis.training.linear import Design, Rows, fit, minimise, softmax
from bot.analysis.training.measures import measure
from bot.analysis.training.moods import packed
from bot.models.post import Mood

ROOT = Path(__file__).parents[2]
ASKED = ("mood", "emotion", "is_abusive", "is_advert")
PLAIN = Head((0.0,), 1.0, (1.0, 1.0))
SAYINGS = [f"{first}{second}" for first in "ابپتسشمن" for second in "درزکلو"]
WORDS = ["خوب", "بد", "نبود", "بدون", "عالی", "😂", ":)", "!", "نه", "1405", "سلام", "ندارم"]


@cache
def small_columns() -> Columns:
    """The columns of a small collection, in which no word is common enough to mean anything."""
    names = [features.name_of(word) for word in WORDS]
    posts = [names[start : start + 6] for start in range(6)] * 2
    return Columns.of(meanings.learn(posts), posts, biases=2)


def meets_a_phrase(words: list[str], columns: Columns) -> bool:
    """Whether a pair of the words shares its bucket with a feeling phrase that it is not."""

    def bucket(pair: tuple[str, str]) -> int:
        return features.pair_bucket(features.word_code(pair[0]), features.word_code(pair[1]))

    phrases = {bucket(phrase): phrase for phrase in columns.lexicon.pairs}
    return any(phrases.get(bucket(pair), pair) != pair for pair in pairwise(words))


@settings(max_examples=60, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), seed=st.integers(0, 9))
def test_trainer_and_bot_read_a_text_alike(words: list[str], seed: int) -> None:
    """A weight learnt for a feature is used for that feature: negation, pairs and length too."""
    columns = small_columns()
    assume(not meets_a_phrase(words, columns))
    design = columns.design([[features.name_of(word) for word in words]], [1])
    weights = np.random.default_rng(seed).normal(0, 1, (design.width, LANES))
    weights[columns.width : columns.width + 2] = 0  # biases are not in the tables
    model = Sentiment(packed(columns, weights, [PLAIN] * len(HEADS)))

    expected = design.times(weights)[0]
    pull = model.pull(words)

    # Signed bytes are coarse: each is off by up to half a step, and hundreds are added.
    assert np.corrcoef(pull, expected)[0, 1] > 0.95
    assert pull == pytest.approx(expected, abs=0.25)


@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=12),
    noise=st.lists(st.sampled_from(WORDS), max_size=12),
)
def test_lanes_do_not_touch_each_other(words: list[str], noise: list[str]) -> None:
    """All lanes are added up as one number; whatever one holds, the next is not off by one."""
    weights = Sentiment.load()._weights
    rows = np.frombuffer(weights.words, dtype=np.int8).reshape(-1, LANES).copy()
    rows[:, 1:] = 0  # only the first lane says anything
    empty = bytes(LANES * features.PIECES)
    lone = replace(
        weights,
        words=memoryview(rows.tobytes()).cast("b"),
        pieces=memoryview(empty).cast("b"),
        pairs=memoryview(empty).cast("b"),
    )
    model = Sentiment(lone)
    model.pull(noise)

    assert model.pull(words)[1:] == (0.0,) * (LANES - 1)


def test_regression_learns_what_tells_classes_apart() -> None:
    """Three classes, each with a column of its own."""
    rows = Rows.of([([mood, 4], [1.0, 1.0]) for mood in (0, 1, 2) * 10], 5)
    design = Design(rows, np.ones((30, 1)))
    classes = np.array((0, 1, 2) * 10)

    weights = fit(design, classes, np.ones(30), strength=10.0, most_steps=100)

    assert (softmax(design.times(weights)).argmax(axis=1) == classes).all()
    assert weights[4] == pytest.approx([0, 0, 0], abs=1e-3)  # says nothing, weighs nothing
    assert weights[3].tolist() == [0, 0, 0]  # never seen
    assert weights[5] == pytest.approx([0, 0, 0], abs=1e-3)


def test_an_important_row_outweighs_a_contradiction() -> None:
    """Importance counts like repetition."""
    rows = Rows.of([([0], [1.0]), ([0], [1.0]), ([1], [1.0])], 2)
    classes = np.array([0, 1, 2])

    design = Design(rows, np.zeros((3, 0)))
    weights = fit(design, classes, np.array([1.0, 5.0, 1.0]), strength=10.0, most_steps=50)

    assert weights[0].argmax() == 1


def test_minimise_finds_the_bottom() -> None:
    """The valley of Rosenbrock, where steepest descent crawls."""

    def valley(at: np.ndarray) -> tuple[float, np.ndarray]:
        x, y = at
        slope = [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2, np.array(slope)

    assert minimise(valley, np.array([-1.2, 1.0]), 500) == pytest.approx([1, 1], abs=0.02)


def test_taking_rows_keeps_them() -> None:
    """Rows, the empty one too, stay whole in any order."""
    rows = Rows.of([([0, 2], [1.0, 2.0]), ([], []), ([1], [3.0])], 3)
    identity = np.eye(3)

    taken = rows.take(np.array([2, 1, 0]))

    assert taken.times(identity).tolist() == [[0, 3, 0], [0, 0, 0], [1, 0, 2]]
    assert rows.transposed().times(np.ones((3, 1))).ravel().tolist() == [1, 3, 2]


def test_calibration_makes_shares_honest() -> None:
    """Lanes three times too large are cooled down; what they take for common is put right."""
    rng = np.random.default_rng(3)
    honest = rng.normal(0, 1, (4000, 2))
    shares = softmax(np.column_stack([honest, np.zeros(4000)]))
    truth = np.array([rng.choice(3, p=share) for share in shares])

    temperature, shift = heads.calibrate(honest * 3 + [1.5, 0.0], truth)

    assert temperature == pytest.approx(3, rel=0.15)
    assert shift == pytest.approx([-1.5, 0], abs=0.3)


def test_a_verdict_names_rare_answers_too() -> None:
    """Shares are honest, and the answer is the one that was learnt as if all were common."""
    lanes = np.array([[0.4], [-0.4]] * 50)
    answers = np.array(([0, 1] + [1, 1] * 4) * 10)
    learnt = heads.Learnt(np.zeros((1, 1)), lanes)

    head = heads.head_of(learnt, 0, 0, np.arange(100), answers)
    found, sure = heads.verdicts(head, lanes)

    assert found.tolist() == [0, 1] * 50
    assert sure[::2] == pytest.approx(0.2, abs=0.03)
    assert sure[1::2] == pytest.approx(1.0, abs=0.05)


def test_cross_validation_never_sees_what_it_judges() -> None:
    """Answers that are mere chance are not foreseen, however many columns there are."""
    rng = np.random.default_rng(1)
    rows = Rows.of([([row], [1.0]) for row in range(200)], 200)
    answers = rng.integers(0, 2, 200)
    folds = rng.integers(0, heads.FOLDS, 200)
    lessons = heads.Lessons(Design(rows, np.ones((200, 1))), answers, 2, np.ones(200), folds, 0.5)

    learnt = heads.learn(lessons, strength=100.0)

    assert ((lessons.design.times(learnt.weights) > 0)[:, 0] == (answers == 0)).all()
    foreseen = (learnt.foreseen[:, 0] > 0) == (answers == 0)
    assert 0.35 < foreseen.mean() < 0.65


def test_words_in_like_company_mean_alike() -> None:
    """Tea and coffee are drunk, Monday and Tuesday are not."""
    drinks, days = ("چای", "قهوه"), ("دوشنبه", "جمعه")
    posts = [[drink, "داغ", "نوشیدم", "فنجان"] for drink in drinks for _ in range(8)]
    posts += [[day, "هفته", "تعطیل", "فردا"] for day in days for _ in range(8)]

    found = meanings.learn(posts)
    tea, coffee, monday = (found.vectors[found.places[w]] for w in ("چای", "قهوه", "دوشنبه"))

    assert tea @ coffee > 0.8
    assert tea @ monday < 0.3
    assert found.posts_with["داغ"] == 16


def test_feeling_words_take_endings_and_phrases_share() -> None:
    """غمگینم is sad like غمگین; a phrase of three words is two halves."""
    entries = [("grief", "غمگین"), ("thanks", "دم شما گرم")]

    lexicon = Lexicon.of(entries, ["غمگینم", "غمگینترین", "غمزه"])

    assert set(lexicon.words) == {"غمگین", "غمگینم", "غمگینترین"}
    assert lexicon.pairs == {("دم", "شما"): {1: 0.5}, ("شما", "گرم"): {1: 0.5}}


def test_our_feeling_words_are_sound() -> None:
    """Every line is a kind and a word that the models can see."""
    entries = sets.our_feelings()

    assert len({kind for kind, _ in entries}) >= 20
    assert all(features.feature_words(phrase) for _, phrase in entries)


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
    assert all(moods.words_of(word.text) for word in words)


def test_held_back_labels_stay_the_same() -> None:
    """Decided by name alone, about one in four."""
    held = [name for name in sets.our_labels() if moods.is_held_back(*name)]

    assert 0.2 < len(held) / len(sets.our_labels()) < 0.3
    assert moods.is_held_back("made", "1") == moods.is_held_back("made", "1")


def test_sets_are_read_as_they_lie(tmp_path: Path) -> None:
    """Footers and adverts of the channel go, rows with tabs in the text stay whole."""
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
    assert sets.armanemo(tmp_path) == [("یک\tمتن", "HAPPY"), ("دو", "SURPRISE"), ("سه", "HATE")]


def test_measuring_counts_what_it_says() -> None:
    """Macro-F1 is the mean over answers; an answer that is never right counts 0."""
    found, truth = np.array([2, 0, 1]), np.array([2, 0, 0])

    measured = measure(found, truth, np.array([0.9, 0.8, 0.4]), 3)

    assert measured.count == 3
    assert measured.accuracy == pytest.approx(2 / 3)
    assert measured.covered == 1.0
    assert measured.f1 == pytest.approx((2 / 3, 0.0, 1.0))
    assert measured.macro_f1 == pytest.approx(5 / 9)
    assert measured.calibration_error == pytest.approx((0.1 + 0.2 + 0.4) / 3)


def test_what_is_held_back_is_nowhere_in_the_lessons(tmp_path: Path) -> None:
    """Neither with its label nor, as a copy, among the posts without one."""
    ours = [name for name in sets.our_labels() if name[0] == "stream2018"][:40]
    named = zip(ours, SAYINGS[: len(ours)], strict=True)
    texts = {post_id: f"متن ساختگی شماره {word}" for (_, post_id), word in named}
    rows = [f"{post_id}\t2018\t\t{text}" for post_id, text in texts.items()]
    rows += [f"{number}\t2018\t\tRT @a: {text}" for number, text in enumerate(texts.values())]
    for folder, name, body in (
        ("fa_tweets_stream_2018", "tweets.tsv", "id\tat\ttags\ttext\n" + "\n".join(rows)),
        ("fa_tweets_suttw_2025_26", "tweets.tsv", "id\tat\tline\ttext\n"),
        ("fa_news_fars_varzesh3", "fars-news.jsonl", ""),
        ("fa_news_fars_varzesh3", "varzesh3.jsonl", ""),
        ("fa_tweets_ner_parstwiner", "raw_tweets.txt", ""),
        ("fa_sentiment_snappfood", "parsbert_split_dev.csv", "id\tcomment\tlabel\n"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(body, encoding="utf-8")

    material = moods.gather(tmp_path)
    held = {one.words for one in material.held}

    assert {one.name for one in material.held} == {o for o in ours if moods.is_held_back(*o)}
    assert held
    assert held.isdisjoint(one.words for one in material.readings)
    assert material.unlabelled
    assert not any({one[-1] for one in held} & set(post) for post in material.unlabelled)
