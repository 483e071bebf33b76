"""The judge of the post's road: keep a post, or drop it with a reason and the proof.

One function a rule, one row a rule in `RULES`; the first that finds something decides. A post that
is dropped wrongly is lost to the reader, one kept wrongly costs a glance: in doubt, keep.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from bot.analysis.abuse import insults, obscene_words
from bot.analysis.adult import adult_offer
from bot.analysis.advertising import LINKED, Sign, figures_in, phrases_in
from bot.analysis.entities import TextParts, analyse
from bot.analysis.language import language_hint
from bot.analysis.strictness import LIMITS, Limits, Strictness
from bot.models.post import DropReason, Post, PostKind

FOREIGN = frozenset({"ar", "ckb", "ur", "ps", "ug"})
MIN_FOREIGN_WORDS = 4
MIN_WORDS = 2  # fewer say nothing, unless the post carries a hashtag
BARE_HASHTAGS = 6  # this many hashtags with hardly a word around them …
MANY_HASHTAGS = 12  # … or this many with no more words than hashtags
MOST_MENTIONS = 6  # outside the head of a reply, which names everybody in the talk
MOST_LINKS = 5
MOST_TRAIN_WORDS = 20
MIN_REPEATED = 8  # words
REPEATED_SHARE = 0.3  # of different words among all
SAME_BY_AUTHOR = 3

DOUBTFUL = frozenset((DropReason.SPAM, DropReason.ADVERTISEMENT, DropReason.ABUSIVE))
BY_ADMIN = "by an admin"  # the evidence of a drop that no rule decided

_EVIDENCE_LENGTH = 120  # characters kept of the proof


class JudgeInput(Protocol):
    """What the judge reads of a post."""

    @property
    def kind(self) -> PostKind: ...
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is None for a post that is kept; `evidence` is what a person would point at."""

    reason: DropReason | None = None
    rule: str = ""
    evidence: str = ""

    @property
    def is_kept(self) -> bool:
        return self.reason is None


KEPT = Verdict()


class Look:
    """What the rules see of a post, worked out when first asked for."""

    def __init__(
        self,
        post: JudgeInput,
        parts: TextParts | None,
        copies_by_author: int = 0,
        limits: Limits = LIMITS[Strictness.NORMAL],
        abuse: float = 0.0,
    ) -> None:
        self.is_news = post.kind is PostKind.NEWS
        self.text = f"{post.title}\n{post.text}" if post.title else post.text
        self.parts = analyse(self.text) if parts is None else parts
        self.copies_by_author = copies_by_author
        self.limits = limits
        self.abuse = abuse

    @cached_property
    def own_words(self) -> tuple[str, ...]:
        """The words outside hashtags."""
        return analyse(_TAG.sub(" ", self.text)).words if self.parts.hashtags else self.parts.words


Rule = Callable[[Look], str]

_TAG = re.compile(r"[#＃][\w\u200c]+")
_REPLY_HEAD = re.compile(r"^\s*(?:RT\s+)?(?:@\w+[:\s]*)+")
_MENTION = re.compile(r"@[A-Za-z0-9_]{2,}")
_FOLLOW_TRAIN = re.compile(
    r"فالو\s?بک|follow\s?back|#f4f|فالو\s?=\s?بک|\bبک (?:میدم|میدیم|سریع|فوری|صددرصد)",
    re.IGNORECASE,
)
_TRAIN_SIGN = re.compile("فالو|بک |[Ff]ollow|#[Ff]4[Ff]")
_TRAIN_CALL = re.compile(
    r"(?:فالو|ریت|ریتوییت|ریتوئیت|لایک|rt|follow)\s?(?:کن|کنید|کنین|بزن|بزنید|me|this)"
    r"|هر ?کی|همه رو بک",
    re.IGNORECASE,
)


def empty(look: Look) -> str:
    """Nothing said: only links, names, emoji, or a single word."""
    words = look.parts.words
    if len(words) >= MIN_WORDS or look.parts.hashtags:
        return ""
    return " ".join(words) or "no words"


def foreign(look: Look) -> str:
    """In a language near Persian that the readers do not ask for; English stays."""
    language = language_hint(look.text)
    if language in FOREIGN and len(look.parts.words) >= MIN_FOREIGN_WORDS:
        return language
    return ""


def adult(look: Look) -> str:
    """Offers of sex and of what goes with it. News reports on it."""
    if look.is_news:
        return ""
    offer = adult_offer(look.parts.words, look.parts.emoji)
    return ", ".join(offer.found) if offer.score >= look.limits.adult else ""


def abusive(look: Look) -> str:
    """Obscene words, several insults, or the sound of it. News may quote them."""
    if look.is_news:
        return ""
    obscene = list(dict.fromkeys(obscene_words(look.text, look.parts.words)))
    if len(obscene) >= look.limits.obscene:
        return ", ".join(obscene)
    insulting = insults(look.parts.words)
    if insulting.score >= look.limits.insults:
        return ", ".join(insulting.found)
    return f"sounds abusive: {look.abuse:.0%}" if look.abuse >= look.limits.abuse else ""


