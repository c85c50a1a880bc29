"""How parts of the operator's process end, and the process itself when a part does not."""

import asyncio
import os
import threading

END_SECONDS = 2.0
"""How long a part that was cancelled may take to end."""


async def end(*parts: "asyncio.Task[None]") -> bool:
    """Cancel tasks and wait a moment for their ends; return whether all have ended."""
    for part in parts:
        part.cancel()
    _, pending = await asyncio.wait(parts, timeout=END_SECONDS)
    return not pending


def by_force_after(seconds: float) -> None:
    """End the process after so many seconds, if it has not ended by itself: some calls cannot be cancelled."""
    last_resort = threading.Timer(seconds, os._exit, (1,))
    last_resort.daemon = True
    last_resort.start()
