"""Takes the pictures of docs/board.md, by `make pictures`.

Of a board in a cluster by --url (for example with `kubectl port-forward`); without it, of the real server with the
DataReplications of `tests/support/boards.py`.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser

from support import boards
from support.chromium import Scheme, browser, opened

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WIDTH, HEIGHT = 1120, 1000
LIMIT_BYTES = 150_000


FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<match><test name="family"><string>sans</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
<include>/etc/fonts/fonts.conf</include></fontconfig>"""
"""The system's font of a machine without a window is not what viewers have; Inter is close to theirs."""


@asynccontextmanager
async def address(url: str) -> AsyncIterator[str]:
    if url:
        yield url
        return
    async with boards.served(boards.cluster_of(boards.team())) as own:
        yield own


async def take(chromium: Browser, url: str, scheme: Scheme, name: str, height: int = HEIGHT) -> None:
    path = PICTURES / name
    async with opened(chromium, url, scheme, WIDTH, height) as (page, _):
        await page.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path}: {size / 1000:.0f} kB")
    if size > LIMIT_BYTES:
        raise SystemExit(f"{path} is over {LIMIT_BYTES} bytes")


async def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default="", help="address of a board that runs")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as fonts:
        fonts.write(FONTS)
        fonts.flush()
        os.environ["FONTCONFIG_FILE"] = fonts.name
        await take_all(parser.parse_args().url)


async def take_all(where: str) -> None:
    async with address(where) as url, browser() as chromium:
        await take(chromium, url, "light", "board-light.png")
        await take(chromium, url, "dark", "board-dark.png")
        await take(chromium, f"{url}/replications/shop/orders", "light", "board-one.png", height=860)


if __name__ == "__main__":
    asyncio.run(main())
