"""Deliveries to real receivers: what each kind of sink gets, and what becomes of it when a sink does not behave."""

import asyncio
import base64
import json
import logging
import math
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook

from datareplication.controller import sending
from datareplication.controller.cluster import RUN
from datareplication.controller.delivering import AT_ONCE, Deliverer
from datareplication.controller.fence import Fence, unfenced
from datareplication.controller.metrics import Metrics
from datareplication.controller.queue import utc_now
from datareplication.controller.sending import Sender
from datareplication.controller.working import Controller
from datareplication.core import delivery
from datareplication.core.names import Key
from datareplication.core.notifying import Parcel
from datareplication.core.outbox import Notice, ToldTarget
from datareplication.core.sinks import Sink
from support import samples
from support.receiver import Receiver, receiving
from support.world import World, manual_run, spec

KEY = Key("data", "prod-fanout")
PATH = "/services/T000/secret-path"
SIGNING = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so").decode()
OLDER = "whsec_" + base64.b64encode(b"the key that was used until now.").decode()
TOKEN = "a-token-that-nobody-sees"
STRANGE = "qa: <!channel> *now* & [click](https://evil.example) `x`"
HOUR = timedelta(hours=1)


def notice(
    event: str = "PartiallyFailed", identity: str = "7d9b2a2e-1f0c-5a55-9d1d-3f7f6c1f4a10", **more: Any
) -> Notice:
    now = datetime.now(UTC).replace(microsecond=0)
    values: dict[str, Any] = {
        "run": "prod-fanout-202611230200",
        "run_uid": "b7c1",
        "phase": "PartiallyFailed",
        "reason": "PermissionDenied",
        "message": STRANGE,
        "start_time": now - HOUR,
        "completion_time": now,
        "targets": [
            ToldTarget(name="dev", phase="Succeeded", rows=30),
            ToldTarget(name="qa", phase="Failed", reason="PermissionDenied", message="no right"),
        ],
        **more,
    }
    return Notice.model_validate({"id": identity, "event": event, "time": now, **values})


def parcel(kind: str, event: str = "PartiallyFailed", name: str = "", template: str = "", **more: Any) -> Parcel:
    named = name or kind.lower()
    sink = Sink.model_validate({"name": named, "kind": kind, "secretName": named, "template": template})
    spec = {**samples.MINIMAL, "targets": [{**samples.MINIMAL["targets"][0], "name": name} for name in ("dev", "qa")]}
    return Parcel(KEY, notice(event, **more), sink, spec)


@dataclass
class Office:
    """A deliverer with the Secrets of its sinks."""

    folder: Path
    fence: Fence = field(default_factory=unfenced)
    metrics: Metrics = field(default_factory=Metrics)
    woken: list[Key] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender = Sender(self.folder)
        self.deliverer = Deliverer(self.sender.send, self.woken.append, self.fence, self.metrics, utc_now)

    def secret(self, sink: str, url: str, **keys: str) -> None:
        (self.folder / sink).mkdir(exist_ok=True)
        for key, value in {"url": url, **keys}.items():
            (self.folder / sink / key.replace("_", ".")).write_text(value)

    def hand_over(self, *parcels: Parcel) -> None:
        self.deliverer.hand_over(KEY, parcels, [one.notice.id for one in parcels])

    async def told(self, one: Parcel, *states: str) -> str:
        """Wait until a delivery is in one of the states; return its message."""
        which = (one.notice.id, one.sink.name)
        async with asyncio.timeout(10):
            while (found := self.deliverer.results(KEY).get(which)) is None or found.state not in states:  # noqa: ASYNC110 - also of other states
                await asyncio.sleep(0.01)
        return found.message


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(delivery, "FIRST_DELAY_SECONDS", 0.05)
    made = Office(tmp_path)
    yield made
    await made.deliverer.close()
    await made.sender.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def delivered(office: Office, receiver: Receiver, one: Parcel, **keys: str) -> Any:
    """Deliver one message and return the request."""
    office.secret(one.sink.name, f"{receiver.url}{PATH}", **keys)
    office.hand_over(one)
    await office.told(one, "Delivered")
    (request,) = receiver.arrived
    return request


