"""What admins see: the menu, jobs, delivery, the system, linked chats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.features.jobs import JobStatus
from bot.features.workers import AtWork
from bot.handlers.buttons import Verb, pack
from bot.handlers.views.page import Reader, shortened, tidied
from bot.models.disk import GB, DiskState, Room
from bot.models.messages import Button, OutMessage, RichText
from bot.models.status import DeliveryStatus, SystemStatus
from bot.models.user import Chat
from bot.models.work import JobRun

ITEMS = 5  # of a list whose items each have buttons
RUNS = 6
CHATS = 40
WORKERS = 20
NAME_LENGTH = 48
ERROR_LENGTH = 300
_MB = 1024 * 1024


def admin_message(reader: Reader, sources: int, delivery: DeliveryStatus) -> OutMessage:
    """The way to everything."""

    def to(key: str, verb: Verb) -> Button:
        return Button(text=reader.t(f"admin_button.{key}"), data=pack(verb))

    return reader.lines(
        reader.rich("admin.title"),
        reader.rich(
            "admin.title_line",
            sources=sources,
            pending=delivery.pending + delivery.retry,
            ambiguous=delivery.ambiguous,
        ),
    ).message(
        keyboard=(
            (to("sources", Verb.SOURCES), to("jobs", Verb.JOBS)),
            (to("queries", Verb.QUERIES), to("budget", Verb.BUDGET)),
            (to("delivery", Verb.DELIVERY), to("channels", Verb.CHANNELS)),
            (to("cache", Verb.CACHE), to("backup", Verb.BACKUP)),
            (to("dropped", Verb.DROPPED), to("status", Verb.ADMIN_STATUS)),
        )
    )


def back_row(reader: Reader, key: str = "menu", verb: Verb = Verb.ADMIN) -> tuple[Button, ...]:
    return (Button(text=reader.t(f"admin_button.{key}"), data=pack(verb)),)


def jobs_message(reader: Reader, jobs: Sequence[JobStatus]) -> OutMessage:
    body = reader.lines(reader.rich("job.title"))
    for job in jobs:
        body.newline(2).add(reader.rich("job.item", icon=_job_icon(job), job=reader.name(job.name)))
        body.newline().add(
            reader.rich("job.item_line", last=_last(reader, job), next=_next(reader, job))
        )
    buttons = tuple(
        (Button(text=f"{_job_icon(job)} {job.name}", data=pack(Verb.JOB, _word(job.name))),)
        for job in jobs
    )
    return body.message(keyboard=(*buttons, back_row(reader)))


def job_message(
    reader: Reader, job: JobStatus, runs: Sequence[JobRun], *, note: str = ""
) -> OutMessage:
    """One job, its latest runs, and what may be done with it."""
    body = reader.lines(
        note or None,
        "" if note else None,
        reader.rich("job.item", icon=_job_icon(job), job=reader.name(job.name)),
        reader.rich("job.item_line", last=_last(reader, job), next=_next(reader, job)),
    )
    if runs:
        body.newline(2).add(reader.rich("job.history"))
    for run in runs[:RUNS]:
        body.newline().add(_run_line(reader, run))
    paused = job.state.paused
    word = _word(job.name)
    toggle = Button(
        text=reader.t("button.resume" if paused else "button.pause"),
        data=pack(Verb.JOB_STATE, word, int(not paused)),
    )
    run_now = Button(text=reader.t("admin_button.run"), data=pack(Verb.JOB_RUN, word))
    first = (toggle,) if paused else (run_now, toggle)
    refresh = Button(text=reader.t("button.refresh"), data=pack(Verb.JOB, word))
    return body.message(keyboard=(first, (refresh,), back_row(reader, "to_jobs", Verb.JOBS)))


def _word(name: str) -> str:
    """A job's name as a button carries it: names are plain words, with - or _."""
    return name.replace(".", "-")


def _job_icon(job: JobStatus) -> str:
    if job.state.paused:
        return "⏸"
    if job.is_running:
        return "🔄"
    if job.last is None:
        return "🕓"
    return "✅" if job.last.ok else "⛔️"


def _last(reader: Reader, job: JobStatus) -> str:
    run = job.last
    if run is None:
        return reader.t("job.never")
    if job.is_running:
        return reader.t("job.running", when=reader.ago(run.started_at))
    return _outcome(reader, run)


def _outcome(reader: Reader, run: JobRun) -> str:
    when = reader.ago(run.finished_at or run.started_at)
    if not run.ok:
        return reader.t("job.last_failed", when=when)
    return reader.t("job.last_ok", when=when, took=_took(reader, run))


def _took(reader: Reader, run: JobRun) -> str:
    if run.finished_at is None:
        return ""
    seconds = (run.finished_at - run.started_at).total_seconds()
    if seconds < 1:
        return reader.t("job.moment")
    if seconds < 120:
        return reader.count("seconds", round(seconds))
    return reader.count("minutes", round(seconds / 60))


def _next(reader: Reader, job: JobStatus) -> str:
    if job.state.paused:
        return reader.t("job.paused")
    return reader.when(job.state.next_run_at)


def _run_line(reader: Reader, run: JobRun) -> RichText:
    icon = "✅" if run.ok else ("🔄" if run.ok is None else "⛔️")
    line = reader.text().plain(f"{icon} {_outcome(reader, run)}")
    detail = run.error or run.result
    if detail:
        line.newline().code(shortened(detail, ERROR_LENGTH))
    return line


