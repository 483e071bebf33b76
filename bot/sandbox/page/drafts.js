// A streamed answer: frames of a draft, typed out smoothly until the message itself arrives.
import { draftBubble, el } from "./render.js";

const $ = (id) => document.getElementById(id);

export class Drafts {
  constructor(page) {
    this.page = page;
    this.shown = new Map();
  }

  show(draft) {
    let shown = this.shown.get(draft.draft_id);
    const stick = this.page.isAtBottom();
    if (!shown) {
      shown = { length: 0, node: el("div") };
      $("flow").append(shown.node);
      this.shown.set(draft.draft_id, shown);
    } else if (shown.node.nextSibling) $("flow").append(shown.node);
    const old = shown.draft?.text || "";
    let same = 0;
    while (same < Math.min(old.length, draft.text.length, shown.length) && old[same] === draft.text[same]) same += 1;
    shown.length = matchMedia("(prefers-reduced-motion: reduce)").matches ? draft.text.length : same;
    shown.draft = draft;
    const paint = () => {
      const left = shown.draft.text.length - shown.length;
      shown.length += Math.max(Math.ceil(left / 6), Math.min(left, 2));
      // Never between the two halves of an emoji.
      if (/[\ud800-\udbff]/.test(shown.draft.text[shown.length - 1] || "")) shown.length += 1;
      const cut = shown.length;
      const entities = (shown.draft.entities || []).filter((entity) => entity.offset < cut)
        .map((entity) => ({ ...entity, length: Math.min(entity.length, cut - entity.offset) }));
      const node = draftBubble({ text: shown.draft.text.slice(0, cut), entities }, this.page.acts);
      shown.node.replaceWith(node);
      shown.node = node;
      if (stick) this.page.bottom();
      if (cut >= shown.draft.text.length) clearInterval(shown.timer);
    };
    clearInterval(shown.timer);
    shown.timer = setInterval(paint, 40);
    paint();
    clearTimeout(shown.end);
    shown.end = setTimeout(() => this.drop(draft.draft_id), Math.max(0, draft.expires_at * 1000 - Date.now()));
  }

  drop(id) {
    const shown = this.shown.get(id);
    if (!shown) return;
    clearInterval(shown.timer);
    clearTimeout(shown.end);
    shown.node.remove();
    this.shown.delete(id);
  }

  clear() {
    [...this.shown.keys()].forEach((id) => this.drop(id));
  }
}