class TestWhatIsSent:
    async def test_a_webhook_is_a_cloud_event_that_is_signed(self, office: Office, receiver: Receiver) -> None:
        one = parcel("Webhook")
        request = await delivered(office, receiver, one, signingKey=f"{SIGNING}\n{OLDER}\n", token=TOKEN)
        for key in (SIGNING, OLDER):
            Webhook(key).verify(request.body, request.headers)
        event = from_http_event(HTTPMessage(request.headers, request.body))
        assert (event.get_id(), event.get_specversion()) == (one.notice.id, "1.0")
        assert request.id == one.notice.id
        assert event.get_type() == "dev.datareplication.run.partiallyfailed"
        source = "/apis/datareplication.dev/v1alpha1/namespaces/data/datareplications/prod-fanout"
        assert (event.get_source(), event.get_subject()) == (source, "prod-fanout-202611230200")
        assert event.get_time() == one.notice.time
        data = event.get_data()
        assert isinstance(data, dict)
        assert {name: data[name] for name in ("event", "namespace", "name", "phase", "reason", "message")} == {
            "event": "PartiallyFailed",
            "namespace": "data",
            "name": "prod-fanout",
            "phase": "PartiallyFailed",
            "reason": "PermissionDenied",
            "message": STRANGE,
        }
        assert data["targets"] == [
            {"name": "dev", "phase": "Succeeded", "reason": "", "message": "", "rows": 30},
            {"name": "qa", "phase": "Failed", "reason": "PermissionDenied", "message": "no right", "rows": 0},
        ]
        assert (request.path, request.headers["authorization"]) == (PATH, f"Bearer {TOKEN}")

    async def test_without_a_key_nothing_is_signed(self, office: Office, receiver: Receiver) -> None:
        request = await delivered(office, receiver, parcel("Webhook"))
        assert "webhook-signature" not in request.headers
        assert "authorization" not in request.headers

    async def test_slack_gets_a_text_in_which_nothing_of_others_is_markup(
        self, office: Office, receiver: Receiver
    ) -> None:
        body = json.loads((await delivered(office, receiver, parcel("Slack"))).body)
        assert body["text"] == (
            "data/prod-fanout: run failed for some targets (prod-fanout-202611230200)\n"
            "qa: &lt;!channel&gt; *now* &amp; [click](https://evil.example) `x`\n"
            "qa: PermissionDenied: no right"
        )

    async def test_teams_gets_an_adaptive_card(self, office: Office, receiver: Receiver) -> None:
        body = json.loads((await delivered(office, receiver, parcel("Teams"))).body)
        (attachment,) = body["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert [block["text"] for block in attachment["content"]["body"]] == [
            "data/prod-fanout: run failed for some targets (prod-fanout-202611230200)",
            r"qa: <!channel> \*now\* & \[click\](https://evil.example) \`x\`",
            "qa: PermissionDenied: no right",
        ]

    async def test_ntfy_gets_a_title_tags_and_a_priority(self, office: Office, receiver: Receiver) -> None:
        request = await delivered(office, receiver, parcel("Ntfy", message="zürich " * 900), token=TOKEN)
        assert request.headers["title"] == "data/prod-fanout: run failed for some targets"
        assert (request.headers["tags"], request.headers["priority"]) == ("rotating_light", "high")
        assert request.body.decode().startswith("data/prod-fanout: run failed for some targets (prod-fanout-2026")
        assert len(request.body) <= 4096, "a longer one would become a file"

    async def test_a_template_of_the_platform_team_is_used_and_values_stay_escaped(
        self, office: Office, receiver: Receiver
    ) -> None:
        template = (
            "<!subteam^S1> {{ title }}: {{ message }}{% for one in targets %} {{ one.name }}={{ one.rows }}{% endfor %}"
        )
        body = json.loads((await delivered(office, receiver, parcel("Slack", template=template))).body)
        assert body["text"].startswith(
            "<!subteam^S1> data/prod-fanout: run failed for some targets: qa: &lt;!channel&gt;"
        )
        assert body["text"].endswith(" dev=30 qa=0")

    @pytest.mark.parametrize(
        "value",
        ["targets", "targets[1]", "message | safe", "message | e", "message.split()", "[message]", "dict(a=message)"],
    )
    @pytest.mark.parametrize(("kind", "markup"), [("Slack", "<!channel>"), ("Teams", "[click](")])
    async def test_a_value_stays_escaped_whatever_a_template_makes_of_it(
        self, office: Office, receiver: Receiver, kind: str, markup: str, value: str
    ) -> None:
        targets = [ToldTarget(name="qa", phase="Failed", reason="BadData", message=STRANGE)] * 2
        one = parcel(kind, template="said: {{ " + value + " }}", targets=targets)
        sent = (await delivered(office, receiver, one)).body.decode()
        assert "said: " in sent
        assert "click" in sent
        assert markup not in sent

    @pytest.mark.parametrize(
        "template",
        [
            "{{ 1 / 0 }}",
            "{{ targets.nobody.name }}",
            "{{ ''.__class__.mro() }}",
            "{{ '{0} {1}'.format(name) }}",
            "{{ message | xmlattr }}",
            "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        ],
    )
    async def test_a_template_that_fails_is_replaced_and_says_so(
        self, office: Office, receiver: Receiver, template: str
    ) -> None:
        body = json.loads((await delivered(office, receiver, parcel("Slack", template=template))).body)
        assert body["text"].startswith("data/prod-fanout: run failed for some targets")
        assert "(the sink's template fails: " in body["text"]

    async def test_a_message_is_short_and_without_anything_else_than_the_status_tells(
        self, office: Office, receiver: Receiver
    ) -> None:
        request = await delivered(office, receiver, parcel("Webhook"))
        for secret in ("prod-db", "credentials", "5432", PATH):
            assert secret.encode() not in request.body


class TestLineage:
    async def test_a_start_names_source_and_all_targets(self, office: Office, receiver: Receiver) -> None:
        one = parcel("OpenLineage", "Started")
        request = await delivered(office, receiver, one, token=TOKEN)
        assert request.path == f"{PATH}/api/v1/lineage"
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        event = json.loads(request.body)
        assert (event["eventType"], event["job"]["namespace"], event["job"]["name"]) == (
            "START",
            "datareplication",
            "data.prod-fanout",
        )
        assert names(event["inputs"]) == [("postgres://prod-db.prod.svc:5432", "app")]
        assert names(event["outputs"]) == [("postgres://dev-db.dev.svc:5432", "app")] * 2

    async def test_an_end_has_the_id_of_the_start_and_the_targets_that_were_loaded(
        self, office: Office, receiver: Receiver
    ) -> None:
        starts, ends = parcel("OpenLineage", "Started", identity="one"), parcel("OpenLineage", "PartiallyFailed")
        office.secret("openlineage", f"{receiver.url}{PATH}")
        office.hand_over(starts, ends)
        await office.told(starts, "Delivered")
        await office.told(ends, "Delivered")
        by_type = {event["eventType"]: event for event in (json.loads(one.body) for one in receiver.arrived)}
        assert by_type["START"]["run"]["runId"] == by_type["FAIL"]["run"]["runId"]
        assert by_type["FAIL"]["run"]["facets"]["errorMessage"]["message"] == STRANGE
        (loaded,) = by_type["FAIL"]["outputs"]
        assert loaded["outputFacets"]["outputStatistics"]["rowCount"] == 30

    async def test_a_rollback_reads_what_it_brings_back_not_the_source(
        self, office: Office, receiver: Receiver
    ) -> None:
        one = parcel("OpenLineage", "Started", action="Rollback")
        event = json.loads((await delivered(office, receiver, one)).body)
        assert names(event["inputs"]) == [("postgres://dev-db.dev.svc:5432", "app__previous")] * 2
        assert names(event["outputs"]) == [("postgres://dev-db.dev.svc:5432", "app")] * 2

    @pytest.mark.parametrize(
        ("event", "state"),
        [("Succeeded", "COMPLETE"), ("Recovered", "COMPLETE"), ("Failed", "FAIL"), ("Replaced", "ABORT")],
    )
    async def test_an_end_is_called(self, office: Office, receiver: Receiver, event: str, state: str) -> None:
        body = json.loads((await delivered(office, receiver, parcel("OpenLineage", event))).body)
        assert body["eventType"] == state


def names(datasets: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["namespace"], one["name"]) for one in datasets]


