"""A real browser without a window, on the board of a cluster in memory."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

NAMES = ("chromium-headless-shell", "chromium")
Scheme = Literal["light", "dark"]


def program() -> str:
    """Return the path of Debian's Chromium; RuntimeError with the remedy where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise RuntimeError("there is no Chromium: run tests/browser/install.sh")
    return found


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Start a browser while the block runs."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program())
        try:
            yield started
        finally:
            await started.close()


class Watched:
    """What a page complains about: messages of its console (with refusals by its policy), failed requests, dialogs."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))


@asynccontextmanager
async def opened(
    started: Browser, url: str, scheme: Scheme = "light", width: int = 1200, height: int = 900, *, scripts: bool = True
) -> AsyncIterator[tuple[Page, Watched]]:
    """Open an address in a window of its own. scripts: whether the window runs JavaScript."""
    size: ViewportSize = {"width": width, "height": height}
    context = await started.new_context(color_scheme=scheme, java_script_enabled=scripts, viewport=size)
    try:
        page = await context.new_page()
        watched = Watched(page)
        await page.goto(url)
        yield page, watched
    finally:
        await context.close()
