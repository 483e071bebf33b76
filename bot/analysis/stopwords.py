"""Words that carry no subject, in key form: a frozen set that `text` offers to everybody."""

from __future__ import annotations

from bot.analysis.keys import fold
from bot.analysis.words import word_set

_PRESENT_ENDINGS = ("م", "ی", "د", "یم", "ید", "ند", "ن", "ین", "ه")
_PARTICIPLE_ENDINGS = ("ه", "هام", "های", "هایم", "هاید", "هاند", "هاست")
_PAST_ENDINGS = ("", "م", "ی", "یم", "ید", "ند", "ن", "ین", *_PARTICIPLE_ENDINGS)


# Forms of those verbs that are nouns in their own right: bread, wind, faith, brand, river, …
_NOUNS = frozenset({"نان", "باد", "دین", "برد", "برند", "رود", "روند", "دهه", "دانه", "بام", "بره"})


def _auxiliaries() -> set[str]:
    """Forms of the verbs that only carry other words, with every common prefix."""
    tables = (
        (word_set("auxiliary_present"), _PRESENT_ENDINGS),
        (word_set("auxiliary_past"), _PAST_ENDINGS),
    )
    forms = {
        prefix + stem + ending
        for stems, endings in tables
        for prefix in ("می", "نمی", "ن", "ب", "")
        for stem in stems
        for ending in endings
    }
    return {form for form in forms if len(form) > 2} - _NOUNS


def _listed(name: str) -> set[str]:
    keys = map(fold, word_set(name))
    return {key for key in keys if " " not in key}


STOPWORDS: frozenset[str] = frozenset(
    _listed("stopwords_fa") | _listed("stopwords_en") | _auxiliaries()
)
