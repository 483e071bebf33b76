"""The sample newsroom: which outlet publishes what and when, as a pure function of seed and time.

Calm items sit on a fixed grid of time, so they stay the same when the sandbox restarts. Stories
rise in the two hours before `anchor` (the start of the sandbox) and go on after it, one new item
every `LIVE_EVERY_S`. An item's id says how to make it again, so a link stays good.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bot.sandbox.phrases import Words, fill, read_data, seeded, with_arabic_letters, without_zwnj

WINDOW_S = 7 * 86_400
RISE_S = 2 * 3_600
CALM_EVERY_S = 4 * 3_600
LIVE_EVERY_S = 12
LIVE_KEPT = 60
STORIES_AT_ONCE = 4
TOLD_OF_FIRST = 3  # items an outlet tells of the leading story before the anchor
TOLD_OF_OTHERS = 2


@dataclass(frozen=True, slots=True)
class Outlet:
    """An invented outlet: its feed's format, what it covers, and its habits of spelling."""

    name: str
    title: str
    format: str
    beats: tuple[str, ...]
    about: str
    writes_arabic_letters: bool = False
    writes_zwnj: bool = True
    gives_full_text: bool = False


OUTLETS = (
    Outlet("sepideh", "خبرگزاری سپیده", "rss", ("general", "health"), "خبر، بی‌کم‌وکاست"),
    Outlet(
        "aftabgardan",
        "روزنامهٔ آفتاب‌گردان",
        "atom",
        ("general", "culture"),
        "خبر و نگاه",
        gives_full_text=True,
    ),
    Outlet(
        "nilab",
        "نیلاب‌آنلاین",
        "rss",
        ("local", "general"),
        "شهر از نزدیک",
        writes_arabic_letters=True,
        gives_full_text=True,
    ),
    Outlet("varzesh", "ورزش‌نما", "json", ("sport",), "هر چه می‌دود"),
    Outlet("fanavari", "فناوری‌بان", "rdf", ("tech",), "ابزار و آدم‌ها", writes_zwnj=False),
    Outlet("barg", "برگ؛ فرهنگ و هنر", "atom", ("culture", "health", "local"), "خواندنی‌ها"),
)
BY_NAME = {outlet.name: outlet for outlet in OUTLETS}
# Who tells a story besides the four that tell everything.
_SPECIAL = {"derby": "varzesh", "outage": "fanavari"}
_TELL_ALL = ("sepideh", "aftabgardan", "nilab", "barg")


@dataclass(frozen=True, slots=True)
class Item:
    """One published item; `published` is Unix seconds, `story` is empty for calm ones."""

    id: str
    outlet: str
    title: str
    summary: str
    body: str
    published: int
    tags: tuple[str, ...]
    story: str = ""


def _words(story: dict[str, Any] | None = None) -> Words:
    words: Words = {**read_data("calm.toml")["words"]}
    if story is not None:
        words |= read_data("stories.toml")["words"]
        words |= {
            name: value
            for name, value in story.items()
            if isinstance(value, list) and value and isinstance(value[0], str)
        }
    return words


