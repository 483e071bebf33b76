"""Sample posts of invented people, in the shape that `import` reads; nothing here was ever tweeted.

Seven days of everyday talk with a daily rhythm, the day's stories rising in the last two hours, one
small campaign of near-identical posts, a little spam: what /trends and the filters are shown with.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

from bot.sandbox.newsroom import RISE_S, WINDOW_S, stories_of
from bot.sandbox.phrases import Words, fill, read_data, respell, seeded

_MOODS = ("positive", "negative", "neutral")
_TEHRAN_S = 12_600
# Talk through the day: the weight of each hour of the local clock.
_RHYTHM = (3, 2, 1, 1, 1, 1, 2, 4, 6, 7, 8, 8, 8, 8, 7, 7, 8, 9, 10, 11, 12, 12, 10, 6)


def all_handles() -> list[str]:
    """Return the usernames of everybody who talks."""
    names = read_data("calm.toml")["people"]["handles"]
    return [name + end for name in names for end in ("", "_", "7", "1378")]


def _tweet(
    tweet_id: str, at: int, text: str, author: str, rng: Random, heat: float, lang: str = "fa"
) -> dict[str, Any]:
    likes = int(rng.paretovariate(1.3) * 3 * heat) - 2
    return {
        "id": tweet_id,
        "created_at": datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"),
        "text": text,
        "author": author,
        "likes": max(0, min(likes, 20_000)),
        "retweets": max(0, min(int(likes * rng.uniform(0.05, 0.4)), 5_000)),
        "replies": max(0, min(int(likes * rng.uniform(0.02, 0.2)), 2_000)),
        "lang": lang,
        "kind": "tweet",
    }


def calm_text(rng: Random, words: Words) -> tuple[str, str]:
    """Return everyday talk, and its language."""
    data = read_data("calm.toml")["tweets"]
    if rng.random() < 0.04:
        english: Words = {name: data[name] for name in ("city_en", "thing", "n")}
        return fill([rng.choice(data["english"])], english, rng)[0], "en"
    mood = rng.choices(_MOODS, (35, 27, 38))[0]
    core = fill([rng.choice(data[mood])], words, rng)[0]
    return respell(_spoken(rng, core, "tails"), rng), "fa"


def _spoken(rng: Random, core: str, tails: str) -> str:
    """Put a core between an opener and a tail that suit a statement or a question."""
    data = read_data("calm.toml")["tweets"]
    if core.endswith("؟"):
        return f"{rng.choice(data['question_openers'])}{core}{rng.choice(data['question_tails'])}"
    return f"{rng.choice(data['openers'])}{core}{rng.choice(data[tails])}"


def story_words(story: dict[str, Any]) -> Words:
    """Return the words that fill a story's templates."""
    return {
        **read_data("calm.toml")["words"],
        **read_data("stories.toml")["words"],
        **{name: value for name, value in story.items() if isinstance(value, list)},
    }


def story_text(rng: Random, story: dict[str, Any], words: Words) -> str:
    """Return what somebody says of a story."""
    mood = rng.choices(_MOODS, (36, 38, 26))[0]
    core = fill([rng.choice(story[mood])], words, rng)[0]
    tag = f" #{story['tag']}" if rng.random() < 0.55 else ""
    return respell(_spoken(rng, core, "story_tails") + tag, rng)


def _calm(rng: Random, now: int, count: int, handles: list[str]) -> list[dict[str, Any]]:
    words: Words = read_data("calm.toml")["words"]
    posts: list[dict[str, Any]] = []
    seen: set[str] = set()
    while len(posts) < count:
        at = now - rng.randrange(60, WINDOW_S)
        hour = (at + _TEHRAN_S) % 86_400 // 3_600
        if rng.random() * max(_RHYTHM) > _RHYTHM[hour]:
            continue
        text, lang = calm_text(rng, words)
        if text in seen:
            continue
        seen.add(text)
        posts.append(_tweet("", at, text, rng.choice(handles), rng, 1.0, lang))
    return posts


def _rising(
    rng: Random, now: int, story: dict[str, Any], place: int, count: int, handles: list[str]
) -> list[dict[str, Any]]:
    words = story_words(story)
    posts: list[dict[str, Any]] = []
    seen: list[str] = []
    # Two days earlier somebody already mentioned it now and then: a past to rise against.
    for _ in range(max(3, count // 15)):
        at = now - rng.randrange(RISE_S * 2, WINDOW_S)
        text = fill([rng.choice(story["neutral"])], words, rng)[0]
        posts.append(_tweet("", at, text, rng.choice(handles), rng, 1.0))
    for _ in range(count):
        back = (rng.random() ** 1.6) * (RISE_S - 600 * place) + 15
        if seen and rng.random() < 0.10:
            # A few people pass on what another wrote, word for word or nearly.
            text = respell(rng.choice(seen), rng)
        else:
            text = story_text(rng, story, words)
        seen.append(text)
        posts.append(_tweet("", int(now - back), text, rng.choice(handles), rng, 4.0 - place / 2))
    return posts


def _campaign(rng: Random, now: int) -> list[dict[str, Any]]:
    text = read_data("calm.toml")["tweets"]["campaign"]
    begin = now - 9 * 3_600
    marks = ["", " 🌞", " !", " 🛒", " حتماً ببینید", " 👏"]
    return [
        _tweet(
            "",
            begin + 20 * nth + rng.randrange(15),
            text + rng.choice(marks),
            f"user{rng.randrange(10**7, 10**8)}",
            rng,
            0.2,
        )
        for nth in range(14)
    ]


def _spam(rng: Random, now: int) -> list[dict[str, Any]]:
    words: Words = read_data("calm.toml")["words"]
    templates = read_data("calm.toml")["tweets"]["spam"]
    return [
        _tweet(
            "",
            now - rng.randrange(60, WINDOW_S),
            fill([rng.choice(templates)], words, rng)[0],
            f"gift{rng.randrange(1000, 9999)}",
            rng,
            0.1,
        )
        for _ in range(12)
    ]


def sample_posts(
    now: datetime | float, *, seed: int = 7, count: int = 1500, base_url: str = ""
) -> list[dict[str, Any]]:
    """Return about `count` posts up to `now`, oldest first: the same for the same minute and seed.

    With `base_url` (the sandbox's own address) each post carries a link that shows it.
    """
    moment = now.timestamp() if isinstance(now, datetime) else now
    anchor = int(moment) // 60 * 60
    rng = seeded(seed, "tweets", anchor)
    handles = all_handles()
    posts = _campaign(rng, anchor) + _spam(rng, anchor)
    for place, story in enumerate(stories_of(seed, anchor)):
        posts += _rising(rng, anchor, story, place, count // 14 - 12 * place, handles)
    posts += _calm(rng, anchor, max(0, count - len(posts)), handles)
    posts.sort(key=lambda post: (post["created_at"], post["text"]))
    for nth, post in enumerate(posts):
        post["id"] = f"{anchor}{nth:05d}"
        if base_url:
            post["url"] = f"{base_url.rstrip('/')}/sandbox/posts/{post['id']}"
    return posts


def find_post(post_id: str, *, seed: int = 7) -> dict[str, Any] | None:
    """Make a sample post again from its id."""
    if not post_id.isdecimal() or not 11 <= len(post_id) <= 16:
        return None
    anchor, nth = int(post_id[:-5]), int(post_id[-5:])
    posts = sample_posts(float(anchor), seed=seed)
    return posts[nth] if nth < len(posts) else None
