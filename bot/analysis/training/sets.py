"""The data sets that the trainer reads: where they lie below the data folder, and what they hold.

Everything that opens a file is here. `docs/data.md` says what each set may be used for.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

from bot.models.post import Emotion, Mood

LEAST_LETTERS = 12  # a shorter text says too little to be judged

_LINK = re.compile(r"https?://\S*|\bt\.co/\S+")
_MENTION = re.compile(r"@\w+")
_RETWEET = re.compile(r"^RT @\w+:\s*")
_NOT_LETTERS = re.compile(r"[\W\d_]+")


@dataclass(frozen=True, slots=True)
class RawPost:
    """A text and its name for ever: `set_name` and `id`."""

    set_name: str
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Labelled:
    text: str
    mood: Mood


def stream_2018(data: Path) -> Iterator[RawPost]:
    """A sample of Persian Twitter of 2018."""
    for row in _rows(data / "fa_tweets_stream_2018" / "tweets.tsv", 4):
        yield RawPost("stream2018", row[0], row[3])


def suttw(data: Path) -> Iterator[RawPost]:
    """Tweets of 2025-26 that a Telegram channel posted again; without its adverts and footers."""
    for row in _rows(data / "fa_tweets_suttw_2025_26" / "tweets.tsv", 4):
        lines = [line.strip() for line in row[3].split("⏎")]
        lines = [line for line in lines if line]
        if lines and lines[-1] == "@sut_tw":  # then comes the author's name
            yield RawPost("suttw", row[0], "\n".join(lines[:-2]))


def news(data: Path) -> Iterator[RawPost]:
    """Articles of two Iranian outlets: title and lead."""
    for name in ("fars-news", "varzesh3"):
        for line in _lines(data / "fa_news_fars_varzesh3" / f"{name}.jsonl"):
            article = json.loads(line)
            lead = article.get("abstract") or ""
            yield RawPost("news", article["link"], f"{article['title']}\n{lead}".strip())


SETS: dict[str, Callable[[Path], Iterator[RawPost]]] = {
    "stream2018": stream_2018,
    "suttw": suttw,
    "news": news,
}


def draw(posts: Iterable[RawPost], count: int) -> list[RawPost]:
    """The same random posts every time, copies once; a longer draw begins with the shorter one."""
    found: list[RawPost] = []
    seen: set[str] = set()
    for post in sorted(posts, key=_rank):
        key = copy_key(post.text)
        if len(key) >= LEAST_LETTERS and key not in seen:
            seen.add(key)
            found.append(post)
            if len(found) == count:
                break
    return found


def _rank(post: RawPost) -> bytes:
    return blake2b(f"{post.set_name}:{post.id}".encode(), digest_size=8).digest()


def copy_key(text: str) -> str:
    """Alike for copies of a post; apart from `fold` on purpose, so that a draw never changes."""
    bare = _MENTION.sub("", _LINK.sub("", _RETWEET.sub("", text)))
    return _NOT_LETTERS.sub("", bare)[:80]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reader said of a post; None where they were not asked."""

    mood: Mood
    emotion: Emotion | None = None
    is_abusive: bool | None = None
    is_advert: bool | None = None


Name = tuple[str, str]  # of a post: its set and its id


def our_labels() -> dict[Name, Judgement]:
    """What we judged ourselves (docs/labelling.md): of each post the first reading."""
    return {(row[0], row[1]): _judgement(row[2:]) for row in _bundled("labels.tsv")}


def second_readings(reader: str) -> dict[Name, Judgement]:
    """What another reader ("two", or "three" for moods alone) said of some of the same posts."""
    return {
        (row[0], row[1]): _judgement(row[3:])
        for row in _bundled("second_reading.tsv")
        if row[2] == reader
    }


def _judgement(row: list[str]) -> Judgement:
    mood, emotion, abusive, advert = row
    return Judgement(
        Mood(mood),
        Emotion(emotion) if emotion else None,
        abusive == "1" if abusive else None,
        advert == "1" if advert else None,
    )


def _bundled(name: str) -> list[list[str]]:
    """Rows of a file that is shipped with the weights, without its header."""
    return _lines_of(name)[1:]


def _lines_of(name: str) -> list[list[str]]:
    text = files("bot.analysis.weights").joinpath(name).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines()]


def agreement(pairs: Sequence[tuple[object, object]]) -> tuple[float, float]:
    """Of two readers: the share of like answers, and Cohen's kappa (chance taken off)."""
    share = sum(one == other for one, other in pairs) / len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(first[answer] * second[answer] for answer in first) / len(pairs) ** 2
    return share, (share - chance) / (1 - chance) if chance < 1 else 1.0


