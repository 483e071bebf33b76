"""`python -m bot.sandbox --port N`: the sandbox alone, in its own process."""

from __future__ import annotations

import sys

from bot.sandbox.server import main

if __name__ == "__main__":
    sys.exit(main())
