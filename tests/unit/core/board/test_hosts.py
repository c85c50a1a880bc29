"""By which names the board may be asked for. A name that a stranger can register is none of them."""

import pytest

from datareplication.core.board import hosts


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8081",
        "LOCALHOST",
        "board.localhost",
        "127.0.0.1:8081",
        "10.1.2.3",
        "[::1]:8081",
        "[fe80::1]",
        "datareplication-operator-board",
        "datareplication-operator-board.ops.svc:8081",
        "datareplication-operator-board.ops.svc.cluster.local.",
        "board.example.com",
        "Board.Example.com.:443",
        "",
    ],
)
def test_a_name_of_ours(host: str) -> None:
    assert hosts.is_known(host, {"board.example.com"})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8081",
        "board.example.com.evil.example",
        "x.board.example.com",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.svc.example",
        "[evil.example]",
        "board.example.com@evil.example",
        "board.example.com,evil.example",
    ],
)
def test_a_name_of_a_strangers(host: str) -> None:
    assert not hosts.is_known(host, {"board.example.com"})
