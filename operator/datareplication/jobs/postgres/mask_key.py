"""The key of the masking rules in a session of the source, so that no statement, log, plan or error contains it.

The key comes with the startup packet (`options`), which no view and no log of the server shows. Each domain's subkey is
derived from it in the session by a statement that names settings only. HMAC-SHA256 (RFC 2104) is written in SQL: every
server has sha256() since PostgreSQL 11.
"""

import hashlib
from collections.abc import Mapping, Sequence

from psycopg2 import sql

from datareplication.errors import ReplicationError
from datareplication.jobs.postgres.connection import Session, row

KEY = "datareplication.masking_key"
PAD = "datareplication.mask_"

_DERIVE = """
    WITH pad(side, byte) AS (VALUES ('i', 54), ('o', 92)),
    master AS MATERIALIZED (
        SELECT side, string_agg(set_byte('\\x00'::bytea, 0, byte # CASE WHEN i < 32 THEN get_byte(k, i) ELSE 0 END),
                                ''::bytea ORDER BY i) AS padded
        FROM decode(current_setting(%(key)s), 'hex') k, pad, generate_series(0, 63) i GROUP BY side
    ), subkey AS MATERIALIZED (
        SELECT position, sha256((SELECT padded FROM master WHERE side = 'o') || sha256(
                   (SELECT padded FROM master WHERE side = 'i') || convert_to(domain, 'UTF8'))) AS k
        FROM unnest(%(domains)s::text[]) WITH ORDINALITY AS wanted(domain, position)
    ), padded AS (
        SELECT position, side,
               string_agg(set_byte('\\x00'::bytea, 0, byte # CASE WHEN i < 32 THEN get_byte(k, i) ELSE 0 END),
                          ''::bytea ORDER BY i) AS text
        FROM subkey, pad, generate_series(0, 63) i GROUP BY position, side
    )
    SELECT count(set_config(%(pad)s || side || position, encode(text, 'hex'), false)) FROM padded
"""


def settings(key: bytes) -> Mapping[str, str]:
    """Return the settings that a masking session must start with: the SHA-256 of the key."""
    return {KEY: hashlib.sha256(key).hexdigest()}


def derive(session: Session, domains: Sequence[str]) -> None:
    """Give the session a subkey for each domain, in this order. The session must have started with settings()."""
    values = {"key": KEY, "pad": PAD, "domains": list(domains)}
    if row(session, _DERIVE, values, doing="deriving the masking keys") != (2 * len(domains),):
        raise ReplicationError("not every masking key could be derived; this is a defect of datareplication")


def hmac(position: int, message: sql.Composable) -> sql.Composable:
    """Return the SQL of HMAC-SHA256 over a text, with the subkey of the domain at that position (from 1).

    A query reads each setting once, and the planner does not know its value.
    """
    inner, outer = (
        sql.SQL("(SELECT decode(current_setting({}), 'hex'))").format(sql.Literal(f"{PAD}{side}{position}"))
        for side in "io"
    )
    return sql.SQL("sha256({} || sha256({} || convert_to({}, 'UTF8')))").format(outer, inner, message)
