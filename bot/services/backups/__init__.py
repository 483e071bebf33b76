"""Whole copies of the data, in one form for every database: an SQLite file with our own schema."""
