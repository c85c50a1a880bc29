"""Strategies of hypothesis for the text of values, one for each of PostgreSQL's scalar types. None is NULL."""

import json
from datetime import date, datetime, time, timedelta

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Texts = SearchStrategy[str]

AWKWARD = (
    "\\N",
    "\\.",
    "\n",
    "\r",
    "\r\n",
    "\t",
    " ",
    '"',
    '""',
    "'",
    ",",
    "\\",
    "NULL",
    "\ufeff",
    "e\u0301",
    "🚚",
    "\x01",
    "%s",
    "{}",
)
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


def _integers(bits: int, *, signed: bool = True) -> Texts:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([low, 0, high])).map(str)


def _joined(parts: Texts, template: str, separator: str = ",", low: int = 0, high: int = 5) -> Texts:
    return st.lists(parts, min_size=low, max_size=high).map(lambda found: template.format(separator.join(found)))


def _formatted(template: str, *parts: Texts) -> Texts:
    return st.tuples(*parts).map(lambda found: template.format(*found))


def _ranges(kind: Texts, order: SearchStrategy[tuple[str, str]]) -> Texts:
    bounded = st.tuples(st.sampled_from("[("), order, st.sampled_from("])")).map(
        lambda r: f'{r[0]}"{r[1][0]}","{r[1][1]}"{r[2]}'
    )
    open_ended = st.one_of(
        kind.map(lambda v: f'["{v}",)'), kind.map(lambda v: f'(,"{v}")'), st.sampled_from(["empty", "(,)"])
    )
    return st.one_of(bounded, open_ended)


def _pairs(
    kind: SearchStrategy[int] | SearchStrategy[date] | SearchStrategy[datetime],
) -> SearchStrategy[tuple[str, str]]:
    return st.tuples(kind, kind).map(lambda two: (str(min(two)), str(max(two))))  # type: ignore[type-var]


def _hex(digits: int) -> Texts:
    return st.integers(0, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


TEXT = st.one_of(
    st.text(CHARACTERS, max_size=30),
    st.lists(st.sampled_from(AWKWARD), max_size=6).map("".join),
    st.sampled_from(AWKWARD),
)
WORD = st.one_of(TEXT.filter(bool), st.text("ab'\\ ", min_size=1, max_size=4))
QUOTED = WORD.map(lambda word: "'" + word.replace("\\", "\\\\").replace("'", "''") + "'")
NAME = TEXT.map(lambda text: text.encode()[:63].decode(errors="ignore"))
"""At most 63 bytes: PostgreSQL cuts longer names."""

INT8 = _integers(64)
FLOAT8 = st.floats().map(repr)
FLOAT4 = st.floats(width=32).map(repr)
NUMERIC = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=None).map(lambda d: f"{d:f}"[:300]),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "0.000", "1e1000", "1e-1000", "-0.0"]),
)
DATES = st.dates()
TIMESTAMPS = st.datetimes()
DATE = st.one_of(
    DATES.map(str),
    st.dates(max_value=date(4712, 12, 31)).map(lambda d: f"{d} BC"),
    st.sampled_from(["infinity", "-infinity", "5874897-12-31"]),
).filter(lambda text: not text.endswith("02-29 BC"))
TIMESTAMP = st.one_of(
    TIMESTAMPS.map(str),
    st.sampled_from(["infinity", "-infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999"]),
)
ZONE = st.integers(-15 * 60, 15 * 60).map(lambda m: f"{'-' if m < 0 else '+'}{abs(m) // 60:02}:{abs(m) % 60:02}")
TIME = st.one_of(st.times().map(time.isoformat), st.just("24:00:00"))
INTERVAL = st.one_of(
    st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000)).map(
        lambda t: f"{t.days} days {t.seconds} seconds {t.microseconds} us"
    ),
    _formatted("{} months {} days {} us", _integers(31), _integers(31), _integers(60)),
)
JSON_VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
JSON = st.tuples(JSON_VALUE, st.sampled_from([None, 1]), st.booleans()).map(
    lambda j: json.dumps(j[0], indent=j[1], ensure_ascii=j[2])
)
XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"], include_characters="\n\t"), max_size=20
).map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;"))
POINT = _formatted("({},{})", FLOAT8, FLOAT8)
IPV4 = st.ip_addresses(v=4).map(str)
IPV6 = st.ip_addresses(v=6).map(str)
BITS = st.text("01", max_size=20)
SNAPSHOT = st.lists(st.integers(3, 1 << 31), min_size=2, max_size=6, unique=True).map(
    lambda n: f"{min(n)}:{max(n)}:{','.join(str(x) for x in sorted(n)[1:-1])}"
)

