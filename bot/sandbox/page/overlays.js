// What lies over a chat for a moment: a message's menu, a picture, a toast, the bot's own calls.
import { el, icon } from "./render.js";

const $ = (id) => document.getElementById(id);

export class Overlays {
  constructor(page) {
    this.page = page;
    $("backstage-open").append(icon("code"));
    $("backstage-close").append(icon("close"));
    $("backstage-open").onclick = () => { $("backstage").hidden = false; this.backstage(); };
    $("backstage-close").onclick = () => { $("backstage").hidden = true; };
    $("viewer").onclick = () => $("viewer").close();
    $("alert").querySelector("button").onclick = () => $("alert").close();
    document.addEventListener("click", () => { $("context").hidden = true; });
  }

  words() {
    $("alert").querySelector("button").textContent = this.page.text.ok;
    $("backstage").querySelector("strong").textContent = this.page.text.backstage;
  }

  alert(text) {
    const words = $("alert").querySelector("p");
    words.textContent = text;
    words.dir = "auto";
    $("alert").showModal();
  }

  context(message, event) {
    const entries = [[this.page.text.reply, () => this.page.composer.replyTo(message)]];
    const text = message.text ?? message.caption;
    if (text) entries.push([this.page.text.copy, () => this.copy(text)]);
    const react = (emoji) => this.page.post("react", { user: this.page.room.writer, message: message.message_id, emoji, chat: this.page.room.id });
    const menu = $("context");
    menu.replaceChildren(
      el("div", { class: "marks" }, ...["👍", "❤️", "🔥", "👏", "😢"].map((mark) =>
        el("button", { type: "button", onclick: () => react(mark) }, mark))),
      ...entries.map(([label, act]) => el("button", { type: "button", onclick: act }, label)));
    menu.hidden = false;
    const box = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(8, Math.min(event.clientX, innerWidth - box.width - 8))}px`;
    menu.style.top = `${Math.max(8, Math.min(event.clientY, innerHeight - box.height - 8))}px`;
  }

  async copy(text) {
    try { await navigator.clipboard.writeText(text); this.toast(this.page.text.copied); } catch { this.toast(text); }
  }

  view(src) {
    $("viewer").querySelector("img").src = src;
    $("viewer").showModal();
  }

  toast(words, time = 3500) {
    const node = $("toast");
    node.textContent = words;
    node.dir = "auto";
    node.classList.toggle("shown", Boolean(words));
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => node.classList.remove("shown"), time);
  }

  async backstage() {
    const { calls, violations } = await this.page.get(`sandbox/calls?since=${this.seenCall || 0}`);
    const list = $("backstage").querySelector("ol");
    for (const call of calls.slice(-120)) {
      this.seenCall = call.seq;
      if (call.method === "getUpdates" && !call.error_code) continue;
      const detail = call.error_code ? `${call.error_code} ${call.description}` : call.fault;
      list.prepend(el("li", { class: call.error_code || call.fault ? "bad" : "" },
        el("code", {}, call.method), el("span", {}, `${call.chat_id ?? ""} · ${call.ms} ms`), detail ? el("small", {}, detail) : null));
    }
    while (list.children.length > 200) list.lastChild.remove();
    $("backstage").classList.toggle("flooded", violations.length > 0);
  }
}
