"""Logging, times and secrets: what every ring may use."""