def system_message(
    reader: Reader,
    state: SystemStatus,
    workers: Sequence[AtWork] = (),
    tweets: RichText | None = None,
) -> OutMessage:
    """The machinery in numbers; `tweets` is the line on what they cost."""
    versions = " · ".join(f"{name} {number}" for name, number in state.versions)
    memory = round(state.memory_bytes / _MB)
    size = state.database_bytes / _MB
    return reader.lines(
        reader.rich("admin_status.title"),
        "",
        reader.rich("admin_status.posts", total=state.posts, today=state.posts_today),
        reader.rich("admin_status.kept", n=state.left_out_today),
        reader.rich(
            "admin_status.people", users=state.users, chats=state.chats, watches=state.watches
        ),
        reader.rich("admin_status.plans", n=state.plans),
        reader.rich("admin_status.memory", mb=memory) if memory else None,
        reader.rich(
            "admin_status.database", mb=reader.n(size, 1), kind=reader.name(state.database_kind)
        ),
        _room_line(reader, state.disk),
        reader.rich(
            "admin_status.cache",
            rate=reader.percent(state.cache.hit_rate),
            n=state.cache.asked,
        ),
        tweets,
        reader.rich("admin_status.uptime", when=reader.when(state.started_at)),
        reader.rich("admin_status.versions", versions=reader.name(versions)),
        *_at_work(reader, workers),
    ).message(
        keyboard=(
            (Button(text=reader.t("button.refresh"), data=pack(Verb.ADMIN_STATUS)),),
            back_row(reader),
        )
    )


def _room_line(reader: Reader, disk: DiskState) -> RichText:
    """The data, with the search index, against what they may take and what is free."""
    data, free = reader.n(disk.data_bytes / GB, 1), reader.n(disk.free_bytes / GB, 1)
    if not disk.limit_bytes:
        return reader.rich(f"admin_status.disk_{disk.room}", data=data, free=free)
    limit = reader.n(disk.limit_bytes / GB, 0)
    return reader.rich(f"admin_status.disk_limit_{disk.room}", data=data, free=free, limit=limit)


def _at_work(reader: Reader, workers: Sequence[AtWork]) -> list[RichText | str]:
    """The processes that share the database, a line each."""
    lines: list[RichText | str] = []
    for worker in workers[:WORKERS]:
        info = worker.info
        roles = reader.listed(reader.t(f"admin_status.role_{role}") for role in info.roles)
        lines.append(
            reader.rich(
                "admin_status.worker_leads" if worker.leads_chat else "admin_status.worker",
                name=reader.name(shortened(info.name, NAME_LENGTH)),
                when=reader.when(info.started_at),
                roles=roles or reader.t("admin_status.no_role"),
            )
        )
    return ["", reader.rich("admin_status.workers", n=len(workers)), *lines] if lines else []


def channels_message(reader: Reader, chats: Sequence[Chat], plans: Mapping[int, int]) -> OutMessage:
    """The groups and channels that know the bot, and what is planned for them."""
    body = reader.lines(reader.rich("channels.title"))
    if not chats:
        body.newline(2).add(reader.rich("channels.none"))
    for chat in chats[:CHATS]:
        if not chat.reachable and not chat.is_bot_admin:
            key = "item_gone"
        else:
            key = "item_ok" if chat.reachable else "item_no_rights"
        title = reader.name(shortened(chat.title or str(chat.id), NAME_LENGTH))
        line = reader.rich(f"channels.{key}", title=title)
        if plans.get(chat.id):
            line.plain(f" · {reader.t('channels.plans', n=plans[chat.id])}")
        body.newline().add(line)
    if len(chats) > CHATS:
        body.newline().add(reader.rich("channels.more", n=len(chats) - CHATS))
    return body.message(keyboard=(back_row(reader),))


def source_gone_notice(reader: Reader, name: str, error: str) -> OutMessage:
    """A feed died and was switched off."""
    head = reader.rich("notice.source_gone", name=reader.name(shortened(name, NAME_LENGTH)))
    why = (
        reader.rich("notice.source_gone_error", error=reader.name(shortened(error, ERROR_LENGTH)))
        if error
        else None
    )
    return reader.lines(head, why).message(
        keyboard=((Button(text=reader.t("admin_button.sources"), data=pack(Verb.SOURCES)),),)
    )


def disk_notice(reader: Reader, state: DiskState) -> OutMessage:
    """The room for data runs out, or has run out; what helps."""
    is_over = state.room is Room.NONE
    return reader.lines(
        reader.rich("notice.disk_none" if is_over else "notice.disk_low"),
        reader.rich("notice.disk_data", size=reader.n(state.data_bytes / GB, 1)),
        reader.rich("notice.disk_limit", size=reader.n(state.limit_bytes / GB, 0))
        if state.limit_bytes
        else None,
        reader.rich("notice.disk_free", size=reader.n(state.free_bytes / GB, 1)),
        "",
        reader.rich("notice.disk_help"),
    ).message(
        keyboard=((Button(text=reader.t("admin_button.status"), data=pack(Verb.ADMIN_STATUS)),),)
    )


def trouble_notice(reader: Reader, update_id: int, error: str, at: datetime) -> OutMessage:
    """An update was set aside."""
    body = reader.lines(
        reader.rich("notice.update", number=str(update_id), when=reader.when(at)),
        reader.text().code(shortened(tidied(error), ERROR_LENGTH)),
    )
    return body.message(
        keyboard=((Button(text=reader.t("admin_button.delivery"), data=pack(Verb.DELIVERY)),),)
    )
