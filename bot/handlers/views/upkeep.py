"""The cache and the backups as admins see them."""

from __future__ import annotations

import socket

from bot.features.backups import KEPT
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.admin import back_row
from bot.handlers.views.page import Reader
from bot.models.cache import CacheReport
from bot.models.messages import Button, OutMessage
from bot.services.backups.making import BackupMade

_MB = 1024 * 1024


def cache_message(reader: Reader, report: CacheReport, note: str = "") -> OutMessage:
    """How often it helped, and how full it is."""
    counts, process, shared = report.counts, report.process, report.shared

    def room(used: int, limit: int) -> dict[str, str]:
        return {"mb": reader.n(used / _MB, 1), "limit": reader.n(limit / _MB)}

    return reader.lines(
        note or None,
        "" if note else None,
        reader.rich("cache.title"),
        "",
        reader.rich("cache.rate", rate=reader.percent(report.hit_rate), n=report.asked)
        if report.asked
        else reader.rich("cache.none"),
        reader.rich(
            "cache.detail",
            memory=counts.get("hits_memory", 0),
            shared=counts.get("hits_shared", 0),
            joined=counts.get("joined", 0),
            misses=counts.get("misses", 0),
        )
        if report.asked
        else None,
        reader.rich(
            "cache.memory", entries=process.entries, **room(process.bytes, process.limit_bytes)
        ),
        reader.rich(
            "cache.shared",
            level=reader.t(f"cache.level_{shared.name}"),
            entries=shared.entries,
            **room(shared.bytes, shared.limit_bytes),
        )
        if shared
        else reader.rich("cache.down"),
    ).message(
        keyboard=(
            (
                Button(text=reader.t("button.refresh"), data=pack(Verb.CACHE)),
                Button(text=reader.t("admin_button.cache_clear"), data=pack(Verb.CACHE_CLEAR)),
            ),
            back_row(reader),
        )
    )


def backup_message(reader: Reader, made: BackupMade) -> OutMessage:
    """Where it is, how large, and what is not in it."""
    place = f"{socket.gethostname()}:{made.path}"
    return reader.lines(
        reader.rich("backup.done"),
        "",
        reader.rich(
            "backup.what",
            posts=reader.count("posts", made.facts.posts),
            mb=reader.n(made.bytes / _MB, 1),
            took=reader.count("seconds", max(1, round(made.took_s))),
        ),
        reader.text().code(place),
        reader.rich("backup.kept", n=KEPT),
        reader.rich("backup.not_in"),
    ).message(keyboard=(back_row(reader),))
