"""What TwitterAPI.io charges."""

from __future__ import annotations

import pytest

from bot.services.twitter_prices import PRICES, failed


@pytest.mark.parametrize(
    ("endpoint", "count", "credits"),
    [
        ("search", 0, 15),
        ("search", 1, 15),
        ("search", 2, 30),
        ("search", 20, 300),
        ("timeline", 21, 315),
        ("replies", 38, 570),
        ("user", 1, 18),
        ("users", 0, 15),
        ("users", 99, 1782),
        ("users", 100, 1000),
        ("followers", 0, 15),
        ("followers", 20, 20),
        ("followers", 200, 200),
        ("trends", 30, 15),
        ("rules", 9, 15),
        ("balance", 1, 0),
    ],
)
def test_an_answer_costs_by_what_is_in_it(endpoint: str, count: int, credits: int) -> None:
    """Fifteen at the least; people by the hundred are cheaper."""
    assert PRICES[endpoint].of(count) == credits


@pytest.mark.parametrize("endpoint", PRICES)
def test_no_answer_costs_more_than_was_set_aside(endpoint: str) -> None:
    price = PRICES[endpoint]

    assert max(price.of(count) for count in range(price.most + 1)) <= price.worst()


@pytest.mark.parametrize("count", [1, 2, 99, 100])
def test_a_few_ids_need_little_set_aside(count: int) -> None:
    for endpoint in ("tweets", "users"):
        price = PRICES[endpoint]
        assert price.of(count) <= price.worst(count) <= 18 * max(1, count)


def test_followers_are_set_aside_at_the_price_of_small_pages() -> None:
    assert PRICES["followers"].worst() == 600


@pytest.mark.parametrize(
    ("status", "credits"),
    [
        (200, 15),
        (400, 15),
        (404, 15),
        (422, 15),
        (500, 15),
        (503, 15),
        (401, 0),
        (402, 0),
        (403, 0),
        (429, 0),
        (408, None),
        (502, None),
        (504, None),
        (524, None),
    ],
)
def test_a_failure_costs_the_least_nothing_or_nobody_knows(
    status: int, credits: int | None
) -> None:
    assert failed(status) == credits