def our_feelings() -> list[tuple[str, str]]:
    """Kinds of feeling and words and phrases of our own choice that show it."""
    return [(row[0], spelt) for row in _lines_of("feelings.tsv") for spelt in _spellings(row[1])]


def our_polar_entries() -> list[tuple[str, str]]:
    """The polar words as kinds of feeling: positive and negative."""
    return [(one.mood.value, one.text) for one in our_polar_words()]


def our_polar_words() -> list[Labelled]:
    """Words and short phrases of our own choice that are good or bad in almost any sentence.

    A half-space is also written as a space, so both spellings are learnt.
    """
    return [
        Labelled(spelt, Mood(row[0]))
        for row in _lines_of("polarity.tsv")
        for spelt in _spellings(row[1])
    ]


def _spellings(phrase: str) -> list[str]:
    return [phrase, phrase.replace("\u200c", " ")] if "\u200c" in phrase else [phrase]


def parstwiner(data: Path) -> Iterator[str]:
    """Tweets without labels."""
    return (line for line in _lines(data / "fa_tweets_ner_parstwiner" / "raw_tweets.txt"))


def news_paragraphs(data: Path) -> Iterator[str]:
    """The bodies of the articles whose titles and leads are the set `news`."""
    for name in ("fars-news", "varzesh3"):
        for line in _lines(data / "fa_news_fars_varzesh3" / f"{name}.jsonl"):
            yield from json.loads(line)["paragraphs"]


# Sets with answers of others: (text, answer). What each may be used for is in docs/data.md.


def snappfood(data: Path) -> list[tuple[str, str]]:
    """Reviews of meals: HAPPY or SAD, by the stars given."""
    path = data / "fa_sentiment_snappfood" / "parsbert_split_dev.csv"
    return [(row[1], row[2]) for row in _rows(path, 3)]


def armanemo(data: Path) -> list[tuple[str, str]]:
    """Seven emotions; for comparison only (CC BY-NC-SA)."""
    found = []
    for line in _lines(data / "fa_emotion_armanemo" / "train.tsv"):
        text, _, emotion = line.rpartition("\t")
        found.append((text, emotion))
    return found


def short_persian_emo(data: Path) -> list[tuple[str, str]]:
    """Five emotions; for comparison only (GPL-3.0)."""
    return [(row["text"], row["label"]) for row in _records(data / _SHORT)]


def places(data: Path) -> list[tuple[str, str]]:
    """Three moods of reviews of places; for comparison only (no licence stated)."""
    path = data / "fa_sentiment_places" / "train.csv"
    return [(row["comment"], row["sentiment"].lower()) for row in _records(path)]


def phate(data: Path) -> list[tuple[str, str]]:
    """Tweets with hate speech ("1") or none; for comparison only (no licence stated)."""
    return [
        (row["text"], row["HateSpeech"])
        for name in ("train_simple.csv", "val_simple.csv")
        for row in _records(data / "fa_hate_phate" / name)
    ]


def pars_offensive(data: Path) -> list[tuple[str, str]]:
    """Comments, Offensive or Neutral; for comparison only (no licence stated)."""
    path = data / "fa_offensive_instagram" / "ParsOffensive.csv"
    return [(row["comment"], row["label"]) for row in _records(path)]


_SHORT = Path("fa_emotion_short", "train_fa.csv")

EMOTION_OF = {
    "HAPPY": Emotion.HAPPINESS,
    "SAD": Emotion.SADNESS,
    "ANGRY": Emotion.ANGER,
    "FEAR": Emotion.FEAR,
    "SURPRISE": Emotion.SURPRISE,
    "HATE": Emotion.HATE,
    "OTHER": Emotion.OTHER,
}
MOOD_OF_EMOTION = {
    "HAPPY": Mood.POSITIVE,
    "OTHER": Mood.NEUTRAL,
    "ANGRY": Mood.NEGATIVE,
    "SAD": Mood.NEGATIVE,
    "FEAR": Mood.NEGATIVE,
    "HATE": Mood.NEGATIVE,
}


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield line.rstrip("\n")


def _rows(path: Path, least: int) -> Iterator[list[str]]:
    """Rows of a file with tabs between and a header, at least so many columns each."""
    lines = _lines(path)
    next(lines)
    for line in lines:
        row = line.split("\t")
        if len(row) >= least:
            yield row


def _records(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
