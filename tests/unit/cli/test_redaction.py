"""No credential leaves with a report, in whatever form it stands there; names that a reader needs stay."""

import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datareplication.cli.view import bundle, redaction
from datareplication.cli.view.redaction import MASK

PASSWORD = "c0rrect-h0rse"

TEXTS = [
    "postgresql://reader:{}@db:5432/app",
    "postgresql://reader:{}@db/app?sslmode=require and more",
    "https://:{}@registry.example/v2",
    "host=db password={} user=x",
    "PGPASSWORD='{}' psql",
    'DEV_DB_PASSWORD="{}"',
    '{{"password": "{}", "user": "x"}}',
    '{{"message": "{{\\"password\\": \\"{}\\"}}"}}',
    "CREATE ROLE x LOGIN PASSWORD '{}'",
    'ALTER ROLE x WITH ENCRYPTED PASSWORD "{}"',
    "Authorization: Bearer {}",
    "authorization=Basic {}",
    "curl -H 'Authorization: {}'",
    "token: {}",
    "client_secret={}&grant_type=x",
    "apiKey: {}",
    "AWS_SECRET_ACCESS_KEY={}",
    "passwd = {}",
    'password="{}',
    "curl --token {} x",
    "--db-password={}",
    "DB_PASS={} DB_PW=x",
    "AccountName=x;AccountKey={};x",
    "IDENTIFIED BY {}",
    "Cookie: session={}",
    "https://x.example/?sig={}&x=1",
    "https://hooks.slack.com/services/{}",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_password_is_taken_out_of_a_text(text: str) -> None:
    found = redaction.text(text.format(PASSWORD))
    assert PASSWORD not in found
    assert MASK in found


@given(
    st.sampled_from(TEXTS),
    st.text("abcXYZ019!#%^*+=~?./:@|$<>-_", min_size=8, max_size=40).filter(lambda word: word[0].isalnum()),
)
def test_whatever_the_password_is(text: str, password: str) -> None:
    written = quote(password, safe="@:") if "://" in text else password
    if "asic" not in text and "earer" not in text:
        assert written not in redaction.text(text.format(written))


@pytest.mark.parametrize(
    "secret",
    [
        "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy",
        "md5" + "0123456789abcdef" * 2,
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "AKIAIOSFODNN7EXAMPLE",
        "whsec_" + "a1" * 12,
        "hvs." + "a1" * 12,
        "github_pat_" + "a1" * 12,
        "ghp_" + "a1" * 18,
        "glpat-" + "a1" * 10,
        "xoxb-1234567890-abc",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\nMIIE",
    ],
)
def test_a_credential_without_a_name_is_known_by_its_form(secret: str) -> None:
    assert redaction.text(f"got {secret}") == f"got {MASK}"


@pytest.mark.parametrize(
    "text",
    [
        "Secret dev-db is not there; create the Secret in the resource's own namespace or correct credentialsSecretRef",
        "role datareplication_reader may not read; GRANT pg_read_all_data TO datareplication_reader",
        "postgresql://reader@db:5432/app",
        "password authentication failed for user x",
        '{"secretKeyRef": {"name": "dev-db", "key": "password"}}',
    ],
)
def test_what_a_reader_needs_stays(text: str) -> None:
    assert redaction.text(text) == text


def test_a_password_of_a_url_may_be_long() -> None:
    """Clouds give tokens of a thousand signs as passwords."""
    found = redaction.text(f"https://a.example/x,postgresql://reader:{'aB/?' * 400}{PASSWORD}@db:5432/app")
    assert found == f"https://a.example/x,postgresql://reader:{MASK}@db:5432/app"


def test_a_password_within_a_quoted_text_may_have_blanks() -> None:
    assert redaction.text(r'{"m": "{\"password\": \"a b, c0rrect\", \"x\": 1}"}') == (
        r'{"m": "{\"password\": ' + MASK + r', \"x\": 1}"}'
    )


def test_a_private_key_in_a_log_is_taken_out_to_its_end() -> None:
    key = ["-----BEGIN PRIVATE KEY-----", PASSWORD, PASSWORD, "-----END PRIVATE KEY-----"]
    assert bundle.log("logs", "pod", ["before", *key, "after"]).text.split() == ["before", *[MASK] * 4, "after"]


def test_an_argument_a_header_and_a_number_that_sound_like_a_credential_are_taken_out() -> None:
    pod = {
        "command": ["serve", "--db-password", PASSWORD, "--verbose", "1"],
        "httpHeaders": [{"name": "X-Api-Key", "value": PASSWORD}, {"name": "Accept", "value": "*"}],
        "volumeAttributes": {"storageAccountKey": PASSWORD, "pin_password": 123456},
        "annotations": {"x.kubernetes.io/token": PASSWORD},
        "tokens": [PASSWORD],
        "imagePullSecrets": [{"name": "registry"}],
        "volumes": [{"name": "tls", "secret": {"secretName": "dev-db"}}],
    }
    assert redaction.redacted(pod) == {
        "command": ["serve", "--db-password", MASK, "--verbose", "1"],
        "httpHeaders": [{"name": "X-Api-Key", "value": MASK}, {"name": "Accept", "value": "*"}],
        "volumeAttributes": {"storageAccountKey": MASK, "pin_password": MASK},
        "annotations": {"x.kubernetes.io/token": MASK},
        "tokens": [MASK],
        "imagePullSecrets": [{"name": "registry"}],
        "volumes": [{"name": "tls", "secret": {"secretName": "dev-db"}}],
    }


@pytest.mark.parametrize("name", ["../../home/me/.profile", "a/b", "..", "x\n"])
def test_a_pods_name_chooses_no_other_place_for_its_log(name: str) -> None:
    folder, _, file = bundle.log("logs", name, []).path.partition("/")
    assert folder == "logs"
    assert set(file) <= set("abcdefghijklmnopqrstuvwxyz._")
    assert not file.startswith(".")


POD: dict[str, Any] = {
    "metadata": {
        "name": "load",
        "managedFields": [{"manager": PASSWORD}],
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": PASSWORD,
            "vault.hashicorp.com/agent-inject": PASSWORD,
            "datareplication.dev/begun-at": "2026-11-22T00:00:00Z",
            "batch.kubernetes.io/job-tracking": "",
        },
    },
    "spec": {
        "jobs": {"podAnnotations": {"example.com/x": PASSWORD}},
        "containers": [
            {
                "name": "load",
                "args": ["--url", f"https://u:{PASSWORD}@x"],
                "env": [
                    {"name": "PLAIN", "value": PASSWORD},
                    {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "dev-db", "key": "password"}}},
                    PASSWORD,
                ],
            }
        ],
        "source": {"credentialsSecretRef": {"name": "prod-db", "passwordKey": "password"}, "password": PASSWORD},
        "token": PASSWORD,
        "automountServiceAccountToken": False,
    },
}


