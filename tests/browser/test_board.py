"""The board in a real browser: light and dark, by keyboard, for a screen reader, without JavaScript, with hostile names."""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from support import boards
from support.boards import NOW, Made
from support.chromium import Scheme, browser, opened
from support.fake_cluster import FakeCluster

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
PATHS = ("/", "/replications/shop/orders", "/replications/shop/billing", "/replications/shop/nobody")
ALERT = "<img src=x onerror=alert(1)><svg onload=alert(2)><script>alert(3)</script>"

pytestmark = pytest.mark.asyncio(loop_scope="session")

both = pytest.mark.parametrize("scheme", SCHEMES)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Return a browser that all tests of a process share; each has windows of its own."""
    async with browser() as started:
        yield started


def team() -> FakeCluster:
    return boards.cluster_of(boards.team())


CONTRAST = """() => {
  const parsed = text => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return {r, g, b, a};
  };
  const luminance = ({r, g, b}) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parsed(getComputedStyle(each).backgroundColor);
      if (colour.a === 1) return colour;
      if (colour.a > 0) throw new Error('half transparent: ' + each.className);
    }
    throw new Error('no ground');
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('.hidden')) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize), isBold = style.fontWeight >= 700;
    const least = size >= 24 || (size >= 18.66 && isBold) ? 3 : 4.5;
    const is = ratio(parsed(style.color), ground(element));
    found.push({text: walker.currentNode.data.trim().slice(0, 40), is, least});
  }
  for (const [part, other] of [['.fill', '.track'], ['.limit', '.track'], ['.hatch-line', '.hatch-ground']]) {
    const pair = [part, other].map(name => document.querySelector(name)).filter(Boolean);
    if (pair.length < 2) continue;
    const [one, two] = pair.map(each => parsed(getComputedStyle(each).fill));
    found.push({text: part, is: ratio(one, two), least: 3});
  }
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, button')) {
    const edge = parsed(getComputedStyle(field).borderTopColor);
    found.push({text: 'edge of ' + field.tagName, is: ratio(edge, ground(field.parentElement)), least: 3});
  }
  return found;
}"""


@both
@pytest.mark.parametrize("path", PATHS)
async def test_every_word_has_enough_contrast_and_nothing_complains(
    chromium: Browser, scheme: Scheme, path: str
) -> None:
    async with boards.served(team()) as url, opened(chromium, url + path, scheme) as (page, watched):
        found = await page.evaluate(CONTRAST)
        assert len(found) > 4
        assert [one for one in found if one["is"] < one["least"]] == []
        is_missing = path.endswith("nobody")
        expected = [
            "error: Failed to load resource: the server responded with a status of 404 (Not Found)"
        ] * is_missing
        assert watched.complaints == expected


async def test_light_and_dark_follow_the_browser(chromium: Browser) -> None:
    grounds = []
    for scheme in SCHEMES:
        async with boards.served(team()) as url, opened(chromium, url, scheme) as (page, _):
            grounds.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
            await page.screenshot()
    assert grounds == ["rgb(244, 245, 247)", "rgb(17, 21, 27)"]


@pytest.mark.parametrize("width", [360, 640, 1200])
@pytest.mark.parametrize("path", PATHS[:3])
async def test_nothing_stands_out_of_the_window(chromium: Browser, path: str, width: int) -> None:
    made = boards.team()
    made.append(Made("x" * 43, "n" * 63, targets=("y" * 43,)).ran(1).ran(0, dump=("Transient", "z" * 2000)))
    async with boards.served(boards.cluster_of(made)) as url, opened(chromium, url + path, width=width) as (page, _):
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def tabbed(page: Page, presses: int) -> list[dict[str, Any]]:
    """Return what has the focus after each press of Tab: its name, and how its focus shows."""
    look = """() => {
      const one = document.activeElement, style = getComputedStyle(one), place = one.getBoundingClientRect();
      return {name: (one.labels?.[0]?.innerText || one.innerText || one.ariaLabel || '').trim().split('\\n').join(' '),
              tag: one.tagName, outline: style.outlineStyle, width: parseFloat(style.outlineWidth),
              left: place.left, height: place.height};
    }"""
    found = []
    for _ in range(presses):
        await page.keyboard.press("Tab")
        found.append(await page.evaluate(look))
    return found


async def test_the_keyboard_reaches_everything_in_the_order_of_the_page_and_shows_where_it_is(
    chromium: Browser,
) -> None:
    async with boards.served(team()) as url, opened(chromium, url) as (page, _):
        found = await tabbed(page, 19)
        assert [one["name"] for one in found] == [
            "Skip to the content",
            "Stop reloading",
            "6 in all",
            "4 ▲ stale",
            "2 ✕ failing",
            "1 ▸ running",
            "0 … waiting",
            "1 ‖ suspended",
            "2 ✓ in order",
            "Namespace",
            "Name, target, tag or description",
            "Filter",
            "sessions",
            "events",
            "orders",
            "billing",
            "accounts",
            "catalog",
            "This page as JSON",
        ]
        assert [one for one in found if one["outline"] == "none" or one["width"] < 2 or one["left"] < 0] == []
        assert [one for one in found if one["height"] < 16] == []


async def test_the_skip_link_leads_to_the_content(chromium: Browser) -> None:
    async with boards.served(team()) as url, opened(chromium, url) as (page, _):
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"


async def test_a_screen_reader_hears_landmarks_headings_and_what_is_wrong(chromium: Browser) -> None:
    async with boards.served(team()) as url, opened(chromium, url) as (page, _):
        heard = await page.locator("body").aria_snapshot()
        for told in (
            "- banner:",
            '- heading "Data replications" [level=1]',
            "- main:",
            '- navigation "States":',
            '- search "Filter":',
            '- combobox "Namespace":',
            '- searchbox "Name, target, tag or description"',
            '- region "Needs attention":',
            '- heading "namespace shop" [level=3]',
            '- article "orders":',
            "qa is stale because the last load failed.",
            """- 'table "Targets of orders: age of their data against the objective"':""",
            '- rowheader "qa"',
            '- columnheader "Age and objective"',
            '- list "Last runs, the oldest first":',
            "- contentinfo:",
        ):
            assert told in heard
        assert not set("▲✕▸◐✓·") & set(heard), "a sign stands only beside its word"


@pytest.mark.parametrize("scripts", [False, True])
async def test_filters_links_and_pages_work_without_javascript(chromium: Browser, scripts: bool) -> None:
    made = [*boards.team(), *(Made(f"r{number:02}", "crowd", targets=("dev",)).ran(1).ran(0) for number in range(30))]
    async with boards.served(boards.cluster_of(made)) as url, opened(chromium, url, scripts=scripts) as (page, watched):
        await page.get_by_role("link", name="Next").click()
        assert "Page 2 of 2" in await page.inner_text("main")
        await page.get_by_label("Namespace", exact=True).select_option("shop")
        await page.get_by_label("Name, target").fill("qa")
        await page.get_by_role("button", name="Filter").click()
        assert page.url == f"{url}/?namespace=shop&text=qa"
        names = [await one.inner_text() for one in await page.locator("h4").all()]
        assert names == ["orders"]
        await page.get_by_role("link", name="Show all").click()
        await page.get_by_role("link", name="suspended").click()
        assert [await one.inner_text() for one in await page.locator("h4").all()] == ["events"]
        await page.get_by_role("link", name="Stop reloading").click()
        await page.get_by_role("link", name="events", exact=True).click()
        assert page.url == f"{url}/replications/analytics/events?reload=off"
        await page.get_by_role("link", name="analytics").click()
        assert page.url.startswith(f"{url}/?namespace=analytics")
        assert watched.complaints == []


async def test_a_run_is_folded_out_without_javascript(chromium: Browser) -> None:
    async with (
        boards.served(team()) as url,
        opened(chromium, f"{url}/replications/shop/orders", scripts=False) as (page, _),
    ):
        second = page.locator("details.run").nth(1)
        assert not await second.locator("table").is_visible()
        await second.locator("summary").press("Enter")
        assert await second.locator("table").is_visible()


def hostile() -> FakeCluster:
    """Return a cluster in which whatever a stranger may write is a script."""
    made = Made("orders", targets=("dev",), spec={"description": ALERT, "tags": [ALERT]}).ran(2)
    made.ran(1, failed=("dev",), reason="TargetInUse", message=ALERT).ran(0, dump=("Transient", ALERT))
    cluster = boards.cluster_of([made])
    text = json.dumps(list(cluster.objects["DataReplication", "shop", "orders"].items()))
    assert "onerror" in text
    for (kind, _, _), one in cluster.objects.items():
        if kind == "DataReplication":
            one["metadata"] |= {"name": "orders'\"><x", "namespace": "shop"}
            one["spec"]["targets"][0]["name"] = ALERT
            one["spec"]["schedule"] = {"cron": ALERT, "timeZone": ALERT}
            one["status"]["targets"][0]["name"] = ALERT
        else:
            one["spec"]["replicationName"] = "orders'\"><x"
    return cluster


async def test_a_strangers_scripts_are_shown_and_not_run(chromium: Browser) -> None:
    async with boards.served(hostile()) as url, opened(chromium, f"{url}/?text={ALERT}") as (page, watched):
        assert await page.get_by_label("Name, target").input_value() == ALERT[:100]
        await page.goto(url)
        assert ALERT in await page.inner_text("main")
        await page.locator("h4 a").click()
        assert await page.inner_text("h1") == "orders'\"><x"
        assert ALERT in await page.inner_text("main")
        assert await page.evaluate("document.querySelectorAll('script, img, [onload], [onerror]').length") == 0
        assert watched.complaints == []


async def test_the_policy_refuses_what_would_get_through_all_the_same(chromium: Browser) -> None:
    """As if escaping had failed: the browser itself runs nothing and loads nothing."""
    async with boards.served(team()) as url, opened(chromium, url) as (page, watched):
        tried: Iterable[str] = (
            "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)",
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')",
            "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')",
            "const f = document.createElement('iframe'); f.src = 'https://example.com/'; document.body.append(f)",
        )
        for one in tried:
            await page.evaluate(f"() => {{ {one} }}")
        await page.wait_for_timeout(300)
        assert await page.evaluate("window.ran") is None
        assert sum("Content Security Policy" in told for told in watched.complaints) >= 3


async def test_a_new_viewer_sees_first_what_is_stale_and_why(chromium: Browser) -> None:
    """What stands in a window of 1200 by 900 without scrolling."""
    async with boards.served(boards.cluster_of(boards.team()), NOW) as url, opened(chromium, url) as (page, _):
        sentence = page.get_by_text("sandbox and notebooks are stale because the last dump failed.")
        remedy = page.get_by_text("Raise it, use more")
        for one in (sentence, remedy):
            place = await one.bounding_box()
            assert place is not None
            assert place["y"] + place["height"] < 900
