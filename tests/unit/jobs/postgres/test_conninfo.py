"""What is added to a connection string, and that its own parameters are kept."""

from pathlib import Path

import pytest

from datareplication.jobs.model.connections import Connection
from datareplication.jobs.postgres import conninfo

AUTHORITIES = "/authorities.crt"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(conninfo, "_authorities", lambda: AUTHORITIES)
    return tmp_path


def parameters(text: str) -> dict[str, str]:
    return conninfo.parameters(Connection("PROD", text, "app", "canary"))


@pytest.mark.parametrize(
    ("case", "text", "sslmode", "sslrootcert", "require_auth"),
    [
        ("nothing said", "", "verify-full", AUTHORITIES, None),
        ("an authority", "sslrootcert=/ca.crt", "verify-full", "/ca.crt", None),
        ("the public authorities", "sslrootcert=system", "verify-full", AUTHORITIES, None),
        ("no TLS", "sslmode=disable", "disable", None, "!password"),
        ("libpq's own default", "sslmode=prefer", "prefer", None, "!password"),
        ("an authority in any case makes require verify", "sslmode=require", "require", None, "!password"),
        ("no public authority vouches without a name", "sslmode=verify-ca", "verify-ca", None, "!password"),
        ("ldap", "require_auth=password", "verify-full", AUTHORITIES, "password"),
    ],
)
def test_what_is_not_said_is_safe(
    case: str, text: str, sslmode: str, sslrootcert: str | None, require_auth: str | None
) -> None:
    found = parameters(f"host=db dbname=app {text}")
    assert (found["sslmode"], found.get("sslrootcert"), found.get("require_auth")) == (
        sslmode,
        sslrootcert,
        require_auth,
    ), case


def test_a_uri_is_the_same() -> None:
    assert parameters("postgresql://db/app")["sslmode"] == "verify-full"
    assert parameters("postgresql://db/app?sslmode=disable")["sslmode"] == "disable"


def test_the_users_own_authorities_are_left_to_libpq(home: Path) -> None:
    (home / ".postgresql").mkdir()
    (home / ".postgresql" / "root.crt").write_text("")
    assert "sslrootcert" not in parameters("host=db dbname=app")


def test_a_user_without_a_home_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", classmethod(homeless))
    assert parameters("host=db dbname=app")["sslrootcert"] == AUTHORITIES


def test_a_libpq_that_knows_no_require_auth_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psycopg2.extensions.libpq_version", lambda: 150018)
    assert "require_auth" not in parameters("host=db dbname=app")
