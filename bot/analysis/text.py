"""Persian text in two forms: what is shown (`normalise`) and what is compared (`fold`).

Everything that counts, searches or matches words meets here, so that ي and ی, ك and ک, half-spaces,
vowel marks, digits of three scripts and hashtags are the same word everywhere. The parts live in
the files imported below; the rest of the bot imports this one.
"""

from __future__ import annotations

from bot.analysis.display import normalise
from bot.analysis.entities import TextParts, analyse
from bot.analysis.keys import fold, fold_tag
from bot.analysis.language import language_hint
from bot.analysis.search_text import query_words, search_words
from bot.analysis.stopwords import STOPWORDS as stopwords
from bot.analysis.surfaces import display_key, spellings, surfaces

__all__ = [
    "TextParts",
    "analyse",
    "display_key",
    "fold",
    "fold_tag",
    "language_hint",
    "normalise",
    "query_words",
    "search_words",
    "spellings",
    "stopwords",
    "surfaces",
]
