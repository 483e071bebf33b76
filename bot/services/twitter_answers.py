"""An answer to a search, and how the service has been seen to answer: what the walk goes by."""

from __future__ import annotations

from datetime import datetime

from bot.models.tweets import Tweet, TweetPage

FULL = 20  # tweets of an answer; more are never sent
AIM, AIM_HIGH = 10, 13  # tweets wished for in a slice; more where most answers are looked into
_CHECK_EVERY = 25
_SUSPICIOUS_FOR = 40  # answers, after one had hidden something


class Habits:
    """How the service has been seen to answer, for all walks of a process."""

    def __init__(self, *, check_every: int = _CHECK_EVERY) -> None:
        self._check_every = check_every
        self._boundary = 0
        self._short = 0
        self._suspicion = 0
        self._probed = 0.0  # the share of answers that are looked into, of late
        self._truth = 0.5  # the share of answers whose "more" was true, of late
        self._loops = 0.0

    @property
    def believes_more(self) -> bool:
        """Whether an answer without anything new is doubted when it says that there is more."""
        return self._truth > 0.05

    @property
    def includes_until(self) -> bool:
        return self._boundary >= 3

    @property
    def aim(self) -> int:
        return AIM_HIGH if self._probed > 0.4 else AIM

    def saw_boundary(self, *, fills: bool) -> None:
        self._boundary += 3 if fills else 1

    def cursor(self, *, led_on: bool) -> None:
        """A cursor was followed; one that led back to the same tweets counts for much."""
        self._loops = max(0.0, self._loops - 1) if led_on else min(12.0, self._loops + 3)

    def takes_cursor(self) -> bool:
        """Whether a cursor is worth a try; one is tried now and then though many led nowhere."""
        if self._loops < 6:
            return True
        self._loops -= 0.2
        return False

    def should_look(self, *, says_more: bool) -> bool:
        """Whether an answer that was not full is looked into below its oldest tweet."""
        self._short += 1
        looks = (
            says_more
            or self._suspicion > 0
            or (self._check_every > 0 and self._short % self._check_every == 0)
        )
        self._suspicion = max(0, self._suspicion - 1)
        self._probed += 0.1 * (looks - self._probed)
        return looks

    def looked(self, *, found: bool, said_more: bool) -> None:
        """An answer that was not full was looked into."""
        if said_more:
            self._truth += 0.1 * (found - self._truth)
        elif found:
            self._suspicion = _SUSPICIOUS_FOR


class Sight:
    """An answer beside the time that was asked about."""

    def __init__(
        self, page: TweetPage, since: int, cut: int, seen: set[str], chain: frozenset[str]
    ) -> None:
        self.page = page
        self.ids = frozenset(tweet.post.external_id for tweet in page.tweets)
        self.was_empty_end = False
        self.fresh: list[Tweet] = []
        self.here: list[int] = []  # the seconds of its tweets within the time
        self.new_here = False
        known: set[str] = set()
        below = above = at_until = next_second = 0
        for tweet in page.tweets:
            post = tweet.post
            second = second_of(post.created_at)
            is_fresh = post.external_id not in seen
            if is_fresh:
                seen.add(post.external_id)
                self.fresh.append(tweet)
            below += second < since
            next_second += second == cut
            above += second > cut or (second == cut and not is_fresh)
            at_until += second == cut and is_fresh
            if since <= second < cut and post.external_id not in known:
                known.add(post.external_id)
                self.here.append(second)
                self.new_here |= post.external_id not in chain
        self.is_full = max(page.count, len(page.tweets) + page.bad) >= FULL
        self.reaches_below = bool(below and self.here)
        self.is_at_until = bool(at_until and not below and not above)
        self.is_next_second = bool(page.tweets) and next_second == len(page.tweets)
        self.is_elsewhere = bool(above or (below and not self.here))


def second_of(moment: datetime) -> int:
    """The whole second of a moment, since 1970."""
    return int(moment.timestamp() // 1)
