"""Learns what `analysis.informal` ships, and measures it on sentences it has not seen.

`python -m bot.analysis.training.spoken --data DIR --words words.dat [--out DIR]` writes
`words_fa.txt` and `informal_words.txt`. Without `--out` it only measures.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import log2
from pathlib import Path

from bot.analysis.conjugation import is_verb, written_verb
from bot.analysis.entities import without_links
from bot.analysis.informal import Writer
from bot.analysis.keys import fold
from bot.analysis.letters import ARABIC_LETTERS, MARKS, ZWNJ
from bot.analysis.spoken_lexicon import SPOKEN, WRITTEN, Lexicon, own_words
from bot.analysis.text import normalise
from bot.analysis.training import corpora

LEAST_IN_DICTIONARY = 1000  # occurrences in the dictionary's own corpus
LEAST_IN_NEWS = 4
LEAST_NEWS_WORD = 2  # is enough for a word that news say more than tweets
SPOKEN_RATIO = 6  # times as frequent in tweets as in news
LEAST_IN_TWEETS = 10
LEAST_MODERN = 15  # occurrences in tweets of a word that only tweets have: «تلگرام»
LEAST_KEPT = 2  # occurrences of a word that is not written Persian, to be listed at all
UNSEEN = 0.5  # occurrences that a word of the dictionary has at least
LEAST_LETTERS = 3  # of a word that is learnt: shorter ones are slips
ALIKE = 0.6  # of a pair seen once: how much its words must resemble each other
HELD_BACK = 3  # one sentence in so many

_WORD = re.compile(rf"[{ARABIC_LETTERS}{ZWNJ}]+")
_TOKEN = re.compile(rf"[\w{ZWNJ}{MARKS}]+")
_MARK = re.compile(f"[{MARKS}]")
_TAG = re.compile(r"#\S+")

Pair = tuple[str, str]
Sentence = tuple[str, str]  # as typed, as written


@dataclass(slots=True)
class Measured:
    """Words that should change and were changed rightly; words that should stay and did."""

    informal: int = 0
    fixed: int = 0
    fixed_key: int = 0  # right but for a half-space
    formal: int = 0
    kept: int = 0

    def __str__(self) -> str:
        return (
            f"informal {self.informal}: {self.fixed / max(1, self.informal):.3f} written rightly "
            f"({self.fixed_key / max(1, self.informal):.3f} but for half-spaces); "
            f"formal {self.formal}: {self.kept / max(1, self.formal):.4f} kept"
        )


def count(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs; a text counts once, its copies not at all."""
    words: Counter[str] = Counter()
    for text in dict.fromkeys(texts):
        plain = _TAG.sub(" ", without_links(normalise(text)))
        words.update(word.strip(ZWNJ) for word in _WORD.findall(plain))
    return words


def written_words(
    dictionary: dict[str, int], news: Counter[str], tweets: Counter[str], own: dict[str, str]
) -> list[str]:
    """Words of written Persian: in the dictionary or in the news, and not spoken forms."""
    known = {
        _MARK.sub("", word) for word, seen in dictionary.items() if seen >= LEAST_IN_DICTIONARY
    }
    counted = {_MARK.sub("", word) for word in known}
    all_news, all_tweets = sum(news.values()), sum(tweets.values())
    known |= {
        word
        for word, seen in news.items()
        if seen >= LEAST_IN_NEWS
        or (seen >= LEAST_NEWS_WORD and seen * all_tweets > tweets[word] * all_news)
    }
    writer = Writer(Lexicon({}, frozenset(known)))

    def is_spoken(word: str) -> bool:
        if own.get(word, word) != word:
            ours = True
        else:
            ours = word not in counted and bool(written_verb(word) or writer.with_an(word))
        in_news, in_tweets = (news[word] + 0.5) / all_news, (tweets[word] + 0.5) / all_tweets
        return ours and tweets[word] >= LEAST_IN_TWEETS and in_tweets > SPOKEN_RATIO * in_news

    known = {word for word in known if word and not is_spoken(word)}
    writer = Writer(Lexicon(own, frozenset(known)))
    modern = {
        word
        for word, seen in tweets.items()
        if seen >= LEAST_MODERN and len(word) > 2 and writer.written(word) is None
    }
    return sorted(known | (modern - own.keys()))