def answers(*statuses: int, **headers: str) -> Callable[[int], web.StreamResponse]:
    return lambda number: web.Response(status=statuses[min(number, len(statuses) - 1)], headers=headers)


class TestSinksThatDoNotBehave:
    @pytest.mark.parametrize("status", [408, 429, 500, 503])
    async def test_it_is_tried_again_with_the_same_id_and_body(self, office: Office, status: int) -> None:
        async with receiving(answers(status, status, 200)) as receiver:
            one = parcel("Webhook")
            office.secret("webhook", receiver.url, signingKey=SIGNING)
            office.hand_over(one)
            assert await office.told(one, "Pending") == f"answered {status}"
            await office.told(one, "Delivered")
            assert len(receiver.arrived) == 3
            assert {(request.id, request.body) for request in receiver.arrived} == {
                (one.notice.id, receiver.arrived[0].body)
            }
            for request in receiver.arrived:
                Webhook(SIGNING).verify(request.body, request.headers)
        text = office.metrics.text().decode()
        assert 'notifications_total{event="PartiallyFailed",result="Failed",sink="webhook"} 2.0' in text
        assert office.woken == [KEY, KEY], "the same failure is recorded once"

    @pytest.mark.parametrize("status", [400, 401, 404, 410, 413])
    async def test_another_4xx_is_final(self, office: Office, status: int) -> None:
        async with receiving(answers(status)) as receiver:
            one = parcel("Webhook")
            office.secret("webhook", receiver.url)
            office.hand_over(one)
            assert await office.told(one, "Refused") == f"answered {status}"
            assert len(receiver.arrived) == 1

    async def test_a_redirect_is_not_followed(self, office: Office, receiver: Receiver) -> None:
        async with receiving(answers(307, Location=f"{receiver.url}/elsewhere")) as redirecting:
            one = parcel("Webhook")
            office.secret("webhook", redirecting.url)
            office.hand_over(one)
            assert await office.told(one, "Refused") == "answered 307, a redirect, which is not followed"
        assert receiver.arrived == []

    async def test_a_sink_may_say_when_to_come_again(self, office: Office) -> None:
        async with receiving(
            lambda number: answers(204)(0) if number else answers(429, **{"Retry-After": "1"})(0)
        ) as late:
            one = parcel("Webhook")
            office.secret("webhook", late.url)
            office.hand_over(one)
            await office.told(one, "Delivered")
            assert late.arrived[1].at - late.arrived[0].at >= 1.0

    async def test_a_wish_that_cannot_be_read_does_not_undo_a_delivery(self, office: Office) -> None:
        async with receiving(answers(200, **{"Retry-After": f"Mon, 02 Mar {'9' * 20} 12:00:00 GMT"})) as receiver:
            one = parcel("Webhook")
            office.secret("webhook", receiver.url)
            office.hand_over(one)
            await office.told(one, "Delivered", "Pending")
            assert office.deliverer.results(KEY)[one.notice.id, "webhook"].state == "Delivered"
            assert len(receiver.arrived) == 1

    async def test_a_dead_sink_is_told_without_its_address_and_harms_no_other(
        self, office: Office, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        dead, alive = parcel("Slack", name="dead"), parcel("Slack", name="alive")
        office.secret("dead", f"http://127.0.0.1:9{PATH}", token=TOKEN)
        office.secret("alive", f"{receiver.url}{PATH}", token=TOKEN)
        office.hand_over(dead, alive)
        await office.told(alive, "Delivered")
        assert await office.told(dead, "Pending") == "cannot be reached (ClientConnectorError)"
        assert office.deliverer.oldest_seconds.keys() == {"dead"}
        told = "notification of data/prod-fanout (PartiallyFailed prod-fanout-202611230200) to sink alive: Delivered"
        assert told in caplog.text
        for secret in ("secret-path", "127.0.0.1", TOKEN):
            assert not [record for record in caplog.records if secret in record.getMessage()]

    async def test_a_sink_that_never_answers_takes_four_connections_and_harms_no_other(
        self, office: Office, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "ATTEMPT_SECONDS", 0.4)
        async with receiving() as slow:
            slow.gate.clear()
            office.secret("slow", slow.url)
            office.secret("quick", receiver.url)
            waiting = [parcel("Webhook", name="slow", identity=f"slow-{number}") for number in range(12)]
            quick = [parcel("Webhook", name="quick", identity=f"quick-{number}") for number in range(12)]
            began = asyncio.get_running_loop().time()
            office.hand_over(*waiting, *quick)
            for one in quick:
                await office.told(one, "Delivered")
            assert asyncio.get_running_loop().time() - began < 0.4, "the quick sink has not waited for the slow one"
            assert await office.told(waiting[0], "Pending") == "no answer within 0s"
            assert slow.most_at_once <= AT_ONCE
            slow.gate.set()
            for one in waiting:
                await office.told(one, "Delivered")

    async def test_it_is_given_up_after_a_day(self, office: Office) -> None:
        async with receiving(answers(500)) as receiver:
            one = parcel("Webhook", time=datetime.now(UTC) - timedelta(days=1))
            office.secret("webhook", receiver.url)
            office.hand_over(one)
            assert await office.told(one, "GivenUp") == "answered 500"

    async def test_what_nobody_asks_for_any_more_is_not_tried_again(self, office: Office) -> None:
        async with receiving(answers(500)) as receiver:
            one = parcel("Webhook")
            office.secret("webhook", receiver.url)
            office.hand_over(one)
            await office.told(one, "Pending")
            office.hand_over()
            count = len(receiver.arrived)
            await asyncio.sleep(0.3)
            assert len(receiver.arrived) <= count + 1
            assert office.deliverer.results(KEY) == {}

    async def test_an_outdated_view_sends_nothing_again(self, office: Office, receiver: Receiver) -> None:
        one = parcel("Webhook")
        await delivered(office, receiver, one)
        office.hand_over(one)
        await asyncio.sleep(0.05)
        assert len(receiver.arrived) == 1

    async def test_without_the_lease_nothing_is_sent(self, tmp_path: Path, receiver: Receiver) -> None:
        fence = Fence()
        office = Office(tmp_path, fence)
        one = parcel("Webhook")
        office.secret("webhook", receiver.url)
        office.hand_over(one)
        await asyncio.sleep(0.2)
        assert receiver.arrived == []
        fence.open_until(math.inf)
        await office.told(one, "Delivered")
        await office.sender.close()


async def test_the_operators_work_delivers_what_waits_and_records_it(office: Office, receiver: Receiver) -> None:
    """With the real deliverer in the real work; a second process, as after a kill, sends what was not recorded."""
    sinks = [{"name": "ops", "kind": "Webhook", "secretName": "ops"}]
    world = World(spec(schedule=None, notifications=[{"sink": "ops", "on": ["Started", "Failed"]}]), sinks)
    options = replace(world.options, sinks_folder=office.folder)
    world.cluster.put(RUN, manual_run("now"))
    receiver.gate.clear()
    office.secret("ops", receiver.url, signingKey=SIGNING)
    for is_killed in (True, False):
        controller = Controller(world.cluster, options, Metrics(), world.clock)
        await controller.resync()
        working = asyncio.create_task(controller.run())
        async with asyncio.timeout(10):
            while len(receiver.arrived) < (1 if is_killed else 2):  # noqa: ASYNC110 - on real connections
                await asyncio.sleep(0.01)
            if not is_killed:
                receiver.gate.set()
                while states(world) != ["Delivered"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert states(world) == (["Pending"] if is_killed else ["Delivered"])
        controller.queue.close()
        await working
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("delivery")]
    assert len({(one.id, one.body) for one in receiver.arrived}) == 1


def states(world: World) -> list[str]:
    outbox = world.status.get("notifications", {}).get("outbox", [])
    return [told["state"] for one in outbox for told in one["deliveries"]]


class TestSecrets:
    @pytest.mark.parametrize(
        ("keys", "told"),
        [
            ({"url": ""}, "its Secret does not exist or has no key url"),
            ({"url": "ftp://x"}, "key url of its Secret is no address that begins with https:// or http://"),
            ({"url": "http://["}, "key url of its Secret is no address that begins with https:// or http://"),
            (
                {"url": "http://127.0.0.1:9", "signingKey": "whsec_ä"},
                "key signingKey of its Secret is not whsec_ and base64",
            ),
            ({"url": "http://127.0.0.1:9", "ca_crt": "no PEM"}, "key ca.crt of its Secret is no certificate in PEM"),
            ({"url": "http://127.0.0.1:9", "token": "a\nHost: b"}, "key token of its Secret is not one word"),
        ],
    )
    async def test_what_is_wrong_with_a_secret_is_told(self, office: Office, keys: dict[str, str], told: str) -> None:
        one = parcel("Webhook")
        office.secret("webhook", **keys)
        office.hand_over(one)
        assert await office.told(one, "Pending") == told

    async def test_a_secret_that_appears_or_is_rotated_is_used(self, office: Office, receiver: Receiver) -> None:
        one = parcel("Webhook")
        office.hand_over(one)
        await office.told(one, "Pending")
        office.secret("webhook", receiver.url, signingKey=SIGNING)
        await office.told(one, "Delivered")
        Webhook(SIGNING).verify(receiver.arrived[0].body, receiver.arrived[0].headers)

    async def test_a_servers_certificate_must_be_of_the_authority(self, office: Office, tmp_path: Path) -> None:
        certificate = self_signed(tmp_path)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, tmp_path / "key.pem")
        async with receiving(tls=tls) as receiver:
            one = parcel("Webhook")
            office.secret("webhook", receiver.url)
            office.hand_over(one)
            assert await office.told(one, "Pending") == "cannot be reached (ClientConnectorCertificateError)"
            office.secret("webhook", receiver.url, ca_crt=certificate.read_text())
            await office.told(one, "Delivered")


def self_signed(folder: Path) -> Path:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/crt.pem"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "crt.pem"