OF_TYPE: dict[str, Texts] = {
    "bool": st.sampled_from(["t", "f"]),
    "bytea": st.binary(max_size=40).map(lambda data: "\\x" + data.hex()),
    "char": st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=1),
    "name": NAME,
    "text": TEXT,
    "varchar": TEXT,
    "bpchar": TEXT,
    "refcursor": TEXT,
    "int2": _integers(16),
    "int4": _integers(32),
    "int8": INT8,
    "float4": FLOAT4,
    "float8": FLOAT8,
    "numeric": NUMERIC,
    "money": st.integers(-(1 << 53), 1 << 53).map(lambda cents: f"{cents // 100}.{cents % 100:02}"),
    "date": DATE,
    "time": TIME,
    "timetz": _formatted("{}{}", TIME, ZONE),
    "timestamp": TIMESTAMP,
    "timestamptz": TIMESTAMP.map(
        lambda text: text if "inf" in text else (text[:-3] + "+00 BC" if "BC" in text else text + "+00")
    ),
    "interval": INTERVAL,
    "uuid": st.uuids().map(str),
    "json": JSON.filter(lambda text: "\\u0000" not in text),
    "jsonb": JSON.filter(lambda text: "\\u0000" not in text),
    "jsonpath": st.one_of(
        st.sampled_from(["$", "strict $.a[*] ? (@ > 1.5)"]), TEXT.map(lambda text: f"$.{json.dumps(text)}")
    ),
    "xml": st.one_of(XML_TEXT, _formatted('<a b="{}">{}</a>', XML_TEXT, XML_TEXT)),
    "tsvector": _joined(
        _formatted("{}:{}{}", QUOTED, st.integers(1, 16383).map(str), st.sampled_from("ABCD")), "{}", " "
    ),
    "tsquery": st.recursive(
        st.tuples(QUOTED, st.sampled_from(["", ":*", ":AB"])).map("".join),
        lambda inner: _formatted("({} {} {})", inner, st.sampled_from(["&", "|", "<->", "<3>", "& !"]), inner),
        max_leaves=4,
    ),
    "point": POINT,
    "line": st.tuples(st.floats(0.5, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).map(
        lambda n: f"{{{n[0]!r},{n[1]!r},{n[2]!r}}}"
    ),
    "lseg": _formatted("[{},{}]", POINT, POINT),
    "box": _formatted("{},{}", POINT, POINT),
    "path": st.one_of(_joined(POINT, "[{}]", low=1), _joined(POINT, "({})", low=1)),
    "polygon": _joined(POINT, "({})", low=1),
    "circle": _formatted("<{},{}>", POINT, st.floats(min_value=0).map(repr)),
    "inet": st.one_of(
        _formatted("{}/{}", IPV4, st.integers(0, 32).map(str)), _formatted("{}/{}", IPV6, st.integers(0, 128).map(str))
    ),
    "cidr": st.one_of(IPV4, IPV6, st.sampled_from(["0.0.0.0/0", "::/0", "10.0.0.0/8"])),
    "macaddr": _hex(12),
    "macaddr8": _hex(16),
    "bit": st.text("01", min_size=1, max_size=1),
    "varbit": BITS,
    "int2vector": _joined(_integers(16), "{}", " "),
    "oidvector": _joined(_integers(32, signed=False), "{}", " "),
    "oid": _integers(32, signed=False),
    "tid": _formatted("({},{})", _integers(32, signed=False), _integers(16, signed=False)),
    "xid": _integers(32, signed=False),
    "xid8": _integers(64, signed=False),
    "cid": _integers(32, signed=False),
    "pg_lsn": _formatted("{}/{}", _hex(8), _hex(8)),
    "pg_snapshot": SNAPSHOT,
    "txid_snapshot": SNAPSHOT,
    "aclitem": _formatted("postgres={}/postgres", st.sampled_from(["", "r", "r*w", "arwdDxt", "C*c"])),
    "regclass": st.sampled_from(["pg_class", "information_schema.tables"]),
    "regcollation": st.sampled_from(["-", '"C"', '"POSIX"']),
    "regconfig": st.sampled_from(["-", "english", "simple"]),
    "regdictionary": st.sampled_from(["-", "simple", "english_stem"]),
    "regnamespace": st.sampled_from(["-", "pg_catalog", "public"]),
    "regoper": st.sampled_from(["0", "!!"]),
    "regoperator": st.sampled_from(["0", "+(integer,integer)", "-(NONE,numeric)"]),
    "regproc": st.sampled_from(["-", "now", "pg_table_size"]),
    "regprocedure": st.sampled_from(["-", "abs(numeric)", "now()"]),
    "regrole": st.sampled_from(["-", "postgres", "pg_read_all_data"]),
    "regtype": st.sampled_from(["-", "timestamptz", "integer[]", '"char"']),
    "int4range": _ranges(
        st.integers(-(1 << 31), (1 << 31) - 2).map(str), _pairs(st.integers(-(1 << 31), (1 << 31) - 2))
    ),
    "int8range": _ranges(
        st.integers(-(1 << 63), (1 << 63) - 2).map(str), _pairs(st.integers(-(1 << 63), (1 << 63) - 2))
    ),
    "numrange": _ranges(NUMERIC, _pairs(st.integers())),
    "daterange": _ranges(DATES.map(str), _pairs(DATES)),
    "tsrange": _ranges(TIMESTAMP, _pairs(TIMESTAMPS)),
    "tstzrange": _ranges(TIMESTAMPS.map(lambda t: f"{t}+00"), _pairs(TIMESTAMPS)),
}
OF_TYPE |= {
    f"{name.removesuffix('range')}multirange": _joined(OF_TYPE[name], "{{{}}}", high=3)
    for name in list(OF_TYPE)
    if name.endswith("range")
}

WITHOUT_TEXT = {
    "gtsvector", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary", "pg_dependencies", "pg_mcv_list", "pg_ndistinct", "pg_node_tree",
}  # fmt: skip
"""Types of which no value can be written as text."""
