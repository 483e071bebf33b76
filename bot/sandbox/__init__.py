"""A small Telegram on loopback: a strict Bot API, people who use it, a chat page and sample feeds.

A newcomer without a token talks to the bot here, and every end-to-end test runs against it. It
imports nothing from the rest of the bot, so it can never agree with the bot's own mistakes.
"""