def test_an_object_keeps_what_says_how_it_works() -> None:
    assert redaction.redacted(POD) == {
        "metadata": {
            "name": "load",
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": MASK,
                "vault.hashicorp.com/agent-inject": MASK,
                "datareplication.dev/begun-at": "2026-11-22T00:00:00Z",
                "batch.kubernetes.io/job-tracking": "",
            },
        },
        "spec": {
            "jobs": {"podAnnotations": {"example.com/x": MASK}},
            "containers": [
                {
                    "name": "load",
                    "args": ["--url", f"https://u:{MASK}@x"],
                    "env": [
                        {"name": "PLAIN", "value": MASK},
                        {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "dev-db", "key": "password"}}},
                        MASK,
                    ],
                }
            ],
            "source": {"credentialsSecretRef": {"name": "prod-db", "passwordKey": "password"}, "password": MASK},
            "token": MASK,
            "automountServiceAccountToken": False,
        },
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("env"), inner, max_size=3),
)


@given(JSON)
def test_any_object_can_be_redacted(value: Any) -> None:
    assert json.dumps(redaction.redacted(value))


@given(st.lists(st.sampled_from(["password=", '"', "'", "\\", "x://y:", "@", "eyJ", ".", "-", "a", " ", "bearer "])))
@example(["password="] * 9)
def test_any_text_can_be_redacted(parts: list[str]) -> None:
    assert isinstance(redaction.text("".join(parts)), str)


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "a.",
        "xoxb-",
        "token\\\\",
        "SCRAM-SHA-1$",
        "cookie:",
        "--a",
        "a://b:c@",
        "-----BEGIN PRIVATE KEY-----",
        "x://y:",
        "eyJ-",
        'password="',
        "password='\\",
        "authorization",
        "-----BEGIN ",
        "bearer ",
        "\\",
    ],
)
def test_a_long_line_takes_no_longer_than_it_is_long(part: str) -> None:
    begun = time.process_time()
    redaction.text(part * (bundle.LINE_LIMIT // len(part)))
    assert time.process_time() - begun < 10


def test_a_log_holds_no_control_characters() -> None:
    entry = bundle.log("logs", "pod", ["\x1b[2Jgone", f"password={PASSWORD}", "x" * 100_000])
    assert entry.text.splitlines()[:2] == ["\ufffd[2Jgone", f"password={MASK}"]
    assert len(entry.text) < 70_000


def test_the_bundle_says_what_it_holds_and_what_not() -> None:
    entry = bundle.readme([bundle.objects("pods", [POD])], [f"log of x: token={PASSWORD}"], "2026-11-22T08:14:00Z")
    assert "  pods.json\n" in entry.text
    assert f"  log of x: token={MASK}\n" in entry.text
    assert "nothing: all of it was read" in bundle.readme([], [], "").text


def test_events_of_others_are_left_out() -> None:
    events = [{"involvedObject": {"name": "mine"}}, {"involvedObject": {"name": "other"}}, {}]
    assert bundle.are_ours(events, ["mine"]) == [events[0]]
