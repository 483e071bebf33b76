"""The outside world: databases, HTTP, Telegram, charts, models."""
