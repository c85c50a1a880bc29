"""Answers of the API server become one line with the remedy and an exit code."""

import json

import pytest

from datareplication.cli.view import refusals
from datareplication.cli.view.refusals import Request
from datareplication.core.kinds import JOB, POD, REPLICATION, RUN


def body(message: str) -> bytes:
    return json.dumps({"kind": "Status", "message": message}).encode()


LIST, GET = Request("list", REPLICATION, "data"), Request("get", REPLICATION, "data", "x")


@pytest.mark.parametrize(
    ("status", "answer", "request_", "code", "words"),
    [
        (401, body("Unauthorized"), LIST, 77, "log in to the cluster again"),
        (
            403,
            body("datareplications.datareplication.dev is forbidden"),
            LIST,
            77,
            "you may not list datareplications.datareplication.dev in namespace data; ask for the role view there: kubectl create rolebinding NAME --clusterrole=view --user=YOU -n data",
        ),
        (403, b"", Request("create", RUN, "data"), 77, "--clusterrole=edit"),
        (403, b"", Request("list", JOB), 77, "you may not list jobs in all namespaces; ask for that right in the whole"),
        (403, b"", Request("get", POD, "data", "p", "log"), 77, "you may not get pods/log in namespace data"),
        (403, body('admission webhook "x" denied the request: no'), Request("create", RUN, "data"), 64, "denied the request: no"),
        (403, body("exceeded quota: runs"), Request("create", RUN, "data"), 64, "exceeded quota"),
        (404, b"404 page not found\n", LIST, 69, "install the operator (docs/installing.md)"),
        (404, body("not found"), GET, 64, "there is no DataReplication 'x' in namespace data"),
        (422, body("spec.targets: Invalid value"), Request("create", RUN, "data"), 64, "spec.targets: Invalid value"),
        (400, body("container is waiting to start"), Request("get", POD, "data", "p", "log"), 64, "waiting to start"),
        (500, b"<html>\x1b[31moops", LIST, 75, "\ufffd[31moops; try again"),
        (503, b"", LIST, 75, "503: without a message"),
    ],
)  # fmt: skip
def test_an_answer_is_explained(status: int, answer: bytes, request_: Request, code: int, words: str) -> None:
    error = refusals.refused(status, answer, request_)
    assert words in error.message
    assert error.exit_code == code
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("name", "there", "hint"),
    [
        ("prod-fanuot", ["prod-fanout", "other"], "did you mean prod-fanout?"),
        ("zzz", ["b", "a"], "there are: a, b"),
        ("zzz", [f"n{number:02}" for number in range(12)], "n09 and 2 more"),
        ("zzz", [], "there is no DataReplication at all"),
    ],
)
def test_near_names_are_named(name: str, there: list[str], hint: str) -> None:
    error = refusals.unknown("DataReplication", name, there, "in namespace data")
    assert error.message.startswith(f"there is no DataReplication {name!r} in namespace data; ")
    assert error.message.endswith(hint)
    assert error.exit_code == 64
