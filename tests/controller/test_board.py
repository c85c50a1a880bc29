"""The board's port, as a viewer meets it: pages, JSON, headers, methods, outages, many viewers at once."""

import asyncio
import contextlib
import itertools
import json
import socket
import string
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from datareplication.controller.board import door, serving
from datareplication.controller.board.looking import Look
from datareplication.controller.board.rendering import ENVIRONMENT, PIECES, rendered
from datareplication.controller.cluster import RUN, ClusterError, Keep, Kind, Object, RejectedError, UnavailableError
from datareplication.core import plain
from datareplication.core.board import pages
from datareplication.core.board.pages import Seen
from datareplication.core.board.query import Query
from datareplication.core.judgement.facts import Subject
from datareplication.core.judgement.reading import Reader
from support import boards
from support.boards import NOW, Made
from support.fake_cluster import Clock, FakeCluster
from support.markup import Page

PATHS = ("/", "/replications/shop/orders", "/api/v1/replications", "/api/v1/replications/shop/orders", "/static/board.css", "/static/icon.svg", "/replications/shop/nobody", "/nowhere")  # fmt: skip


async def asked(
    path: str,
    method: str = "GET",
    cluster: FakeCluster | None = None,
    host: str = "localhost",
    known_hosts: tuple[str, ...] = (),
) -> tuple[int, Any, str]:
    """Return status, headers and body of an answer."""
    async with (
        boards.served(cluster or boards.cluster_of(boards.team()), known_hosts=known_hosts) as url,
        aiohttp.ClientSession() as session,
        session.request(method, url + path, headers={"Host": host}) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


async def page(path: str = "/", cluster: FakeCluster | None = None) -> Page:
    status, _, body = await asked(path, cluster=cluster)
    assert status == 200
    return Page(body)


class TestPages:
    async def test_the_first_page_tells_what_is_stale_why_and_what_to_do(self) -> None:
        text = " ".join((await page()).text.split())
        for told in (
            "qa is stale because the last load failed.",
            "TargetInUse",
            boards.IN_USE,
            "Remove it by the statement in the message.",
            "sandbox and notebooks are stale because the last dump failed.",
            "sandbox is stale because the schedule is suspended.",
            "Set suspend: false to run slots again.",
            "74 of 118 tables",
            "3.9 GiB of 6.0 GiB",
            "29.9 MiB/s",
            "about 1m12s left",
            "in 18h20m",
            "2026-12-01T02:00:00Z; 03:00 Europe/Zurich",
            "5h39m old",
            "limit 26h",
        ):
            assert told in text

    async def test_the_page_of_one_has_runs_steps_attempts_and_conditions(self) -> None:
        text = " ".join((await page("/replications/shop/orders")).text.split())
        for told in ("orders-202611300200", "load of qa", "exit code 78", "118", "4,210,332", "6.0 GiB", "LastRunSucceeded", "Orders and customers, masked", "slot of 2026-11-30T02:00:00Z"):  # fmt: skip
            assert told in text

    @pytest.mark.parametrize("path", ["/", "/replications/shop/orders", "/?state=stale&namespace=shop&text=or&page=9"])
    async def test_a_page_is_sound_and_runs_nothing(self, path: str) -> None:
        found = await page(path)
        names = {one.name for one in found.elements}
        assert names & {"script", "style", "iframe", "object", "embed", "img", "base"} == set()
        attributes = {name for one in found.elements for name in one.attributes}
        assert [name for name in attributes if name.startswith("on") or name == "style"] == []
        (html,) = found.all("html")
        assert html.attributes["lang"] == "en"
        assert [len(found.all(name)) for name in ("h1", "main", "title")] == [1, 1, 1]

    async def test_headings_skip_no_level_and_tables_have_captions_and_scopes(self) -> None:
        for path in ("/", "/replications/shop/orders"):
            found = await page(path)
            levels = [int(one.name[1]) for one in found.elements if one.name in {"h1", "h2", "h3", "h4"}]
            assert levels[0] == 1
            assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
            assert len(found.all("table")) == len(found.all("caption"))
            assert {one.attributes.get("scope") for one in found.all("th")} == {"row", "col"}

    async def test_every_field_of_the_form_has_a_label(self) -> None:
        found = await page()
        labelled = {one.attributes["for"] for one in found.all("label")}
        fields = [one for name in ("input", "select") for one in found.all(name) if one.attributes.get("type") != "hidden"]  # fmt: skip
        assert {one.attributes["id"] for one in fields} == labelled
        assert len(fields) == 2

    async def test_every_link_of_a_page_leads_somewhere(self) -> None:
        async with boards.served(boards.cluster_of(boards.team())) as url, aiohttp.ClientSession() as session:
            for start in ("/", "/replications/shop/orders", "/?reload=off&namespace=shop"):
                async with session.get(url + start) as answer:
                    links = [
                        one.attributes["href"]
                        for one in Page(await answer.text()).elements
                        if "href" in one.attributes and not one.attributes["href"].startswith("#")
                    ]
                    addresses = {answer.url.join(URL(link)) for link in links}
                assert len(addresses) > 5
                for address in addresses:
                    async with session.get(address) as there:
                        assert (there.status, str(address)) == (200, str(address))

    async def test_the_page_reloads_until_that_is_stopped(self) -> None:
        assert '<meta http-equiv="refresh" content="30">' in (await asked("/"))[2]
        stopped = (await asked("/?reload=off&state=stale"))[2]
        assert "http-equiv" not in stopped
        assert 'name="reload" value="off"' in stopped

    async def test_who_is_not_there_is_said_so(self) -> None:
        status, _, body = await asked("/replications/shop/%3Cscript%3E")
        assert status == 404
        assert "There is no DataReplication <strong>&lt;script&gt;</strong>" in body

    @pytest.mark.parametrize(
        "path", ["/replications/%ff/%ed%a0%80", "/replications/a%2Fb/%00", "/replications/%2e%2e/x"]
    )
    async def test_no_address_breaks_the_page(self, path: str) -> None:
        assert (await asked(path))[0] == 404
        assert (await asked(f"/?text=%ed%a0%80%ff&namespace=%00&page={'9' * 4000}"))[0] == 200

    async def test_an_empty_cluster_has_a_page(self) -> None:
        assert "There are no DataReplications." in (await page(cluster=FakeCluster(Clock(NOW)))).text


class TestJson:
    async def test_the_same_content_for_programs(self) -> None:
        status, headers, body = await asked("/api/v1/replications?state=stale&namespace=shop")
        told = json.loads(body)
        assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
        assert [one["name"] for one in told["attention"][0]["views"]] == ["orders", "billing"]
        _, _, body = await asked("/api/v1/replications/shop/orders")
        assert json.loads(body)["problems"][0]["sentence"] == "qa is stale because the last load failed."
        status, _, body = await asked("/api/v1/replications/shop/nobody")
        assert (status, json.loads(body)) == (404, {"error": "there is no such DataReplication"})


class TestHeaders:
    @pytest.mark.parametrize("path", PATHS)
    async def test_every_answer_is_guarded(self, path: str) -> None:
        _, headers, _ = await asked(path)
        policy = {part.split()[0]: part.split()[1:] for part in headers["Content-Security-Policy"].split(";")}
        assert policy == {
            "default-src": ["'none'"],
            "style-src": ["'self'"],
            "img-src": ["'self'"],
            "form-action": ["'self'"],
            "base-uri": ["'none'"],
            "frame-ancestors": ["'none'"],
        }
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in headers
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["Server"] == "datareplication-operator"

    @pytest.mark.parametrize("path", ["/", "/replications/shop/orders", "/api/v1/replications"])
    async def test_what_changes_is_kept_by_nobody(self, path: str) -> None:
        assert (await asked(path))[1]["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    async def test_only_get_and_head_are_answered(self, method: str) -> None:
        for path in ("/", "/replications/shop/orders", "/api/v1/replications"):
            status, headers, _ = await asked(path, method)
            assert (status, headers["Allow"]) == (405, "GET,HEAD")

    async def test_head_has_no_body(self) -> None:
        status, headers, body = await asked("/", "HEAD")
        assert (status, body) == (200, "")
        assert int(headers["Content-Length"]) > 1000


class TestHosts:
    @pytest.mark.parametrize("path", PATHS)
    async def test_a_page_whose_name_was_led_here_reads_nothing(self, path: str) -> None:
        """DNS rebinding: the browser of a viewer takes the board for a part of the hostile site."""
        status, headers, body = await asked(path, host="evil.example:8081")
        assert (status, headers["Content-Type"]) == (421, "text/plain; charset=utf-8")
        assert "board.hosts" in body
        assert "orders" not in body
        assert headers["X-Content-Type-Options"] == "nosniff"

    async def test_a_name_that_was_given_is_answered(self) -> None:
        cluster = boards.cluster_of(boards.team())
        for host in ("board.example.com", "localhost:8081", "board.ops.svc:8081"):
            assert (await asked("/", cluster=cluster, host=host, known_hosts=("Board.example.com",)))[0] == 200


class Stubborn(FakeCluster):
    """An API that can be told to fail, and counts its lists."""

    fault: ClusterError | None = None
    lists = 0
    hold: asyncio.Event | None = None

    async def list_all(
        self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "", keep: Keep = dict
    ) -> list[Object]:
        self.lists += 1
        if self.hold:
            await self.hold.wait()
        if self.fault:
            raise self.fault
        return await super().list_all(kind, namespace, labels=labels, fields=fields, keep=keep)


def stubborn() -> Stubborn:
    cluster = Stubborn(Clock(NOW))
    for one in boards.team():
        one.put(cluster)
    return cluster


class Seconds:
    """A monotonic clock that a test moves, with the wall clock beside it."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds

    def wall(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 100)


class TestLists:
    async def test_viewers_share_one_list_of_each_kind(self) -> None:
        cluster, clock = stubborn(), Seconds()
        look = Look(cluster, (), clock.wall, clock)
        found = await asyncio.gather(*(look.seen() for _ in range(50)))
        assert (cluster.lists, {len(seen.subjects) for seen in found}) == (2, {6})
        clock.seconds += 4.9
        await look.seen()
        assert cluster.lists == 2
        clock.seconds += 0.2
        assert (await look.seen()).at == clock.wall()
        assert cluster.lists == 4

    async def test_lists_take_a_tenth_of_the_time_at_most(self) -> None:
        cluster, clock = stubborn(), Seconds()
        look = Look(cluster, (), clock.wall, clock)
        cluster.on_call = lambda *_: setattr(clock, "seconds", clock.seconds + 2)
        await look.seen()
        assert cluster.lists == 2
        clock.seconds += 35.9
        await look.seen()
        assert cluster.lists == 2
        clock.seconds += 0.2
        await look.seen()
        assert cluster.lists == 4

    async def test_nothing_is_read_while_nobody_looks(self) -> None:
        cluster = stubborn()
        async with boards.served(cluster):
            await asyncio.sleep(0.05)
        assert cluster.lists == 0

    @pytest.mark.parametrize(
        ("fault", "why"),
        [
            (UnavailableError("GET https://10.0.0.1: refused"), "no answer"),
            (RejectedError('User "system:serviceaccount:x" cannot list', 403), "HTTP status 403"),
        ],
    )
    async def test_when_the_api_cannot_be_read_the_page_stays_and_says_since_when(
        self, fault: ClusterError, why: str
    ) -> None:
        cluster, clock = stubborn(), Seconds()
        look = Look(cluster, (), clock.wall, clock)
        await look.seen()
        cluster.fault = fault
        clock.seconds += 600
        seen = await look.seen()
        assert (len(seen.subjects), seen.at, seen.outages[0].since) == (6, NOW, NOW)
        text = " ".join(Page(await drawn(seen, clock.wall())).text.split())
        assert "Out of date since 2026-11-30T07:40:00Z, 10m ago: the cluster cannot be read" in text
        assert why in text
        assert "serviceaccount" not in text
        assert "10.0.0.1" not in text
        cluster.fault = None
        clock.seconds += 6
        assert (await look.seen()).outages == ()

    async def test_each_namespace_fails_alone(self) -> None:
        cluster, clock = stubborn(), Seconds()
        look = Look(cluster, ("shop", "analytics"), clock.wall, clock)
        assert {one.one.namespace for one in (await look.seen()).subjects} == {"shop", "analytics"}

        def refuse(_: str, __: Kind, namespace: str) -> None:
            if namespace == "analytics":
                raise RejectedError("forbidden", 403)

        cluster.on_call = refuse
        clock.seconds += 6
        seen = await look.seen()
        assert [(one.place, one.since) for one in seen.outages] == [("namespace analytics", NOW)]
        assert (len(seen.subjects), seen.at) == (5, clock.wall())

    async def test_an_api_that_was_never_read_has_a_page(self) -> None:
        cluster = stubborn()
        cluster.fault = UnavailableError("no answer")
        text = (await page(cluster=cluster)).text
        assert "Out of date:" in " ".join(text.split())
        assert "Nothing of it is known yet." in text

    async def test_a_slow_api_holds_a_viewer_up_for_a_moment_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("datareplication.controller.board.looking.PATIENCE_SECONDS", 0.01)
        cluster, clock = stubborn(), Seconds()
        look = Look(cluster, (), clock.wall, clock)
        first = await look.seen()
        cluster.hold = asyncio.Event()
        clock.seconds += 6
        assert await look.seen() is first
        cluster.hold.set()
        assert (await look.seen()).at == clock.wall()
        await look.close()

    async def test_a_defect_is_told_and_not_hidden(self, caplog: pytest.LogCaptureFixture) -> None:
        cluster, clock = stubborn(), Seconds()
        cluster.peek(RUN, "shop", "orders-202611300200")["metadata"] = "no metadata"
        seen = await Look(cluster, ("shop",), clock.wall, clock).seen()
        assert seen.outages[0].why.startswith("the operator has a defect: ")
        assert "the board could not read namespace shop" in caplog.text


class TestCrowds:
    async def test_a_viewer_too_many_is_told_to_come_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "WAITING_LIMIT", 2)
        cluster = stubborn()
        cluster.hold = asyncio.Event()
        async with boards.served(cluster) as url, aiohttp.ClientSession() as session:
            viewers = {asyncio.create_task(_answered(session, url)) for _ in range(3)}
            first, waiting = await asyncio.wait(viewers, return_when=asyncio.FIRST_COMPLETED)
            assert [viewer.result() for viewer in first] == [(503, "5")]
            assert await _answered(session, f"{url}/static/board.css") == (200, "")
            cluster.hold.set()
            assert await asyncio.gather(*waiting) == [(200, "")] * 2

    async def test_pages_that_nobody_reads_do_not_fill_the_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "WAITING_LIMIT", 1)
        async with boards.served(of_long_messages()) as url, aiohttp.ClientSession() as session, asyncio.timeout(100):
            viewer = await deaf_viewer(URL(url))
            await said(viewer)
            assert await _answered(session, url) == (503, "5"), "whoever reads has a place"
            viewer.close()
            await until_answered(session, url)
            monkeypatch.setattr(serving, "SENDING_SECONDS", 0.3)
            viewer = await deaf_viewer(URL(url))
            await said(viewer)
            await until_answered(session, url)
            assert await length(viewer) < LONG, "it had its time"

    async def test_nor_do_a_few_that_are_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "BYTES_LIMIT", 15 * 2**20)
        async with boards.served(of_long_messages()) as url, aiohttp.ClientSession() as session, asyncio.timeout(100):
            viewer = await deaf_viewer(URL(url))
            await said(viewer)
            assert await _answered(session, url + LONG_PAGE) == (503, "5")
            viewer.close()
            await until_answered(session, url + LONG_PAGE)

    async def test_connections_are_counted_and_do_not_stay_silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(door, "CONNECTIONS_LIMIT", 3)
        monkeypatch.setattr(door, "SILENCE_SECONDS", 1.0)
        async with boards.served(stubborn()) as url, aiohttp.ClientSession() as session:
            assert await _answered(session, url) == (200, ""), "its connection stays"
            address = URL(url)
            silent = [await asyncio.open_connection(address.host, address.port) for _ in range(2)]
            silent[0][1].write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            await asyncio.sleep(0.05)
            silent.append(await asyncio.open_connection(address.host, address.port))
            async with asyncio.timeout(60):
                assert await ended(silent[-1][0]), "one too many"
                for reader, writer in silent:
                    assert await ended(reader)
                    writer.close()
            assert await _answered(session, url) == (200, "")

    async def test_others_have_their_turn_while_a_page_of_a_thousand_is_built(self) -> None:
        """Counted in turns of the loop, not in seconds, which depend on the machine."""
        cluster = boards.cluster_of(Made(f"r{n:04}", f"n{n % 20}", targets=("dev",)).ran(1).ran(0) for n in range(1000))
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        look = Look(cluster, (), lambda: NOW)
        seen = await look.seen()
        counting = asyncio.create_task(others())
        await drawn(seen, NOW)
        counting.cancel()
        assert turns > 1000 / pages.STEP + pages.PAGE_SIZE + pages.PAGE_SIZE / PIECES


LONG_PAGE = "/replications/shop/orders"
LONG = 8 * 2**20
"""Bytes of that page, at least: more than the kernel keeps for a connection."""


def of_long_messages() -> FakeCluster:
    """A DataReplication whose page is as long as strangers can make it."""
    made = Made("orders", targets=tuple(f"t{number}" for number in range(32)))
    for days in range(10):
        made.ran(days, failed=made.targets, reason="BadData", message="'" * 5000)
    for raw in made.runs:
        for step in raw["status"]["targets"]:
            step["endedAttempts"] = [{"pod": f"p{number}", "message": "'" * 500} for number in range(11)]
    return boards.cluster_of([made])


async def deaf_viewer(url: URL) -> socket.socket:
    """Ask for the long page and read nothing."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (url.host, url.port))
    request = f"GET {LONG_PAGE} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(made, request.encode())
    return made


async def said(viewer: socket.socket) -> None:
    """Wait until there is something to read."""
    while True:
        try:
            viewer.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            await asyncio.sleep(0.02)
        else:
            return


async def length(viewer: socket.socket) -> int:
    """Read until the other side ends the connection; return how many bytes came."""
    read = 0
    with viewer, contextlib.suppress(ConnectionResetError):
        while some := await asyncio.get_running_loop().sock_recv(viewer, 2**20):
            read += len(some)
    return read


async def until_answered(session: aiohttp.ClientSession, url: str) -> None:
    while await _answered(session, url) != (200, ""):  # noqa: ASYNC110 - what frees a place is on the other side
        await asyncio.sleep(0.02)


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def _answered(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with session.get(url) as answer:
        return answer.status, answer.headers.get("Retry-After", "")


async def drawn(seen: Seen, now: datetime, asked: Query | None = None) -> str:
    """Return the first page of what is known."""
    chosen = asked or Query()
    board = await serving._in_steps(pages.board(seen, chosen, now))
    values = {"root": "", "board": board, "seen": seen, "query": chosen, "now": now}
    return await rendered("board.html", values)


async def drawn_one(subject: Subject) -> str:
    """Return the page of one DataReplication."""
    one, seen = subject.one, Seen((subject,), NOW)
    detail = pages.detail(seen, one.namespace, one.name, NOW)
    return await rendered(
        "detail.html", {"root": "../../", "detail": detail, "seen": seen, "query": Query(), "now": NOW}
    )


HOSTILE = [
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "' autofocus onfocus=alert(1) x='",
    "</title></style></textarea><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt; &amp;amp;",
    "a\u202eb\u2066c\x00\r\n",
    "`<b>`",
    "-->]]>",
]
WORDS = st.sampled_from(HOSTILE) | st.text(alphabet=string.printable + "<>&\"'`\u202eé表", min_size=1, max_size=40)


def subject_saying(word: str) -> Subject:
    """Return a DataReplication, with runs of all kinds, in which every text that others choose is that word."""
    made = Made("orders", targets=("dev",), spec={"description": word, "tags": [word]}).ran(2)
    made.ran(1, failed=("dev",), reason="TargetInUse", message=word).ran(0, dump=("Transient", word))
    made.runs_now(dump={"phase": word, "note": word, "bytesDone": 1, "bytesTotal": 2, "time": "2026-11-30T07:39:00Z"})
    cluster = boards.cluster_of([made])
    runs = [raw for (kind, _, _), raw in cluster.objects.items() if kind == "DataReplicationRun"]
    runs[-1]["status"]["dump"] |= {"message": word, "reason": f"X{word}"}
    for number, raw in enumerate(runs):
        raw["metadata"]["name"] = f"{word}{number}"
        for step in raw["status"]["targets"]:
            step["name"] = word
            for attempt in step.get("endedAttempts", ()):
                attempt["pod"] = word
    raw = cluster.objects["DataReplication", "shop", "orders"]
    raw["metadata"] |= {"name": word, "namespace": word}
    raw["spec"]["targets"][0]["name"] = word
    raw["spec"]["schedule"] = {"cron": word, "timeZone": word}
    status = raw["status"]
    status["targets"][0] |= {"name": word, "run": word, "message": word, "snapshot": word}
    status["conditions"] = [boards.condition("Ready", "True", "Scheduled", word)]
    return Subject(Reader().replication(raw), tuple(map(Reader().run, runs)))


@given(word=WORDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_strangers_words_are_text_wherever_they_stand(word: str) -> None:
    """The page has the same elements and attributes as with a harmless word, and says the stranger's."""
    harmless = subject_saying("harmless")
    subject = subject_saying(word)
    for draw in (lambda one: drawn(Seen((one,), NOW), NOW, Query(text="", namespace="")), drawn_one):
        found = Page(asyncio.run(draw(subject)))
        assert found.structure == Page(asyncio.run(draw(harmless))).structure
        assert plain.text(word) in found.text


async def test_a_strangers_query_is_text() -> None:
    for word in HOSTILE:
        known = Seen((), NOW)
        found = Page(await drawn(known, NOW, Query(text=word, namespace=word)))
        plainly = Page(await drawn(known, NOW, Query(text="x", namespace="x")))
        assert found.structure == plainly.structure
        (field,) = (one for one in found.all("input") if one.attributes["name"] == "text")
        assert field.attributes["value"] == word


def test_everything_is_escaped_by_default_and_nothing_is_left_undefined() -> None:
    assert ENVIRONMENT.autoescape is True
    assert ENVIRONMENT.loader is not None
    sources = [ENVIRONMENT.loader.get_source(ENVIRONMENT, name)[0] for name in ENVIRONMENT.list_templates()]
    assert len(sources) == 5
    assert [word for source in sources for word in ("|safe", "| safe", "autoescape", "style=") if word in source] == []