def hashtag_heap(look: Look) -> str:
    """Hashtags instead of words."""
    count = len(look.parts.hashtags)
    if look.is_news or count < BARE_HASHTAGS:
        return ""
    if len(look.own_words) <= (count if count >= MANY_HASHTAGS else count // 2):
        return f"{count} hashtags, {len(look.own_words)} words"
    return ""


def name_calling(look: Look) -> str:
    """Many people called into a post that says little."""
    if look.is_news or len(look.parts.mentions) < MOST_MENTIONS:
        return ""
    called = len(_MENTION.findall(_REPLY_HEAD.sub("", look.text, count=1)))
    if called >= MOST_MENTIONS and len(look.own_words) < 3 * called:
        return f"{called} mentions"
    return ""


def link_heap(look: Look) -> str:
    """More links than a person shares."""
    links = len(set(look.parts.urls))
    if not look.is_news and links >= MOST_LINKS and len(look.own_words) < 6 * links:
        return f"{links} links"
    return ""


def follow_train(look: Look) -> str:
    """Follow me and I follow you."""
    if (
        look.is_news
        or len(look.parts.words) > MOST_TRAIN_WORDS
        or not _TRAIN_SIGN.search(look.text)
    ):
        return ""
    train = _FOLLOW_TRAIN.search(look.text)
    call = _TRAIN_CALL.search(look.text) if train else None
    return f"{train[0]}, {call[0]}" if train and call else ""


def advertisement(look: Look) -> str:
    """An offer with a way to buy, or very much of either."""
    signs = phrases_in(look.parts.words)
    if look.is_news:  # news report prices and give numbers; only a label tells
        signs = [sign for sign in signs if sign.kind == "paid"]
    else:
        signs += figures_in(look.text, look.parts.words)
        if look.parts.urls and {sign.kind for sign in signs} & LINKED:
            signs.append(Sign("link", 1, look.parts.urls[0]))
    by_kind: dict[str, int] = {}
    for sign in dict.fromkeys(signs):
        by_kind[sign.kind] = by_kind.get(sign.kind, 0) + sign.weight
    score = sum(by_kind.values())
    if score < (look.limits.advert if len(by_kind) > 1 else look.limits.selling):
        return ""
    return ", ".join(dict.fromkeys(sign.found for sign in signs))


def repetitive(look: Look) -> str:
    """The same words over and over, or the same post by one author again and again."""
    if look.copies_by_author >= SAME_BY_AUTHOR:
        return f"{look.copies_by_author} copies by the author"
    words = look.own_words
    if look.is_news or len(words) < MIN_REPEATED:
        return ""
    counts = Counter(words)
    if len(counts) > REPEATED_SHARE * len(words):
        return ""
    word, times = counts.most_common(1)[0]
    return f"{word} ×{times}"


# In the order they are asked: what a post is comes before what it sells, and an offer of sex
# before all, since one word is enough for it.
RULES: tuple[tuple[DropReason, Rule], ...] = (
    (DropReason.SPAM, adult),
    (DropReason.EMPTY, empty),
    (DropReason.FOREIGN, foreign),
    (DropReason.ABUSIVE, abusive),
    (DropReason.SPAM, hashtag_heap),
    (DropReason.SPAM, name_calling),
    (DropReason.SPAM, link_heap),
    (DropReason.SPAM, follow_train),
    (DropReason.ADVERTISEMENT, advertisement),
    (DropReason.REPETITIVE, repetitive),
)


def judge(
    post: JudgeInput,
    *,
    parts: TextParts | None = None,
    copies_by_author: int = 0,
    strictness: Strictness = Strictness.NORMAL,
    abuse: float = 0.0,
) -> Verdict:
    """Keep or drop a post, best given raw: normalising hides what tells languages apart.

    `parts` of title and text save taking them apart again; `copies_by_author`: near copies this
    author posted lately; `abuse`: how abusive a model finds it, 0 to 1.
    """
    look = Look(post, parts, copies_by_author, LIMITS[strictness], abuse)
    return next(_found(look), KEPT)


def verdicts(
    post: JudgeInput, *, strictness: Strictness = Strictness.NORMAL, abuse: float = 0.0
) -> list[Verdict]:
    """Everything that speaks against a post; `judge` gives the first."""
    return list(_found(Look(post, None, limits=LIMITS[strictness], abuse=abuse)))


def is_shown(post: Post, strictness: Strictness) -> bool:
    """Whether a chat that looks this closely is shown a stored post.

    Copies, empty and foreign posts and what an admin left out stay out for everybody.
    """
    if post.drop is None:
        return strictness is not Strictness.STRICT or judge(post, strictness=strictness).is_kept
    return (
        strictness is Strictness.LENIENT
        and post.drop in DOUBTFUL
        and post.drop_evidence != BY_ADMIN
        and judge(post, strictness=strictness).is_kept
    )


def _found(look: Look) -> Iterator[Verdict]:
    for reason, rule in RULES:
        if evidence := rule(look):
            yield Verdict(reason, rule.__name__, evidence[:_EVIDENCE_LENGTH])
