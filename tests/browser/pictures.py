"""Takes the pictures of docs/board.md, by `make pictures`.

Of a board in a cluster by --url (for example with `kubectl port-forward`); without it, of the real server with the
DataReplications of `tests/support/boards.py`.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support import boards
from support.chromium import Scheme, opened

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WIDTH, HEIGHT = 1120, 1000
LIMIT_BYTES = 150_000


@asynccontextmanager
async def address(url: str) -> AsyncIterator[str]:
    if url:
        yield url
        return
    async with boards.served(boards.cluster_of(boards.team())) as own:
        yield own


async def take(url: str, scheme: Scheme, name: str) -> None:
    async with opened(url, scheme, WIDTH, HEIGHT) as (page, _):
        path = PICTURES / name
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
    async with address(parser.parse_args().url) as url:
        await take(url, "light", "board-light.png")
        await take(url, "dark", "board-dark.png")
        await take(f"{url}/replications/shop/orders", "light", "board-one.png")


if __name__ == "__main__":
    asyncio.run(main())
