"""Models to messages: pure functions, one file a subject."""
