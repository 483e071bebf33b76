"""A cheap guess of a text's language from its letters and function words."""

from __future__ import annotations

import re

from bot.analysis.words import word_set

_SAMPLE = 400  # characters; more does not change the answer

_NOISE = re.compile(r"https?://\S+|[@#][\w\u200c]+")
_LATIN = re.compile("[A-Za-z]+")
_WORD = re.compile("[\u0621-\u064a\u066e-\u06d3\u06d5\u064b-\u0652\ufb50-\ufdff\ufe70-\ufefc]+")
# Letters no Persian keyboard gives by accident; ە is one only inside a word.
_KURDISH = re.compile("[ێۆڕڵڤ]|ە(?=[\u0621-\u06d3])")
_URDU = re.compile("[ٹڈڑںےۓ]")
_ARABIC = re.compile("ة(?![\u0621-\u064a])|[أإ]|(?<![\u0621-\u06d3])ال[\u0621-\u064a]{3}")
_NOT_ARABIC = re.compile("[پچژگ]")
_STRANGE = re.compile("[ێۆڕڵڤەٹڈڑںےۓةأإ]")
# One of these between spaces is Persian, unless strange letters stand beside it.
_SURE = (" و ", " که ", " از ", " به ", " رو ", " با ")

_FA_WORDS = word_set("function_words_fa")
_AR_WORDS = word_set("function_words_ar")
_CKB_WORDS = word_set("function_words_ckb")
_UR_WORDS = word_set("function_words_ur")


def language_hint(text: str) -> str:
    """One of "fa", "ar", "ckb", "ur", "en", or "und" when there is nothing to go by.

    Give it the raw text: normalising hides letters that tell Arabic and Urdu from Persian. Text in
    Arabic script is Persian unless another language is clearly there.
    """
    sample = text[:_SAMPLE]
    if any(word in sample for word in _SURE) and not _STRANGE.search(sample):
        return "fa"
    if "#" in sample or "@" in sample or "://" in sample:
        sample = _NOISE.sub(" ", sample)
    words = _WORD.findall(sample)
    script = len("".join(words))
    latin = len("".join(_LATIN.findall(sample)))
    if script + latin < 3:
        return "und"
    if latin > 2 * script:
        return "en"
    known = set(words)
    fa = len(known & _FA_WORDS)
    scores = {
        "ckb": len(_KURDISH.findall(sample)) + len(known & _CKB_WORDS),
        "ur": len(_URDU.findall(sample)) + len(known & _UR_WORDS),
        "ar": len(_ARABIC.findall(sample))
        + len(known & _AR_WORDS)
        - 2 * len(_NOT_ARABIC.findall(sample)),
    }
    best = max(scores, key=scores.__getitem__)
    if scores[best] >= max(2, 0.3 * len(words)) and scores[best] > 2 * fa:
        return best
    return "fa"
