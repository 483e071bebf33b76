// The page's flow: rooms, live changes, and what a person does. Drawing is in render.js.
import { Composer } from "./composer.js";
import { Drafts } from "./drafts.js";
import { Overlays } from "./overlays.js";
import { avatar, bubble, el, icon, preview } from "./render.js";
import { TEXTS } from "./texts.js";

const $ = (id) => document.getElementById(id);
const memory = {
  get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* private mode */ } },
};
const WAIT_FOR_ANSWER_MS = 10000;

class Page {
  constructor() {
    this.lang = memory.get("sandbox-language") || "fa";
    this.state = { bot: {}, users: [], chats: [], rev: 0 };
    this.rooms = [];
    this.room = null;
    this.messages = new Map();
    this.drafts = new Drafts(this);
    this.over = new Overlays(this);
    this.pressed = new Map();
    this.early = new Map();
    this.unread = new Map();
    this.composer = new Composer(this);
    const page = this;
    this.acts = {
      get text() { return page.text; },
      press: (message, button, key) => this.press(message, button, key),
      command: (text) => this.say(text),
      search: (text) => this.search(text),
      mention: (text) => this.composer.insert(`${text} `),
      copy: (text) => this.over.copy(text),
      jump: (id) => this.jump(id),
      view: (src) => this.over.view(src),
      reply: (message) => this.composer.replyTo(message),
      context: (message, event) => this.over.context(message, event),
      botName: () => this.state.bot.name || "",
      number: (value) => this.number(value),
      clock: (seconds) => this.clock(seconds),
    };
    this.fixed();
  }

  get text() { return TEXTS[this.lang]; }

  number(value) {
    return String(value).replace(/\d/g, (digit) => (this.lang === "fa" ? "۰۱۲۳۴۵۶۷۸۹"[digit] : digit));
  }

  format(options) { return new Intl.DateTimeFormat(this.lang === "fa" ? "fa-IR" : "en-GB", options); }

  clock(seconds) {
    return this.format({ hour: "2-digit", minute: "2-digit", hour12: false }).format(seconds * 1000);
  }

  day(seconds) {
    const date = new Date(seconds * 1000);
    const midnight = new Date(); midnight.setHours(0, 0, 0, 0);
    if (date >= midnight) return this.text.today;
    if (date >= midnight - 86400000) return this.text.yesterday;
    return this.format({ day: "numeric", month: "long" }).format(date);
  }

  async get(path) { return (await fetch(path)).json(); }

