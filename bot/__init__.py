"""Hoshyar: a Telegram bot that watches Persian Twitter/X and the news."""

__version__ = "0.1.0"
