"""`python -m demo`: exit 0 when all targets equal the source, but for masked columns, which hold nothing of it."""

import sys
import time

from demo import story
from harness.errors import HarnessError
from harness.progress import say


def main() -> int:
    """Tell the story and say how it ended."""
    started = time.monotonic()
    try:
        is_equal = story.tell()
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    verdict = (
        "every target equals the source, but for what is masked" if is_equal else "A TARGET IS NOT AS IT SHOULD BE"
    )
    say(f"\n{verdict}; {time.monotonic() - started:.0f} s in all")
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
