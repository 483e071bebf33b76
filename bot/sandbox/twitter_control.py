"""HTTP routes under /sandbox/twitter that order trouble and show the ledger, for other processes.

Like the other routes of the sandbox they accept JSON only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.twitter_double import TwitterDouble

Json = dict[str, Any]


class TwitterControl:
    """The control routes of one double."""

    def __init__(self, twitter: TwitterDouble) -> None:
        self._twitter = twitter

    def routes(self) -> list[Route]:
        """Return the routes."""
        actions: dict[str, Callable[[Json], Any]] = {
            "faults": self.faults,
            "outage": self.outage,
            "account": self.account,
            "behaviour": self.behaviour,
            "tweet": self.tweet,
            "delete": self.delete,
            "suspend": self.suspend,
            "webhook": self.webhook,
            "drop-stream": self.drop_stream,
            "matching": self.matching,
        }
        routes = [
            Route(f"/sandbox/twitter/{name}", self._door(action), methods=["POST"])
            for name, action in actions.items()
        ]
        routes.append(Route("/sandbox/twitter/faults", self.clear_faults, methods=["DELETE"]))
        routes.append(Route("/sandbox/twitter/ledger", self.ledger))
        routes.append(Route("/sandbox/twitter/clock", self.clock))
        return routes

    def _door(self, action: Callable[[Json], Any]) -> Callable[[Request], Any]:
        async def door(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip()
            if kind != "application/json":
                return JSONResponse({"error": "send application/json"}, status_code=415)
            try:
                return JSONResponse(action(dict(await request.json())))
            except (KeyError, ValueError, TypeError) as mistake:
                text = f"missing {mistake}" if isinstance(mistake, KeyError) else str(mistake)
                return JSONResponse({"error": text}, status_code=400)

        return door

    def faults(self, body: Json) -> Any:
        """{kind, endpoint?, times?, fraction?, seconds?, code?, retry_after?} -> hits by kind."""
        given = dict(body)
        self._twitter.faults.add(given.pop("kind"), **given)
        return self._twitter.faults.hits()

    def outage(self, body: Json) -> Any:
        """{seconds}."""
        self._twitter.faults.outage(float(body["seconds"]))
        return {"ok": True}

    def account(self, body: Json) -> Any:
        """{recharge?, bonus?, settle_s?, is_paced?, key?} -> the balance as it can be read."""
        account = self._twitter.accounts[body.get("key", self._twitter.key)]
        account.recharge(int(body.get("recharge", 0)))
        account.bonus = int(body.get("bonus", account.bonus))
        account.settle_s = float(body.get("settle_s", account.settle_s))
        account.is_paced = bool(body.get("is_paced", account.is_paced))
        paid, bonus = account.balance()
        return {"recharge_credits": paid, "total_bonus_credits": bonus}

    def behaviour(self, body: Json) -> Any:
        """{until_is_inclusive?, index_delay_s?, charges_empty_checks?, ping_s?, seed?}."""
        twitter = self._twitter
        for name, kind in (
            ("until_is_inclusive", bool),
            ("index_delay_s", float),
            ("charges_empty_checks", bool),
            ("ping_s", float),
        ):
            if name in body:
                setattr(twitter, name, kind(body[name]))
        if "seed" in body:
            twitter.faults.random.seed(int(body["seed"]))
        return {"ok": True}

    def tweet(self, body: Json) -> Any:
        """{text, author?, at?: ISO, likes?, lang?} -> {id}."""
        at = datetime.fromisoformat(body["at"]) if "at" in body else None
        held = self._twitter.write(
            str(body["text"]),
            author=str(body.get("author", "somebody")),
            at=at,
            likes=int(body.get("likes", 0)),
            lang=str(body.get("lang", "fa")),
        )
        return {"id": str(held.id)}

    def delete(self, body: Json) -> Any:
        """{id}."""
        self._twitter.delete(int(body["id"]))
        return {"ok": True}

    def suspend(self, body: Json) -> Any:
        """{username}."""
        self._twitter.suspend(str(body["username"]))
        return {"ok": True}

    def webhook(self, body: Json) -> Any:
        """{url, key?}: where pushes are posted to; an empty one ends it."""
        self._twitter.rules.set_webhook(body.get("key", self._twitter.key), str(body["url"]))
        return {"ok": True}

    def drop_stream(self, body: Json) -> Any:
        """{key?, code?}: close the key's WebSocket -> {was_open}."""
        key = body.get("key", self._twitter.key)
        was_open = self._twitter.rules.drop_socket(key, int(body.get("code", 1011)))
        return {"was_open": was_open}

    def matching(self, body: Json) -> Any:
        """{query, since?: ISO, until?: ISO} -> {ids}: what a search should bring."""
        since, until = (
            datetime.fromisoformat(body[name]) if body.get(name) else None
            for name in ("since", "until")
        )
        found = self._twitter.matching(str(body["query"]), since, until)
        return {"ids": [str(tweet.id) for tweet in found]}

    async def clear_faults(self, request: Request) -> Response:
        """DELETE /sandbox/twitter/faults."""
        del request
        self._twitter.faults.clear()
        return JSONResponse({"ok": True})

    async def ledger(self, request: Request) -> Response:
        """GET ledger?since=seq&timezone=&key=: what was charged, in all and one by one."""
        asked = request.query_params
        account = self._twitter.accounts.get(asked.get("key", self._twitter.key))
        if account is None:
            return JSONResponse({"error": "no such key"}, status_code=404)
        since = int(asked.get("since", 0))
        paid, bonus = account.balance()
        return JSONResponse(
            {
                "credits_spent": account.credits_spent,
                "by_day": account.day_totals(asked.get("timezone", "UTC")),
                "by_endpoint": account.by_endpoint(),
                "refused_as_too_fast": account.refused_as_too_fast,
                "recharge_credits": paid,
                "total_bonus_credits": bonus,
                "hits": self._twitter.faults.hits(),
                "calls": [call.to_json() for call in account.calls if call.seq > since],
            }
        )

    async def clock(self, request: Request) -> Response:
        """GET clock: now, and how to go on reckoning: start + speed × (time - began)."""
        del request
        clock = self._twitter.clock
        return JSONResponse(
            {
                "now": clock().isoformat(),
                "start": clock.start,
                "began": clock.began,
                "speed": clock.speed,
            }
        )