def levelled(known: Sequence[str], counts: Counter[str]) -> str:
    """The lines of `words_fa.txt`: kind and level, then words."""
    written, total = frozenset(known), counts.total()
    rows: dict[tuple[int, str], list[str]] = {}
    for word in sorted(written | {word for word, seen in counts.items() if seen >= LEAST_KEPT}):
        level = round(2 * log2(total / max(counts[word], UNSEEN)))
        kind = WRITTEN if word in written else SPOKEN
        rows.setdefault((level, kind), []).append(word)
    lines = [
        f"{kind}{level} {' '.join(words[start : start + 16])}"
        for (level, kind), words in sorted(rows.items())
        for start in range(0, len(words), 16)
    ]
    head = "# Words by how common they are (half powers of two). Made by training/spoken.py."
    return "\n".join([head, *lines]) + "\n"


def aligned(sentence: Sentence) -> Iterator[tuple[int, str, str]]:
    """(place, typed word, written word) where both sentences have the same number of words."""
    typed, written = (_TOKEN.findall(normalise(side)) for side in sentence)
    matcher = SequenceMatcher(None, typed, written, autojunk=False)
    for kind, start, end, start_2, end_2 in matcher.get_opcodes():
        if kind == "equal" or (kind == "replace" and end - start == end_2 - start_2):
            for offset in range(end - start):
                yield start + offset, typed[start + offset], written[start_2 + offset]


def learn(sentences: Iterable[Sentence], known: frozenset[str], own: dict[str, str]) -> list[Pair]:
    """Words that the rules get wrong and what people wrote instead."""
    seen: dict[str, Counter[str]] = {}
    for sentence in sentences:
        for _, typed, written in aligned(sentence):
            if _WORD.fullmatch(typed) and _WORD.fullmatch(written):
                seen.setdefault(typed, Counter())[written] += 1
    writer = Writer(Lexicon(own, known))
    learnt = []
    for word, outcomes in sorted(seen.items()):
        rule = writer.written(word) or word
        ((best, times),) = outcomes.most_common(1)
        if fold(best) == fold(rule) or word in own or word in writer.doubtful:
            continue
        if " " in rule or len(word) < LEAST_LETTERS:
            continue  # two words for one are never aligned, so nothing can be learnt of them
        if word in known or (rule == word and is_verb(word)):
            continue
        clear = times >= 2 and times > outcomes[rule]
        once = outcomes.total() == 1 and rule == word and not writer.is_written(word)
        once = once and writer.is_written(best)
        if clear or (once and SequenceMatcher(None, word, best).ratio() >= ALIKE):
            learnt.append((word, best))
    return learnt


def measure(writer: Writer, sentences: Iterable[Sentence]) -> Measured:
    found = Measured()
    for sentence in sentences:
        words, gaps = _taken_apart(normalise(sentence[0]))
        changed = writer.all_written(words, gaps)
        for place, typed, written in aligned(sentence):
            answer = changed[place] or typed
            if typed == written:
                found.formal += 1
                found.kept += answer == written
            else:
                found.informal += 1
                found.fixed += answer == written
                found.fixed_key += fold(answer) == fold(written)
    return found


def _taken_apart(text: str) -> tuple[list[str], list[str]]:
    """The words, and what stands after each."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    starts = [start for start, _ in spans[1:]] + [len(text)]
    words = [text[start:end] for start, end in spans]
    return words, [text[end:start] for (_, end), start in zip(spans, starts, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.analysis.training.spoken")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--words", type=Path, required=True, help="words.dat of hazm")
    parser.add_argument("--out", type=Path, help="the folder of the lexicons")
    given = parser.parse_args()
    own = own_words()
    news, tweets = count(corpora.news(given.data)), count(corpora.tweets(given.data))
    known = written_words(corpora.dictionary(given.words), news, tweets, own)
    sentences = list(corpora.rewritten(given.data))
    _report(sentences, frozenset(known), own)
    if given.out:
        learnt = learn(sentences, frozenset(known), own)
        (given.out / "words_fa.txt").write_text(levelled(known, news + tweets), "utf-8")
        head = "# Spoken words and how people wrote them. Learnt by training/spoken.py.\n"
        pairs = [f"{spoken} {written}" for spoken, written in learnt]
        (given.out / "informal_words.txt").write_text(head + "\n".join(pairs) + "\n", "utf-8")
        _say(f"{len(known)} written words, {len(learnt)} learnt spoken ones")
    return 0


def _report(sentences: Sequence[Sentence], known: frozenset[str], own: dict[str, str]) -> None:
    learning = [one for place, one in enumerate(sentences) if place % HELD_BACK != HELD_BACK - 1]
    held = sentences[HELD_BACK - 1 :: HELD_BACK]
    learnt = dict(learn(learning, known, own))
    for name, listed in (("rules alone", {}), ("our list", own), ("learnt too", learnt | own)):
        _say(f"held back, {name}: {measure(Writer(Lexicon(listed, known)), held)}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
