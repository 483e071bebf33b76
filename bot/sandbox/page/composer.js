// The foot of a chat: writing, commands, reply keyboards, files, inline mode.
import { avatar, el, icon, preview } from "./render.js";

const $ = (id) => document.getElementById(id);
const INLINE_DELAY_MS = 350;

export class Composer {
  constructor(page) {
    this.page = page;
    this.reply = null;
    this.markup = null;
    const text = $("text");
    $("composer").onsubmit = (event) => { event.preventDefault(); this.submit(); };
    text.onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.submit(); }
      if (event.key === "Escape") this.close();
    };
    text.oninput = () => this.typed();
    $("menu").onclick = () => this.toggleSheet();
    $("attach").onclick = () => $("file").click();
    $("file").onchange = () => this.sendFile();
    $("reply-cancel").onclick = () => this.takeReply();
    $("keys-toggle").onclick = () => { $("keys").hidden = !$("keys").hidden; this.page.bottom(); };
    $("start").onclick = () => this.begin();
  }

  get words_() { return this.page.text; }

  words() {
    $("text").placeholder = this.words_.message;
    $("menu").replaceChildren(icon("menu"), el("span", {}, this.words_.menu));
    $("keys-toggle").replaceChildren(icon("keys"));
  }

  forRoom(room) {
    const isNew = room.type === "private" && (!room.user.started || room.user.blocked);
    const isStill = room.type === "private" && room.user.started && !room.last;
    $("start").hidden = !(isNew || isStill);
    $("start").textContent = room.user?.blocked ? this.words_.unblock : this.words_.start;
    $("composer").hidden = isNew || isStill;
    $("menu").hidden = !room.commands?.length;
    this.drawWriter(room);
    if (this.roomId !== room.id) {
      this.roomId = room.id;
      this.close();
      this.takeReply();
      $("text").value = "";
      this.grow();
    }
  }

  drawWriter(room) {
    const box = $("as");
    box.hidden = room.type === "private";
    if (box.hidden) return;
    const people = this.page.state.users.filter((user) =>
      room.type === "channel" ? user.id === room.chat.owner : room.chat.members.includes(user.id));
    box.replaceChildren(el("span", {}, this.words_.write_as), ...people.map((user) =>
      el("button", { type: "button", class: user.id === room.writer ? "current" : "", onclick: () => {
        room.writer = user.id;
        this.drawWriter(room);
        this.page.drawAll();
        this.page.bottom();
      } }, avatar(el("i", { class: "avatar" }), user.id, user.first_name, false), el("bdi", {}, user.first_name))));
  }

  async begin() {
    $("start").hidden = true;
    $("composer").hidden = false;
    await this.page.say("/start");
    await this.page.refresh();
  }

  grow() {
    const text = $("text");
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, 140)}px`;
    $("composer").classList.toggle("full", Boolean(text.value.trim()));
  }

  insert(words) {
    $("text").value = `${$("text").value}${words}`;
    this.typed();
    $("text").focus();
  }

  fill(words) {
    $("text").value = words;
    this.typed();
    $("text").focus();
  }

  typed() {
    this.grow();
    const value = $("text").value;
    const command = /^\/(\w*)$/.exec(value);
    if (command) this.showSheet(command[1].toLowerCase());
    else $("sheet").hidden = true;
    const name = this.page.state.bot.username || "";
    clearTimeout(this.inlineTimer);
    if (name && value.toLowerCase().startsWith(`@${name.toLowerCase()} `)) {
      const query = value.slice(name.length + 2).trim();
      this.inlineTimer = setTimeout(() => this.inline(query), INLINE_DELAY_MS);
    } else $("inline-results").hidden = true;
  }

  close() {
    $("sheet").hidden = true;
    $("inline-results").hidden = true;
    $("keys").hidden = true;
  }

  async submit() {
    const value = $("text").value.trim();
    if (!value) return;
    const first = $("inline-results").hidden ? null : $("inline-results").querySelector("button");
    if (first) { first.click(); return; }
    $("text").value = "";
    this.grow();
    $("sheet").hidden = true;
    await this.page.say(value);
  }

  toggleSheet() {
    if ($("sheet").hidden) this.showSheet("");
    else $("sheet").hidden = true;
  }

  showSheet(begin) {
    const list = (this.page.room.commands || []).filter((command) => command.command.startsWith(begin));
    $("sheet").hidden = !list.length;
    $("sheet").replaceChildren(...list.map((command) =>
      el("button", { type: "button", onclick: () => { $("text").value = `/${command.command}`; this.submit(); } },
        el("span", { dir: "auto" }, command.description), el("code", { dir: "ltr" }, `/${command.command}`))));
  }

  async inline(query) {
    const panel = $("inline-results");
    panel.hidden = false;
    panel.replaceChildren(el("div", { class: "busy-bar" }));
    const asked = await this.page.post("inline", { user: this.page.room.writer, query, wait: 10 });
    if (!asked || !$("text").value.includes(query)) return;
    const results = asked.answer?.results || [];
    if (!results.length) { panel.replaceChildren(el("p", {}, this.words_.no_results)); return; }
    panel.replaceChildren(...results.map((result) =>
      el("button", { type: "button", onclick: () => this.choose(asked.query_id, result.id) },
        avatar(el("span", { class: "avatar" }), result.title?.length || 0, result.title || "•", false),
        el("span", { class: "result" }, el("strong", { dir: "auto" }, result.title || ""),
          el("small", { dir: "auto" }, result.description || "")))));
  }

  async choose(query, result) {
    $("inline-results").hidden = true;
    $("text").value = "";
    this.grow();
    await this.page.post("choose", { query_id: query, result, chat: this.page.room.id });
  }

  keyboard(markup) {
    this.markup = markup?.keyboard ? markup : null;
    $("keys-toggle").hidden = !this.markup;
    $("keys").hidden = !this.markup;
    if (markup?.input_field_placeholder) $("text").placeholder = markup.input_field_placeholder;
    else $("text").placeholder = this.words_.message;
    if (!this.markup) return;
    $("keys").replaceChildren(...markup.keyboard.map((row) => el("div", { class: "key-row" },
      ...row.map((key) => el("button", { type: "button", dir: "auto", onclick: () => {
        if (markup.one_time_keyboard) $("keys").hidden = true;
        this.page.say(key.text);
      } }, key.text)))));
  }

  replyTo(message) {
    this.reply = message.message_id;
    $("reply").hidden = false;
    $("reply").querySelector("span").replaceChildren(el("strong", {}, this.words_.reply),
      el("span", { dir: "auto" }, preview(message, this.words_)));
    $("text").focus();
  }

  takeReply() {
    const id = this.reply;
    this.reply = null;
    $("reply").hidden = true;
    return id ?? undefined;
  }

  async sendFile() {
    const file = $("file").files[0];
    $("file").value = "";
    if (!file) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    let binary = "";
    for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    const room = this.page.room;
    const caption = $("text").value.trim();
    $("text").value = "";
    this.grow();
    await this.page.post("document", { user: room.writer, chat: room.id, name: file.name,
      mime_type: file.type || "application/octet-stream", caption, data: btoa(binary) });
  }
}
