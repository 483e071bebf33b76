// Messages as elements. Everything is built from text nodes: no message can become markup.

const SAFE_SCHEMES = new Set(["http:", "https:", "tg:", "mailto:", "tel:"]);
const STYLES = {
  bold: "strong", italic: "em", underline: "u", strikethrough: "s",
  spoiler: "span", code: "code", pre: "pre", blockquote: "blockquote",
  expandable_blockquote: "blockquote", text_link: "a", url: "a", email: "a",
  mention: "a", hashtag: "a", cashtag: "a", bot_command: "a", text_mention: "a",
  phone_number: "a", custom_emoji: "span", date_time: "time",
};
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);

export function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const PATHS = {
  back: "M9 5l7 7-7 7", send: "M4 12l16-8-5 8 5 8z", close: "M6 6l12 12M18 6L6 18",
  clip: "M20 11l-8.5 8.5a5 5 0 01-7-7L13 4a3.3 3.3 0 014.7 4.7l-8.5 8.4a1.6 1.6 0 01-2.3-2.3L14.500 7.200",
  search: "M10.500 4a6.500 6.500 0 110 13 6.500 6.500 0 010-13zM15.500 15.500L20 20",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5", down: "M6 9l6 6 6-6", up: "M6 15l6-6 6 6",
  keys: "M4 6h16v12H4zM8 10h.01M12 10h.01M16 10h.01M8 14h8", check: "M3 12.500l4 4 8-9M10 16l1 .8L20 7.500",
  out: "M8 16L17 7M10 7h7v7", copy: "M9 9h10v10H9zM5 15V5h10", inline: "M4 12h12M12 7l5 5-5 5M20 5v14",
  app: "M5 5h14v14H5zM5 9h14", menu: "M5 7h14M5 12h14M5 17h14", file: "M7 3h7l4 4v14H7zM14 3v4h4",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("svg", `svg-${name}`);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export function safeUrl(raw) {
  let text = String(raw || "").trim();
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) text = `https://${text}`;
  try {
    const url = new URL(text);
    return SAFE_SCHEMES.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function link(entity, text, acts) {
  const kind = entity.type;
  if (kind === "url" || kind === "text_link") {
    const href = safeUrl(entity.url || text);
    return href
      ? el("a", { href, target: "_blank", rel: "noopener noreferrer", title: entity.url })
      : el("span");
  }
  if (kind === "email") return el("a", { href: `mailto:${text}` });
  if (kind === "phone_number") return el("a", { href: `tel:${text}` });
  const act = { hashtag: acts.search, cashtag: acts.search, bot_command: acts.command, mention: acts.mention }[kind];
  return el("a", {
    href: "#", class: kind,
    onclick: (event) => { event.preventDefault(); event.stopPropagation(); act?.(text); },
  });
}

function wrap(entity, text, acts) {
  const kind = entity.type;
  if (STYLES[kind] === "a") return link(entity, text, acts);
  const node = el(STYLES[kind] || "span");
  if (kind === "spoiler") {
    node.className = "spoiler";
    node.addEventListener("click", () => node.classList.add("shown"));
  } else if (kind === "code") {
    node.title = acts.text.copy;
    node.addEventListener("click", () => acts.copy(text));
  } else if (kind === "pre") {
    node.dir = "auto";
  } else if (kind === "expandable_blockquote") {
    node.classList.add("folded");
    node.addEventListener("click", (event) => {
      if (!event.target.closest("a")) node.classList.toggle("folded");
    });
  }
  return node;
}

// Entity offsets are UTF-16 units, which is also how JavaScript counts.
export function formatted(text, entities, acts) {
  const sorted = [...(entities || [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const build = (from, to, inner, parent) => {
    let at = from;
    const queue = [...inner];
    while (queue.length) {
      const entity = queue.shift();
      const begin = Math.max(entity.offset, at);
      const end = Math.min(entity.offset + entity.length, to);
      if (end <= begin) continue;
      if (begin > at) parent.append(text.slice(at, begin));
      const nested = [];
      while (queue.length && queue[0].offset < end) nested.push(queue.shift());
      for (const other of nested) {
        const rest = other.offset + other.length - end;
        if (rest > 0) queue.unshift({ ...other, offset: end, length: rest });
      }
      const node = wrap(entity, text.slice(begin, end), acts);
      build(begin, end, nested, node);
      at = end;
      if (entity.type === "pre") {
        const head = el("button", { type: "button", class: "pre-head", onclick: () => acts.copy(text.slice(begin, end)) },
          el("span", {}, entity.language || acts.text.code), icon("copy"));
        parent.append(el("div", { class: "pre" }, head, node));
      } else parent.append(node);
      if (BLOCKS.has(entity.type) && text[at] === "\n") at += 1;
    }
    if (at < to) parent.append(text.slice(at, to));
  };
  const fragment = document.createDocumentFragment();
  build(0, text.length, sorted, fragment);
  return fragment;
}

function hue(id) {
  return [12, 32, 152, 190, 212, 262, 330][Math.abs(Number(id)) % 7];
}

export function avatar(node, id, name, isBot) {
  node.replaceChildren();
  node.classList.toggle("bot", Boolean(isBot));
  if (isBot) {
    node.append(el("img", { src: "sandbox/page/icon.svg", alt: "" }));
  } else {
    node.textContent = [...(name || "?")][0];
    node.style.setProperty("--hue", hue(id));
  }
  return node;
}

export function preview(message, text) {
  if (!message) return "";
  if (message.text) return message.text.replace(/\s+/g, " ");
  if (message.photo) return `🖼 ${message.caption || text.photo}`;
  if (message.document) return `📎 ${message.document.file_name}`;
  return serviceText(message, text);
}

export function serviceText(message, text) {
  if (message.pinned_message) return text.pinned_a;
  if (message.new_chat_members) return `${message.new_chat_members.map((u) => u.first_name).join("، ")} ${text.joined}`;
  if (message.migrate_to_chat_id || message.migrate_from_chat_id) return text.upgraded;
  return "";
}

function quote(message, acts) {
  const name = message.by_bot || message.from?.is_bot ? acts.botName() : message.from?.first_name || message.sender_chat?.title || "";
  return el("button", { type: "button", class: "quote", onclick: () => acts.jump(message.message_id) },
    el("strong", {}, name), el("span", { dir: "auto" }, preview(message, acts.text)));
}

function photo(message, acts) {
  const best = message.photo[message.photo.length - 1];
  const src = `sandbox/media/${encodeURIComponent(best.file_id)}`;
  const image = el("img", { src, alt: message.caption || acts.text.photo, loading: "lazy" });
  image.width = best.width;
  image.height = best.height;
  return el("button", { type: "button", class: `photo${message.has_media_spoiler ? " veiled" : ""}`,
    onclick: (event) => {
      if (event.currentTarget.classList.contains("veiled")) event.currentTarget.classList.remove("veiled");
      else acts.view(src);
    } }, image);
}

function attached(message, acts) {
  const file = message.document;
  const size = file.file_size >= 1048576 ? `${acts.number((file.file_size / 1048576).toFixed(1))} MB`
    : `${acts.number(Math.max(1, Math.round(file.file_size / 1024)))} KB`;
  return el("a", { class: "file", href: `sandbox/media/${encodeURIComponent(file.file_id)}?save`, download: file.file_name },
    el("span", { class: "file-icon" }, icon("file")),
    el("span", { class: "file-text" }, el("bdi", {}, file.file_name), el("small", { dir: "ltr" }, size)));
}

function inlineKey(button, message, acts) {
  const kind = button.url || button.login_url ? "out" : button.copy_text ? "copy" : button.web_app ? "app"
    : button.switch_inline_query !== undefined || button.switch_inline_query_current_chat !== undefined || button.switch_inline_query_chosen_chat ? "inline" : null;
  const label = el("span", { dir: "auto" }, button.text);
  const style = `key ${button.style || ""}`;
  if (kind === "out") {
    const href = safeUrl(button.url || button.login_url.url);
    return el("a", { class: style, href: href || "#", target: "_blank", rel: "noopener noreferrer" }, label, icon("out"));
  }
  return el("button", { type: "button", class: style, onclick: (event) => acts.press(message, button, event.currentTarget) },
    label, kind ? icon(kind) : null);
}

function direction(line) {
  const strong = /[A-Za-z\u00c0-\u02af\u0370-\u058f]|([\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u200f])/.exec(line);
  if (!strong) return null;
  return strong[1] ? "rtl" : "ltr";
}

export function bubble(message, context, acts) {
  const service = serviceText(message, acts.text);
  if (service) return el("div", { class: "service", "data-id": message.message_id }, service);
  const isMine = context.isMine(message);
  const classes = ["row", isMine ? "out" : "in"];
  const body = el("div", { class: "bubble" });
  if (context.showName(message)) {
    const name = message.by_bot ? acts.botName() : message.from?.first_name || message.sender_chat?.title || "";
    const label = el("div", { class: "sender", dir: "auto" }, name);
    label.style.setProperty("--hue", hue(message.from?.id || message.chat.id));
    body.append(label);
  }
  if (message.forward_origin) {
    const origin = message.forward_origin;
    body.append(el("div", { class: "origin" }, `${acts.text.forwarded} `, el("bdi", {}, origin.chat?.title || origin.sender_user?.first_name || "")));
  }
  if (message.via_bot) body.append(el("div", { class: "origin" }, `${acts.text.via} `, el("bdi", {}, `@${message.via_bot.username}`)));
  if (message.reply_to_message) body.append(quote(message.reply_to_message, acts));
  if (message.photo) { body.append(photo(message, acts)); classes.push("has-photo"); }
  if (message.document) body.append(attached(message, acts));
  const text = message.text ?? message.caption;
  const marks = el("span", { class: "meta" });
  if (message.edit_date) marks.append(`${acts.text.edited} `);
  marks.append(acts.clock(message.date));
  if (isMine) marks.append(icon("check"));
  if (text) {
    // The time sits on the last line when there is room, on the side where that line ends.
    const side = direction(text.slice(text.lastIndexOf("\n") + 1));
    if (side) marks.classList.add(side);
    body.append(el("div", { class: "text" }, formatted(text, message.entities || message.caption_entities, acts), marks));
  } else {
    classes.push("no-text");
    body.append(marks);
  }
  const column = el("div", { class: "column" }, body);
  const rows = message.reply_markup?.inline_keyboard;
  if (rows) {
    column.append(el("div", { class: "keyboard" }, ...rows.map((row) =>
      el("div", { class: "key-row" }, ...row.map((button) => inlineKey(button, message, acts))))));
  }
  const reactions = Object.values(message.reactions || {}).flat();
  if (reactions.length) {
    const counted = new Map();
    for (const mark of reactions) counted.set(mark, (counted.get(mark) || 0) + 1);
    column.append(el("div", { class: "reactions" }, ...[...counted].map(([mark, count]) =>
      el("span", {}, `${mark} ${acts.number(count)}`))));
  }
  return el("div", { class: classes.join(" "), "data-id": message.message_id,
    oncontextmenu: (event) => { event.preventDefault(); acts.context(message, event); },
    ondblclick: () => acts.reply(message) }, column);
}

export function draftBubble(draft, acts) {
  const text = el("div", { class: "text" });
  if (draft.text) text.append(formatted(draft.text, draft.entities, acts));
  else text.append(el("em", { class: "thinking" }, acts.text.thinking));
  text.append(el("span", { class: "caret" }));
  return el("div", { class: "row in draft" }, el("div", { class: "column" }, el("div", { class: "bubble" }, text)));
}
