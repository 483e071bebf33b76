"""Telegram in and out: updates become calls, results become messages."""
