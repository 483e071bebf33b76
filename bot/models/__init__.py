"""Frozen data that every ring shares; nothing here touches the outside world."""