  async post(name, body) {
    const answer = await fetch(`sandbox/${name}`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    const result = await answer.json();
    if (!answer.ok) { this.over.toast(result.error); return null; }
    return result;
  }

  fixed() {
    const marks = { back: "back", "search-open": "search",
      "search-close": "close", "reply-cancel": "close", attach: "clip", send: "send", down: "down" };
    for (const [id, name] of Object.entries(marks)) $(id).append(icon(name));
    $("back").onclick = () => { location.hash = "list"; };
    $("language").onclick = () => { memory.set("sandbox-language", this.lang === "fa" ? "en" : "fa"); location.reload(); };
    $("search-open").onclick = () => this.search("");
    $("search-close").onclick = () => this.search(null);
    $("search-text").oninput = (event) => this.filter(event.target.value);
    $("down").onclick = () => this.bottom(true);
    $("messages").onscroll = () => { this.stick = this.isAtBottom(); $("down").hidden = this.stick; };
    addEventListener("hashchange", () => this.route());
    // Pictures, fonts and keyboards change heights after the fact: who reads the end stays there.
    const stay = new ResizeObserver(() => { if (this.stick) this.bottom(); });
    stay.observe($("flow"));
    stay.observe($("messages"));
  }

  async start() {
    document.documentElement.lang = this.lang;
    document.documentElement.dir = this.lang === "fa" ? "rtl" : "ltr";
    $("list-title").textContent = this.text.title;
    $("language").textContent = this.text.other;
    $("note").textContent = this.text.note;
    this.over.words();
    $("search-text").placeholder = this.text.search;
    for (const [id, name] of [["search-open", "search"], ["backstage-open", "backstage"], ["attach", "file"], ["send", "message"]]) {
      $(id).title = this.text[name];
      $(id).setAttribute("aria-label", this.text[name]);
    }
    this.composer.words();
    await this.refresh();
    this.route();
    this.listen();
  }

  async refresh() {
    this.state = await this.get(`sandbox/state?lang=${this.lang}`);
    const roles = { 1000: this.text.admin, 1001: this.text.reader, 1002: this.text.english };
    const persons = [...this.state.users].sort((a, b) => (a.id === 1000 ? 1001.5 : a.id) - (b.id === 1000 ? 1001.5 : b.id));
    this.rooms = persons.map((user) => ({
      id: user.id, type: "private", title: this.state.bot.name, isBot: true, writer: user.id, last: user.last,
      tag: roles[user.id] ? `${user.first_name} · ${roles[user.id]}` : user.first_name, ...{ user }, commands: user.commands,
    }));
    for (const chat of this.state.chats) {
      const writer = chat.type === "channel" ? chat.owner : chat.members.find((id) => id !== 1000) || chat.owner;
      this.rooms.push({ id: chat.id, type: chat.type, title: chat.title, writer, last: chat.last, tag: "", chat, commands: chat.commands });
    }
    if (this.room) this.room = this.find(this.room.id) || this.room;
    this.drawList();
    if (this.room) this.drawHead();
  }

  find(id) { return this.rooms.find((room) => room.id === id); }

  route() {
    const wanted = decodeURIComponent(location.hash.slice(1));
    const isList = wanted === "list" || !this.rooms.length;
    document.body.classList.toggle("on-list", isList);
    if (!isList) this.open(this.find(Number(wanted)) || this.rooms[0]);
    else if (!this.room && this.rooms.length) this.open(this.rooms[0]);
  }

  drawList() {
    const rows = this.rooms.map((room) => {
      const count = this.unread.get(room.id) || 0;
      const last = room.last;
      return el("a", { class: `chat-row${this.room?.id === room.id ? " current" : ""}`, href: `#${room.id}` },
        avatar(el("div", { class: "avatar" }), room.id, room.title, room.isBot),
        el("div", { class: "chat-text" },
          el("div", { class: "chat-top" }, el("strong", { dir: "auto" }, room.title), el("time", {}, last ? this.clock(last.date) : "")),
          room.tag ? el("div", { class: "chat-tag", dir: "auto" }, room.tag) : null,
          el("div", { class: "chat-last" }, el("span", { dir: "auto" }, last ? preview(last, this.text) : this.text.empty),
            count ? el("b", {}, this.number(count)) : null)));
    });
    $("chats").replaceChildren(...rows);
  }

  drawHead() {
    const room = this.room;
    avatar($("peer-avatar"), room.id, room.title, room.isBot);
    $("peer-name").textContent = room.title;
    $("peer-name").dir = "auto";
    this.status();
    this.composer.forRoom(room);
  }

  status(action) {
    clearTimeout(this.actionTimer);
    const room = this.room;
    const node = $("peer-status");
    node.classList.toggle("busy", Boolean(action));
    if (action) {
      node.textContent = this.text[action] || this.text.typing;
      this.actionTimer = setTimeout(() => this.status(), 5000);
      return;
    }
    if (room.type === "private") node.textContent = `${this.text.bot} · ${room.tag}`;
    else {
      const noun = room.type === "channel" ? this.text.subscribers : this.text.members;
      node.textContent = `${this.number(room.chat.members.length + (room.chat.bot_status === "left" ? 0 : 1))} ${noun}`;
    }
  }

  async open(room) {
    this.room = room;
    this.unread.delete(room.id);
    this.drawList();
    this.search(null);
    this.drawHead();
    const past = await this.get(`sandbox/history?chat=${room.id}`);
    if (this.room !== room && this.room.id !== room.id) return;
    this.messages = new Map(past.messages.map((message) => [message.message_id, message]));
    this.drafts.clear();
    this.composer.keyboard(past.keyboard);
    this.drawAll();
    past.drafts.forEach((draft) => this.drafts.show(draft));
    this.pin(past.pinned);
    this.bottom();
  }

  context(before) {
    return {
      isMine: (message) => !message.by_bot && message.from?.id === this.room.writer,
      showName: (message) => this.room.type !== "private" && this.room.type !== "channel"
        && (message.by_bot || message.from?.id !== this.room.writer)
        && !(before && before.from?.id === message.from?.id),
    };
  }

  drawAll() {
    const nodes = [];
    let before = null;
    let day = "";
    const list = [...this.messages.values()];
    if (this.room.type === "private") nodes.push(this.welcome());
    else if (!list.length) nodes.push(el("div", { class: "day" }, el("span", {}, this.text.empty)));
    for (const message of list) {
      const today = this.day(message.date);
      if (today !== day) nodes.push(el("div", { class: "day" }, el("span", {}, today)));
      day = today;
      nodes.push(bubble(message, this.context(before), this.acts));
      before = message;
    }
    this.lastDay = day;
    $("flow").replaceChildren(...nodes.filter(Boolean));
  }

  welcome() {
    const words = this.state.bot.description;
    if (!words) return null;
    return el("div", { class: "welcome" }, el("strong", {}, this.text.what), el("div", { class: "text" }, words));
  }

  put(message) {
    const known = this.messages.get(message.message_id);
    if (known) message = { by_bot: known.by_bot, reactions: known.reactions, ...message };
    const stick = this.isAtBottom();
    const before = [...this.messages.values()].filter((m) => m.message_id < message.message_id).pop();
    this.messages.set(message.message_id, message);
    const node = bubble(message, this.context(before), this.acts);
    const old = $("messages").querySelector(`[data-id="${message.message_id}"]`);
    if (old) { old.replaceWith(node); } else {
      const today = this.day(message.date);
      if (today !== this.lastDay) $("flow").append(el("div", { class: "day" }, el("span", {}, today)));
      this.lastDay = today;
      node.classList.add("new");
      $("flow").append(node);
    }
    if (stick || !message.by_bot) this.bottom(); else $("down").hidden = false;
  }

  listen() {
    const source = new EventSource(`sandbox/events?since=${this.state.rev}`);
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
    source.onmessage = (event) => this.happened(JSON.parse(event.data));
    source.onerror = () => { this.isLost = true; this.over.toast(this.text.lost, 60000); };
    source.onopen = () => {
      if (this.isLost) { this.isLost = false; this.over.toast(""); this.refresh(); if (this.room) this.open(this.room); }
    };
  }

  happened(event) {
    const here = this.room && event.chat_id === this.room.id;
    const room = this.find(event.chat_id);
    if (event.kind === "message") {
      const message = { ...event.message, by_bot: event.by_bot };
      if (room) room.last = message;
      if (here) {
        if (event.by_bot) { this.drafts.clear(); this.status(); }
        if (message.pinned_message) this.pin(message.pinned_message.message_id);
        this.put(message);
      } else if (event.by_bot) this.unread.set(event.chat_id, (this.unread.get(event.chat_id) || 0) + 1);
      this.drawList();
    } else if (event.kind === "edit") {
      if (here) this.put(event.message);
      if (room?.last?.message_id === event.message.message_id) { room.last = event.message; this.drawList(); }
    } else if (event.kind === "delete") {
      if (here) {
        this.messages.delete(event.message_id);
        $("messages").querySelector(`[data-id="${event.message_id}"]`)?.remove();
      }
    } else if (event.kind === "draft") { if (here) this.drafts.show(event.draft); }
    else if (event.kind === "action") { if (here) this.status(event.action); }
    else if (event.kind === "answer") this.answered(event);
    else if (event.kind === "reactions") {
      const message = here && this.messages.get(event.message_id);
      if (message) this.put({ ...message, reactions: event.reactions });
    } else if (event.kind === "keyboard") { if (here) this.composer.keyboard(event.markup); }
    else if (event.kind === "call") { if (!$("backstage").hidden) this.over.backstage(); }
    else if (event.kind === "reset") location.reload();
    else { clearTimeout(this.later); this.later = setTimeout(() => this.refresh(), 60); }
  }

  async say(text) {
    const room = this.room;
    const reply = this.composer.takeReply();
    this.bottom();
    await this.post("say", { user: room.writer, text, chat: room.id, reply_to: reply });
  }

  async press(message, button, key) {
    if (button.copy_text) return this.over.copy(button.copy_text.text);
    if (button.web_app) return this.over.toast(this.text.web_app);
    const inline = button.switch_inline_query_current_chat ?? button.switch_inline_query
      ?? button.switch_inline_query_chosen_chat?.query;
    if (inline !== undefined) return this.composer.fill(`@${this.state.bot.username} ${inline}`);
    key.classList.add("waiting");
    const body = { user: this.room.writer, message: message.message_id, button: button.callback_data, chat: this.room.id };
    const asked = await this.post("press", body);
    const done = () => key.classList.remove("waiting");
    if (!asked) return done();
    this.pressed.set(asked.query_id, done);
    // The bot may be quicker than the answer to our own request.
    const early = this.early.get(asked.query_id) || (asked.answer && { query_id: asked.query_id, ...asked.answer });
    if (early) return this.answered(early);
    setTimeout(() => { done(); this.pressed.delete(asked.query_id); }, WAIT_FOR_ANSWER_MS);
    return undefined;
  }

  answered(answer) {
    const done = this.pressed.get(answer.query_id);
    if (!done) {
      this.early.set(answer.query_id, answer);
      setTimeout(() => this.early.delete(answer.query_id), WAIT_FOR_ANSWER_MS);
      return;
    }
    done();
    this.early.delete(answer.query_id);
    this.pressed.delete(answer.query_id);
    if (answer.text && answer.show_alert) {
      this.over.alert(answer.text);
    } else if (answer.text) this.over.toast(answer.text);
  }

  search(text) {
    $("search").hidden = text === null;
    if (text === null) return this.filter("");
    $("search-text").value = text;
    if (!text) $("search-text").focus();
    return this.filter(text);
  }

  filter(text) {
    const wanted = text.trim().toLowerCase();
    for (const node of $("messages").querySelectorAll("[data-id]")) {
      const message = this.messages.get(Number(node.dataset.id));
      node.hidden = Boolean(wanted) && !(message?.text ?? message?.caption ?? "").toLowerCase().includes(wanted);
    }
    if (!wanted) this.bottom();
  }

  pin(id) {
    const message = this.messages.get(id);
    $("pinned").hidden = !message;
    if (!message) return;
    $("pinned").replaceChildren(icon("pin"), el("span", {}, el("strong", {}, this.text.pinned),
      el("span", { dir: "auto" }, preview(message, this.text))));
    $("pinned").onclick = () => this.jump(id);
  }

  jump(id) {
    const node = $("messages").querySelector(`[data-id="${id}"]`);
    if (!node) return;
    node.scrollIntoView({ block: "center", behavior: "smooth" });
    node.classList.add("flash");
    setTimeout(() => node.classList.remove("flash"), 1200);
  }

  isAtBottom() {
    const node = $("messages");
    return node.scrollHeight - node.scrollTop - node.clientHeight < 90;
  }

  bottom(isSmooth = false) {
    const node = $("messages");
    node.scrollTo({ top: node.scrollHeight, behavior: isSmooth ? "smooth" : "instant" });
    $("down").hidden = true;
    this.stick = true;
  }
}

new Page().start();
