"""What to call a story: the spelling, hashtag or phrase that its posts mostly use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from bot.analysis.terms import LONGEST_PHRASE, is_content, is_inflection
from bot.analysis.text import surfaces

_EZAFE = ("\u0654", "\u06c0", "\u0650")  # marks that bind a word to the next one
COVERS = 0.5  # of the leading term's posts: a hashtag or phrase on so many speaks for it
LONGER = 0.1  # … and for each word past two so much more
LEAST_TEXTS = 3
LONGEST_LABEL = 4  # words
MOST_SPELLINGS = 10
MOST_RELATED = 8

Said = list[tuple[str, str]]  # (key, as written), in order


@dataclass(frozen=True, slots=True)
class Name:
    term: str
    is_hashtag: bool
    spellings: tuple[str, ...]
    related: tuple[str, ...]


def name(
    lead: str, members: Sequence[str], texts: Iterable[str], twins: Container[str] = ()
) -> Name:
    """Name the story that `lead` leads, from texts that belong to it.

    `members` are the keys of its terms, `lead` among them, strongest first. Those of them that are
    `twins`, on the same posts as the lead, count as spellings when they are hashtags.
    """
    said = [list(surfaces(text)) for text in texts]
    forms = _forms(set(members), said)
    own = forms.get(lead) or Counter({lead: 1})
    label = _covering_tag(lead, said, forms) or _most(own)
    if label.startswith("#"):
        term, is_hashtag = label[1:], True
    else:
        term, is_hashtag = _phrase(lead, said) or _unbound(label), False
    same = [lead]
    same += [
        key
        for key in members
        if key != lead and key in forms and _is_form_of(key, lead, forms[key], twins)
    ]
    spellings = dict.fromkeys([_shown(term, is_hashtag)])
    for key in same:
        spellings.update(dict.fromkeys(form for form, _ in forms.get(key, Counter()).most_common()))
    others = [_most(forms[key]) for key in members if key not in same and key in forms]
    return Name(
        term,
        is_hashtag,
        tuple(spellings)[:MOST_SPELLINGS],
        tuple(dict.fromkeys(others))[:MOST_RELATED],
    )


def _shown(term: str, is_hashtag: bool) -> str:
    return f"#{term}" if is_hashtag else term


def _is_form_of(key: str, lead: str, written: Counter[str], twins: Container[str]) -> bool:
    """An inflected form of the leading word, a hashtag or phrase with it, or a twin hashtag.

    «چهارشنبه» is no form of «شنبه»: a longer word is another word.
    """
    usual = _most(written)
    if usual.startswith("#"):
        return key in twins or (len(lead) > 2 and lead in key)
    return is_inflection(key, lead) or (" " in usual and lead in key)


def _covering_tag(lead: str, said: Sequence[Said], forms: dict[str, Counter[str]]) -> str:
    """The longer hashtag under which most texts say the leading word; "" if none."""
    spoken = sum(
        any(key == lead or (written[0] == "#" and lead in key) for key, written in words)
        for words in said
    )
    tags = {
        key: written
        for key, written in forms.items()
        if key != lead and lead in key and _most(written).startswith("#")
    }
    key = max(tags, key=lambda key: tags[key].total(), default="")
    return _most(tags[key]) if key and tags[key].total() >= COVERS * spoken else ""


def _most(forms: Counter[str]) -> str:
    """The most frequent form; of equals, the one seen first."""
    return max(forms, key=forms.__getitem__)


def _forms(members: set[str], said: Sequence[Said]) -> dict[str, Counter[str]]:
    """How each member is written, counted once a text; words in a row may be one member."""
    forms: dict[str, Counter[str]] = {}
    for words in said:
        found: set[tuple[str, str]] = set()
        for start, (key, written) in enumerate(words):
            if key in members:
                found.add((key, written))
            if written[0] == "#":
                continue
            joined, shown = key, written
            for following, form in words[start + 1 : start + LONGEST_PHRASE]:
                if form[0] == "#":
                    break
                joined, shown = joined + following, f"{shown} {form}"
                if joined in members:
                    found.add((joined, shown))
        for key, written in sorted(found):
            forms.setdefault(key, Counter())[written] += 1
    return forms


def _unbound(word: str) -> str:
    """A word alone, without the mark that binds it to a next one."""
    return word.rstrip("\u0654\u0650").replace("\u06c0", "ه")


def _phrase(lead: str, said: Sequence[Said]) -> str:
    """The longest phrase around the word that most texts with the word use; "" if none."""
    spoken = 0
    counts: Counter[tuple[str, ...]] = Counter()
    shown: dict[tuple[str, ...], Counter[str]] = {}
    for words in said:
        keys = [key if written[0] != "#" else "" for key, written in words]
        if lead not in keys:
            continue
        spoken += 1
        found: dict[tuple[str, ...], str] = {}
        for start in range(len(keys)):
            for end in range(start + 2, min(start + LONGEST_LABEL, len(keys)) + 1):
                run = tuple(keys[start:end])
                if words[end - 1][1].endswith(_EZAFE):
                    continue  # «زلزلهٔ» is cut off from what it belongs to
                if lead in run and is_content(run[0]) and is_content(run[-1]) and "" not in run:
                    found.setdefault(run, " ".join(written for _, written in words[start:end]))
        for run, text in found.items():
            counts[run] += 1
            shown.setdefault(run, Counter())[text] += 1
    usual = [
        run
        for run, count in counts.items()
        if count >= max(LEAST_TEXTS, (COVERS + LONGER * (len(run) - 2)) * spoken)
    ]
    if not usual:
        return ""
    best = max(usual, key=lambda run: (len(run), counts[run], run))
    return _most(shown[best])