@lru_cache(maxsize=64)
def stories_of(seed: int, anchor: int) -> tuple[dict[str, Any], ...]:
    """Return the stories that rise on the day of `anchor`, the leading one first."""
    stories = list(read_data("stories.toml")["story"])
    seeded(seed, "stories", anchor // 86_400).shuffle(stories)
    return tuple(stories[:STORIES_AT_ONCE])


def _spell(outlet: Outlet, text: str) -> str:
    if outlet.writes_arabic_letters:
        text = with_arabic_letters(text)
    return text if outlet.writes_zwnj else without_zwnj(text, " ")


def _item(
    outlet: Outlet, item_id: str, pair: list[str], published: int, tags: list[str], story: str
) -> Item:
    rng = seeded("body", item_id)
    body = read_data("calm.toml")["body"]
    title, summary = (_spell(outlet, text) for text in pair)
    paragraphs = [
        f"{rng.choice(body['openings'])} {pair[1]}",
        " ".join(rng.sample(body["middles"], 2)),
        rng.choice(body["endings"]),
    ]
    text = _spell(outlet, "\n\n".join(paragraphs))
    return Item(item_id, outlet.name, title, summary, text, published, tuple(tags), story)


@lru_cache(maxsize=4096)
def calm_item(seed: int, name: str, slot: int) -> Item:
    """Return the calm item of an outlet in one slot of the grid."""
    outlet = BY_NAME[name]
    rng = seeded(seed, "calm", name, slot)
    beats = [beat for beat in outlet.beats if read_data("calm.toml")["news"].get(beat)]
    beat = beats[slot % len(beats)]
    templates = read_data("calm.toml")["news"][beat]
    pair = fill(templates[(slot // len(beats)) % len(templates)], _words(), rng)
    published = slot * CALM_EVERY_S + rng.randrange(CALM_EVERY_S)
    return _item(outlet, f"c-{slot}", pair, published, [], "")


def _tellers(story: dict[str, Any]) -> list[str]:
    special = _SPECIAL.get(story["key"])
    return [*_TELL_ALL, special] if special else list(_TELL_ALL)


@lru_cache(maxsize=4096)
def told_item(seed: int, anchor: int, name: str, story_at: int, nth: int) -> Item:
    """Return the `nth` item an outlet told of a story before `anchor`, later ones denser."""
    story = stories_of(seed, anchor)[story_at]
    tellers = _tellers(story)
    # Outlets start at different headlines: the first two are one event in two wordings.
    pairs = story["headlines"] + story["updates"]
    place = (tellers.index(name) + nth * len(tellers)) % len(pairs)
    rng = seeded(seed, "told", anchor, name, story_at, nth)
    back = (rng.random() ** 1.7) * (RISE_S - 300 * story_at) + 20
    pair = fill(pairs[place], _words(story), rng)
    item_id = f"s-{anchor}-{story_at}-{nth}"
    return _item(BY_NAME[name], item_id, pair, int(anchor - back), [story["tag"]], story["key"])


@lru_cache(maxsize=4096)
def live_item(seed: int, anchor: int, nth: int) -> Item:
    """Return the `nth` item after `anchor`: every second one is of the leading story."""
    rng = seeded(seed, "live", anchor, nth)
    published = anchor + (nth + 1) * LIVE_EVERY_S + rng.randrange(-3, 4)
    story_at = 0 if nth % 2 == 0 else (1, 2, 3)[nth // 2 % 3]
    story = stories_of(seed, anchor)[story_at]
    tellers = _tellers(story)
    outlet = BY_NAME[tellers[nth // 2 % len(tellers)]]
    pair = fill(story["updates"][nth // 3 % len(story["updates"])], _words(story), rng)
    return _item(outlet, f"l-{anchor}-{nth}", pair, published, [story["tag"]], story["key"])


def items_at(seed: int, anchor: int, name: str, now: float) -> list[Item]:
    """Return what an outlet's feed holds at `now`, newest first."""
    first, last = int(now - WINDOW_S) // CALM_EVERY_S, int(now) // CALM_EVERY_S
    items = [calm_item(seed, name, slot) for slot in range(first, last + 1)]
    for story_at, story in enumerate(stories_of(seed, anchor)):
        if name in _tellers(story):
            count = TOLD_OF_FIRST if story_at == 0 else TOLD_OF_OTHERS
            items += [told_item(seed, anchor, name, story_at, nth) for nth in range(count)]
    newest = int(now - anchor) // LIVE_EVERY_S
    tellers = len(OUTLETS)
    live = (
        live_item(seed, anchor, nth)
        for nth in range(max(0, newest - LIVE_KEPT * tellers), max(0, newest) + 1)
    )
    items += [item for item in live if item.outlet == name]
    shown = [item for item in items if now - WINDOW_S <= item.published <= now]
    return sorted(shown, key=lambda item: item.published, reverse=True)


def find_item(seed: int, name: str, item_id: str) -> Item | None:
    """Make an item again from its id; None when no outlet could have published it."""
    kind, *numbers = item_id.split("-")
    if name not in BY_NAME or not all(number.isdecimal() for number in numbers):
        return None
    values = [int(number) for number in numbers]
    if kind == "c" and len(values) == 1:
        return calm_item(seed, name, values[0])
    if kind == "s" and len(values) == 3 and values[1] < STORIES_AT_ONCE:
        anchor, story_at, nth = values
        if name in _tellers(stories_of(seed, anchor)[story_at]):
            return told_item(seed, anchor, name, story_at, nth)
    if kind == "l" and len(values) == 2:
        item = live_item(seed, values[0], values[1])
        return item if item.outlet == name else None
    return None
