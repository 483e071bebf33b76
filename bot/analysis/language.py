"""A cheap guess of a text's language from its letters and function words."""

from __future__ import annotations

import re

from bot.analysis.words import word_set

_SAMPLE = 400  # characters; more does not change the answer

_NOISE = re.compile(r"https?://\S+|[@#][\w\u200c]+")
_LATIN = re.compile("[A-Za-z]+")
_WORD = re.compile("[\u0621-\u064a\u066e-\u06d3\u06d5\u064b-\u0652\ufb50-\ufdff\ufe70-\ufefc]+")
# Letters no Persian keyboard gives by accident; ە at the end of a word may be one of a font.
_KURDISH = re.compile("[ێۆڕڵڤ]|ە(?=[\u0621-\u06d3])")
_URDU = re.compile("[ٹڈڑںےۓ۔]|[ھہ](?=[\u0621-\u06d3])")
_PASHTO = re.compile("[ټډړږښڼځڅېۍ]")
_UYGHUR = re.compile("[ۈڭۋ]")
_UYGHUR_TOO = re.compile("[ېى]")  # one of Pashto, one of Arabic keyboards
_ARABIC = re.compile("ة(?![\u0621-\u064a])|[أإ]|(?<![\u0621-\u06d3])ال[\u0621-\u064a]{3}")
_ONLY_ARABIC = re.compile("[أإة]")
_NOT_ARABIC = re.compile("[پچژگ]")
_PERSIAN_KEYS = re.compile("[یک]")  # an Arabic keyboard has neither
_STRANGE = re.compile("[ێۆڕڵڤەٹڈڑںےۓھہةأإټډړږښڼځڅېۍۈڭۋ]")
_FEW = 6  # words: so short a text need not say so much
# One of these between spaces is Persian, unless strange letters stand beside it.
_SURE = (" و ", " که ", " از ", " به ", " رو ", " با ")

_FA_WORDS = word_set("function_words_fa")
_AR_WORDS = word_set("function_words_ar")
_CKB_WORDS = word_set("function_words_ckb")
_UR_WORDS = word_set("function_words_ur")
_PS_WORDS = word_set("function_words_ps")
_NEEDS_TWO = frozenset({"ckb", "ug"})  # some people write Persian with ە for the sake of its looks


def language_hint(text: str) -> str:
    """One of "fa", "ar", "ckb", "ur", "ps", "ug", "en", or "und" when there is nothing to go by.

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
    scores = _scores(sample, known)
    best = max(scores, key=scores.__getitem__)
    is_plain = best not in _NEEDS_TWO and (best != "ar" or _ONLY_ARABIC.search(sample))
    needed = 1 if is_plain and len(words) <= _FEW else max(2, 0.3 * len(words))
    if scores[best] >= needed and scores[best] > 2 * len(known & _FA_WORDS):
        return best
    return "fa"


def _scores(sample: str, known: set[str]) -> dict[str, float]:
    """How much speaks for each language but Persian; the words are those of the sample."""
    kurdish, pashto = len(_KURDISH.findall(sample)), len(_PASHTO.findall(sample))
    uyghur = len(_UYGHUR.findall(sample))
    if uyghur or kurdish:
        uyghur += len(_UYGHUR_TOO.findall(sample))
    urdu = len(_URDU.findall(sample))
    return {
        "ckb": 0 if 2 * uyghur > kurdish else kurdish + len(known & _CKB_WORDS),
        "ug": uyghur + kurdish if 2 * uyghur > kurdish else 0,
        "ps": pashto + len(known & _PS_WORDS) if pashto else 0,
        "ur": urdu + len(known & _UR_WORDS) if urdu else 0,
        "ar": len(_ARABIC.findall(sample))
        + len(known & _AR_WORDS)
        - 2 * len(_NOT_ARABIC.findall(sample))
        - (2 if _PERSIAN_KEYS.search(sample) else 0),
    }
