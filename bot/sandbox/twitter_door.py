"""The double's HTTP door: key, pace, credit, trouble on the way, the endpoint, the bill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from bot.sandbox import (
    twitter_profiles,
    twitter_reading,
    twitter_rules,
    twitter_searching,
)
from bot.sandbox.twitter_asked import Answer, Asked, Json, Refused, failed, wrong
from bot.sandbox.twitter_faults import TwitterFault, TwitterFaultKind
from bot.sandbox.twitter_ledger import Account
from bot.sandbox.twitter_spoiling import spoil

if TYPE_CHECKING:
    from bot.sandbox.twitter_double import TwitterDouble

__all__ = ["Receive", "Scope", "Send", "answer"]

Endpoint = Callable[[Asked], Answer]
BALANCE = "/oapi/my/info"
_SOCKET = "/twitter/tweet/websocket"
_BODY_AT_MOST = 1 << 20
_GARBAGE = b"<html><head><title>504 Gateway Time-out</title></head><body></body></html>"


def _balance(asked: Asked) -> Answer:
    paid, bonus = asked.account.balance()
    return Answer({"recharge_credits": paid, "total_bonus_credits": bonus}, 0, 0)


def _no_subscription(asked: Asked) -> Answer:
    del asked
    raise failed("No active monitoring subscription")


ENDPOINTS: dict[str, tuple[str, Endpoint]] = {
    "/twitter/tweet/advanced_search": ("GET", twitter_searching.search),
    "/twitter/tweet/bulk_advanced_search": ("POST", twitter_searching.bulk_search),
    "/twitter/trends": ("GET", twitter_searching.trends),
    "/twitter/user/info": ("GET", twitter_profiles.info),
    "/twitter/user/batch_info_by_ids": ("GET", twitter_profiles.infos),
    "/twitter/user/search": ("GET", twitter_profiles.find),
    "/twitter/user/last_tweets": ("GET", twitter_profiles.last_tweets),
    "/twitter/user/tweet_timeline": ("GET", twitter_profiles.timeline),
    "/twitter/user/mentions": ("GET", twitter_profiles.mentions),
    "/twitter/user/followers": ("GET", twitter_profiles.followers),
    "/twitter/user/followings": ("GET", twitter_profiles.followings),
    "/twitter/user/followers_ids": ("GET", twitter_profiles.followers_ids),
    "/twitter/user/verifiedFollowers": ("GET", twitter_profiles.verified_followers),
    "/twitter/user/check_follow_relationship": ("GET", twitter_profiles.follow_check),
    "/twitter/tweets": ("GET", twitter_reading.tweets_by_ids),
    "/twitter/tweet/replies": ("GET", twitter_reading.replies),
    "/twitter/tweet/replies/v2": ("GET", twitter_reading.replies_v2),
    "/twitter/tweet/quotes": ("GET", twitter_reading.quotes),
    "/twitter/tweet/retweeters": ("GET", twitter_reading.retweeters),
    "/twitter/tweet/thread_context": ("GET", twitter_reading.thread),
    "/twitter/article": ("GET", twitter_reading.article),
    "/twitter/list/tweets": ("GET", twitter_reading.list_tweets),
    BALANCE: ("GET", _balance),
    "/oapi/tweet_filter/add_rule": ("POST", twitter_rules.add_rule),
    "/oapi/tweet_filter/get_rules": ("GET", twitter_rules.get_rules),
    "/oapi/tweet_filter/update_rule": ("POST", twitter_rules.update_rule),
    "/oapi/tweet_filter/delete_rule": ("DELETE", twitter_rules.delete_rule),
    "/oapi/x_user_stream/add_user_to_monitor_tweet": ("POST", _no_subscription),
    "/oapi/x_user_stream/remove_user_to_monitor_tweet": ("POST", _no_subscription),
    "/oapi/x_user_stream/get_user_to_monitor_tweet": ("GET", _no_subscription),
}
_USER_PATH = "/twitter/user/"


async def answer(double: TwitterDouble, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request, or hold one WebSocket."""
    path: str = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
    if scope["type"] == "websocket":
        from bot.sandbox.twitter_socket import hold_socket

        await hold_socket(double, path == _SOCKET, scope, receive, send)
        return
    if double.faults.is_out:
        await _cut(double, scope, receive)
        return
    account = double.accounts.get(_header(scope, b"x-api-key"))
    if account is None:
        await _send(send, 401, {"error": "Unauthorized", "message": "API key is invalid"})
        return
    fault: TwitterFault | None = None
    if path != BALANCE:
        refusal = _turned_away(account)
        if refusal is not None:
            account.charge(path, 0, status=refusal.status)
            await _send(send, refusal.status, refusal.body)
            return
    fault = double.faults.on_the_way(path)
    kind = fault.kind if fault else None
    if kind is TwitterFaultKind.RESET_BEFORE:
        account.charge(path, 0, status=0, trouble=kind)
        await _cut(double, scope, receive)
        return
    if fault and kind is TwitterFaultKind.SLOW:
        await asyncio.sleep(fault.seconds)
    status, body, headers = await _served(double, account, path, scope, receive, fault)
    if kind is TwitterFaultKind.RESET_AFTER:
        await _cut(double, scope, receive)
        return
    if kind is TwitterFaultKind.GARBLED:
        await _send_bytes(send, 200, _GARBAGE)
        return
    if kind is TwitterFaultKind.NOT_AN_OBJECT:
        odd = (b"[]", b"null", b"0", b'"ok"', b"[{}]", b"")
        await _send_bytes(send, 200, double.faults.random.choice(odd))
        return
    written = orjson.dumps(body)
    if kind is TwitterFaultKind.TRUNCATED:
        written = written[: len(written) * 2 // 3]
    await _send_bytes(send, status, written, headers)


def _turned_away(account: Account) -> Refused | None:
    if not account.admit():
        return _too_fast(account)
    return _no_credit() if account.is_empty else None


def _too_fast(account: Account) -> Refused:
    count, _ = account.plan
    text = f"The QPS limit of your balance is {count} requests per second."
    if count == 1:
        text = "For free-tier users, the QPS limit is one request every 5 seconds."
    return Refused(429, {"error": "Too Many Requests", "message": text}, 0)


def _no_credit() -> Refused:
    text = "Credits is not enough.Please recharge"
    return Refused(402, {"error": "Unauthorized", "message": text}, 0)


def _ordered(fault: TwitterFault, account: Account) -> Refused | None:
    """Return the refusal a fault stands for, if it is one."""
    kind = TwitterFaultKind
    if fault.kind is kind.TOO_FAST:
        return _too_fast(account)
    if fault.kind is kind.NO_CREDIT:
        return _no_credit()
    if fault.kind is kind.SERVER_ERROR:
        return Refused(fault.code, {"message": "Internal server error"})
    if fault.kind is kind.UNAVAILABLE:
        return Refused(503, {"detail": "Service is temporarily unavailable"})
    if fault.kind is kind.BODY_ERROR:
        return failed("Something went wrong, please try again")
    return None


async def _served(
    double: TwitterDouble,
    account: Account,
    path: str,
    scope: Scope,
    receive: Receive,
    fault: TwitterFault | None,
) -> tuple[int, Json, dict[str, str]]:
    """Run the endpoint and write its price down, whatever becomes of the answer."""
    query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    about = query.get("query") or query.get("userName") or query.get("tweetId") or ""
    trouble = str(fault.kind) if fault else ""
    headers: dict[str, str] = {}
    if fault and fault.retry_after is not None:
        headers["retry-after"] = str(fault.retry_after)
    try:
        refusal = _ordered(fault, account) if fault else None
        if refusal is not None:
            raise refusal
        endpoint, rest = _endpoint(scope["method"], path)
        body = await _json_body(scope, receive)
        about = about or _about(body)
        lies = double.faults.in_the_answer(path)
        asked = Asked(double, account, query, body, lies, double.now_ms(), rest)
        result = endpoint(asked)
    except Refused as refused:
        if path != BALANCE:
            account.charge(
                path, refused.credits, query=about, status=refused.status, trouble=trouble
            )
        return refused.status, refused.body, headers
    if lies:
        trouble = " ".join([trouble, *sorted(lies)]).strip()
    if path != BALANCE:
        account.charge(path, result.credits, query=about, n=result.n, trouble=trouble)
    return 200, spoil(result.body, lies, double.faults.random), headers


def _about(body: Json) -> str:
    queries = body.get("queries")
    if isinstance(queries, list):
        return " | ".join(str(one.get("query")) for one in queries if isinstance(one, dict))
    return str(body.get("value") or body.get("rule_id") or "")


def _endpoint(method: str, path: str) -> tuple[Endpoint, str]:
    known = ENDPOINTS.get(path)
    if known is None:
        rest = path.removeprefix(_USER_PATH)
        if rest != path and rest and "/" not in rest:
            known = ("GET", twitter_profiles.info_by_path)
    else:
        rest = ""
    if known is None:
        raise Refused(404, {"detail": "Not Found"})
    if known[0] != method:
        raise Refused(405, {"detail": "Method Not Allowed"})
    return known[1], rest


async def _json_body(scope: Scope, receive: Receive) -> Json:
    if scope["method"] == "GET":
        return {}
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise wrong("the body ended early")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _BODY_AT_MOST:
            raise Refused(413, {"detail": "Request body is too large"})
        if not message.get("more_body"):
            break
    try:
        body = orjson.loads(b"".join(parts))
    except orjson.JSONDecodeError:
        raise Refused(422, {"detail": "JSON decode error"}) from None
    if not isinstance(body, dict):
        raise Refused(422, {"detail": "Input should be a valid dictionary"})
    return body


def _header(scope: Scope, name: bytes) -> str:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


async def _cut(double: TwitterDouble, scope: Scope, receive: Receive) -> None:
    if double.connections is None:
        raise RuntimeError("this server cannot cut connections")
    await double.connections.cut(scope, receive)


async def _send(send: Send, status: int, body: Any) -> None:
    await _send_bytes(send, status, orjson.dumps(body))


async def _send_bytes(
    send: Send, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    lines = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    lines += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
