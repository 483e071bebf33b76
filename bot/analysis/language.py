"""A cheap guess of a text's language from its letters and function words."""

from __future__ import annotations

import re

from bot.analysis.words import word_set

_SAMPLE = 600  # characters; more does not change the answer

_NOISE = re.compile(r"https?://\S+|[@#][\w\u200c]+")
_LATIN = re.compile("[A-Za-z]")
_ARABIC_SCRIPT = re.compile("[\u0621-\u064a\u066e-\u06d3\u06d5]")
_WORD = re.compile("[\u0621-\u064a\u066e-\u06d3\u06d5\u064b-\u0652]+")
# Letters no Persian keyboard gives by accident.
_KURDISH = re.compile("[ێۆڕڵڤ]|ە(?=[\u0621-\u06d3])")
_URDU = re.compile("[ٹڈڑںےۓ]")
_PERSIAN = re.compile("[پچژگ]")
_ARABIC = re.compile(r"ة\b|[أإ]|\bال\w{3,}|ى\b")

_FA_WORDS = word_set("function_words_fa")
_AR_WORDS = word_set("function_words_ar")
_CKB_WORDS = word_set("function_words_ckb")
_UR_WORDS = word_set("function_words_ur")


def language_hint(text: str) -> str:
    """ "fa", "ar", "ckb", "ur", "en", or "und" when nothing is sure; give it the raw text.

    Normalising first would hide the letters that tell Arabic and Urdu from Persian.
    """
    sample = _NOISE.sub(" ", text[:_SAMPLE])
    letters = len(_ARABIC_SCRIPT.findall(sample))
    latin = len(_LATIN.findall(sample))
    if letters + latin < 3:
        return "und"
    if latin > 2 * letters:
        return "en" if latin >= 3 else "und"
    words = _WORD.findall(sample)
    count = max(1, len(words))
    fa = sum(word.replace("ي", "ی").replace("ك", "ک") in _FA_WORDS for word in words)
    scores = {
        "ckb": len(_KURDISH.findall(sample)) + sum(word in _CKB_WORDS for word in words),
        "ur": len(_URDU.findall(sample)) + sum(word in _UR_WORDS for word in words),
        "ar": len(_ARABIC.findall(sample))
        + sum(word in _AR_WORDS for word in words)
        - 2 * len(_PERSIAN.findall(sample)),
    }
    best = max(scores, key=scores.__getitem__)
    if scores[best] >= max(2, 0.35 * count) and scores[best] > 2 * fa:
        return best
    return "fa"
