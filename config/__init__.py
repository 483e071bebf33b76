"""Settings: read once at start, by the composition root alone."""
