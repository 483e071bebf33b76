"""From bytes to text, and from HTML to words: what every feed needs before it can be read."""

from __future__ import annotations

import codecs
import html
import re

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_BOM_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_PROLOG_CHARSET = re.compile(
    rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE
)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
# Only character sets of the web: Python also calls punycode or unicode_escape an encoding.
_CHARSET = re.compile(
    r"utf-?(?:8|16|32)(?:[_-]?[bl]e)?|(?:windows|cp|ibm)-?\d+|iso[_-]?8859[_-]?\d+(?:[_-][ei])?|"
    r"latin-?\d|koi8[_-][ru]|gb(?:2312|k|18030)|big5|euc[_-]\w{2}|shift[_-]jis|us-ascii|"
    r"mac(?:intosh|[_-]\w+)|tis-620",
    re.IGNORECASE,
)
# Declared as these, a page may be anything eight bits wide (WHATWG reads them all as 1252).
_LATIN = re.compile(
    r"(?:iso[_-]?8859[_-]?1|latin-?1|us-ascii|(?:windows|cp)-?1252)$", re.IGNORECASE
)
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

_NUMBER_ENTITY = re.compile(r"&#(?:x([0-9a-f]{1,20})|(\d{1,20}));", re.IGNORECASE)

_BLOCK = re.compile(
    r"<(?:br|hr|/?(?:p|div|li|tr|h[1-6]|ul|ol|table|blockquote|section|article|figure|pre|dt|dd))"
    r"\b[^<>]*>",
    re.IGNORECASE,
)
_HIDDEN = ("script", "style", "noscript", "iframe", "svg", "template", "object", "form", "button")
_TITLE_TAG = re.compile(
    r"</?(?:a|b|i|u|s|p|q|em|strong|span|br|font|sub|sup|small|big|mark|img|div|h[1-6]|center|nobr|"
    r"wbr|code|abbr|cite|time|bd[io]|ins|del|strike|tt)\b[^<>]*>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
_SPACES = re.compile(r"[^\S\n]+")
_LINE_EDGES = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")


def decode(body: bytes, content_type: str = "") -> str:
    """The text of a document, whatever it says of its own character set.

    Bytes that are UTF-8, a few broken ones aside, are UTF-8: nothing else looks like it by
    accident. Otherwise the header's and then the prolog's word counts, except that Latin-1 (which
    many servers say of everything) is checked for Persian in windows-1256, which no other reading
    turns into long runs of Arabic letters.
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body.decode(name, errors="replace")
    for start, name in _NO_BOM_UTF16:
        if body.startswith(start):
            return body.decode(name, errors="replace")
    text = body.decode("utf-8", errors="replace")
    if _is_mostly_utf8(text):
        return text
    for name in _declared(body, content_type):
        if not _LATIN.match(name) and not name.startswith("utf"):
            try:
                return body.decode(name)
            except (UnicodeDecodeError, LookupError):
                continue
    return body.decode("cp1256" if _looks_persian(body) else "cp1252", errors="replace")


def _declared(body: bytes, content_type: str) -> list[str]:
    names = _HEADER_CHARSET.findall(content_type)
    for pattern in (_PROLOG_CHARSET, _META_CHARSET):
        match = pattern.search(body[:2048])
        if match:
            names.append(match[1].decode("ascii"))
    return [name.lower() for name in names if _CHARSET.fullmatch(name)]


def _is_mostly_utf8(text: str) -> bool:
    """Some broken bytes in UTF-8 (a cut character, a stray sign), rather than another charset."""
    broken = text.count("\ufffd")
    return not broken or broken * 10 < sum(character >= "\x80" for character in text)


def _looks_persian(body: bytes) -> bool:
    runs = [run.decode("cp1256") for run in _HIGH_RUN.findall(body) if len(run) >= 2]
    letters = sum(len(run) for run in runs)
    arabic = sum("\u0600" <= character <= "\u06ff" for run in runs for character in run)
    return letters >= 10 and arabic > 0.8 * letters and letters > 2.5 * len(runs)


def printable(text: str) -> str:
    """Without control characters and halves of surrogate pairs, which JSON and entities let in."""
    return _UNPRINTABLE.sub("", text)


def clean_xml(text: str) -> str:
    """Without what no XML parser accepts, starting at its first tag, declared as UTF-8."""
    text = printable(text[max(0, text.find("<")) :])
    if "&#" in text:
        text = _NUMBER_ENTITY.sub(_possible, text)
    if text[:5].lower() == "<?xml":
        end = text.find("?>")
        text = text[end + 2 :] if 0 <= end < 500 else text
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'


def _possible(match: re.Match[str]) -> str:
    """A character written as its number, unless XML has no such character."""
    code = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if code <= 0x10FFFF and printable(chr(code)) else ""


def html_to_text(source: str) -> str:
    """What a reader of the HTML would read: paragraphs on lines, entities as letters, ZWNJ kept."""
    if "<" in source:
        from selectolax.lexbor import LexborHTMLParser

        page = LexborHTMLParser(_BLOCK.sub(r"\n\g<0>", source.replace("\n", " ")))
        page.strip_tags(list(_HIDDEN))
        source = page.body.text(deep=True) if page.body is not None else ""
    elif "&" in source:
        source = html.unescape(source)
    return _tidy(_unescape_again(source))


def title_text(source: str) -> str:
    """A title in one line; `<` that opens no tag of a title's is left as written."""
    if _TITLE_TAG.search(source):
        source = html_to_text(source)
    else:
        source = _unescape_again(html.unescape(source) if "&" in source else source)
    return " ".join(source.split())


def _unescape_again(text: str) -> str:
    """Feeds often escape twice; a whole entity in plain text is nothing anybody wrote."""
    return html.unescape(text) if "&" in text and _ENTITY.search(text) else text


def _tidy(text: str) -> str:
    text = _SPACES.sub(" ", text.replace("\xa0", " ").replace("\r", "\n"))
    return _BLANK_LINES.sub("\n\n", _LINE_EDGES.sub("\n", text)).strip()
