"""Pure judgement: text in, values out; no I/O, clock or randomness."""
