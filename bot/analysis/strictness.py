"""How much doubt a post survives: a chat's choice, from «show me nearly all» to «spare me»."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Strictness(StrEnum):
    """Posts are stored as NORMAL finds them; a chat may look more or less closely."""

    LENIENT = "lenient"
    NORMAL = "normal"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Limits:
    """From which sums of signs on a post is dropped."""

    advert: int  # signs of two kinds: an offer and a way to buy …
    selling: int  # … or of one kind alone
    adult: int
    obscene: int  # different words
    insults: int  # 2 for each that is one for sure, 1 for a coarse word
    abuse: float  # the share of such texts that insult somebody, as a model has it


LIMITS = {
    Strictness.LENIENT: Limits(advert=5, selling=7, adult=6, obscene=2, insults=6, abuse=0.95),
    Strictness.NORMAL: Limits(advert=3, selling=5, adult=4, obscene=1, insults=3, abuse=0.6),
    Strictness.STRICT: Limits(advert=2, selling=3, adult=3, obscene=1, insults=1, abuse=0.2),
}
