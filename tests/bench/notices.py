"""Made-up notices that say the same sentence every day with other figures in it."""

from __future__ import annotations

import random
import re

NOTICES = {
    "price, short": "قیمت دلار آزاد امروز به {p} تومان رسید",
    "prices, long": (
        "نرخ ارز و سکه در بازار آزاد امروز: دلار {p} تومان، یورو {p} تومان، پوند {p} تومان، "
        "درهم {p} تومان، سکه امامی {p} تومان، نیم سکه {p} تومان، ربع سکه {p} تومان، هر گرم طلای "
        "۱۸ عیار {p} تومان"
    ),
    "score": "پایان بازی: پرسپولیس {s} - {s} سپاهان در هفته پانزدهم لیگ برتر",
    "score in words": "بازی پرسپولیس و سپاهان در ورزشگاه آزادی {w} بر {w} به پایان رسید",
    "quake": "زلزله‌ای به بزرگی {m} ریشتر در عمق {d} کیلومتری زمین کرمان را لرزاند",
    "prayer times": (
        "اوقات شرعی امروز به افق تهران: اذان صبح ۰۴:{t}، طلوع خورشید ۰۶:{t}، اذان ظهر ۱۲:{t}، غروب "
        "خورشید ۱۸:{t}، اذان مغرب ۱۸:{t}، نیمه شب شرعی ۲۳:{t}"
    ),
    "weather": "دمای هوای تهران فردا بین {d} تا {d} درجه و رطوبت {d} درصد پیش‌بینی می‌شود",
    "index": (
        "شاخص کل بورس امروز با {p} واحد افزایش به {p} واحد رسید و {d} درصد از نمادها مثبت بودند و "
        "ارزش معاملات خرد از {p} میلیارد تومان گذشت که نسبت به میانگین هفته گذشته {d} درصد بیشتر "
        "است"
    ),
    "one figure in a long text": (
        "سخنگوی سازمان اورژانس کشور در گفت‌وگو با خبرنگاران اعلام کرد که شمار جان‌باختگان حادثه "
        "واژگونی اتوبوس در محور اصلی تا این لحظه به {d} نفر رسیده است و همه مصدومان به "
        "بیمارستان‌های شهر منتقل شده‌اند"
    ),
    "date": (
        "برنامه بازی‌های روز {w} شنبه {d} آذر لیگ برتر فوتبال و ساعت پخش زنده هر بازی از شبکه سه"
    ),
}
_MARK = re.compile(r"\{(\w)\}")
_WORDS = ("یک", "دو", "سه", "چهار", "پنج")


def notice(name: str, rng: random.Random) -> str:
    """One notice of a kind, each figure drawn anew."""
    text = NOTICES[name]
    while found := _MARK.search(text):
        text = f"{text[: found.start()]}{_figure(found[1], rng)}{text[found.end() :]}"
    return text


def _figure(kind: str, rng: random.Random) -> str:
    match kind:
        case "p":
            return f"{rng.randrange(10_000, 99_999):,}"
        case "s":
            return str(rng.randrange(6))
        case "w":
            return rng.choice(_WORDS)
        case "m":
            return f"{rng.uniform(2.5, 6):.1f}"
        case "t":
            return f"{rng.randrange(60):02}"
        case _:
            return str(rng.randrange(5, 60))
