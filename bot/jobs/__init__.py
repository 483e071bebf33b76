"""What runs by the clock; due times and results live in the database."""
