"""``python -m watchroom``: the same as the command; what `watchroom up` starts its children with."""

from __future__ import annotations

from watchroom.cli import main

if __name__ == "__main__":
    main()
