"""Vazirmatn, the fonts of charts and of the sandbox page; their licence is beside them."""
