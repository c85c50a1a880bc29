"""The numbers and words that a manifest may hold: types with a range or a form. Pure; `codec` checks them."""

from typing import Annotated

from datareplication.jobs.model import contents
from datareplication.jobs.model.codec import Form, Length, Range

Count = Annotated[int, Range(0, 2**63 - 1)]
Oid = Annotated[int, Range(1, 2**32 - 1)]
Seconds = Annotated[float, Range(0, 1e9)]
State = Annotated[int, Range(-(2**63), 2**63 - 1)]
"""The state of a sequence."""

Version = Annotated[int, Range(1, 10**7)]
"""A major version, or server_version_num."""

Moment = Annotated[str, Form(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")]
Lsn = Annotated[str, Form(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}")]

LONGEST = 1000
"""Characters of a text that ends up in a message, a list or the provenance; PostgreSQL's names have 63 bytes."""

Text = Annotated[str, Length(LONGEST)]

Identity = Annotated[str, Length(20_000)]
"""The identity of a function has the types of up to 100 arguments, each with a schema and a name."""

FilePath = Annotated[str, Length(4096)]
"""Linux takes no longer path."""

Digests = Annotated[str, Form("(?:[0-9a-f]{16})*+")]
"""Digests of 8 bytes in hexadecimal digits, one behind the other."""

Path = Annotated[str, Form(f"{contents.PART_PATH}|{contents.ARCHIVE}|{contents.LARGE_OBJECTS}|{contents.LEAK_GATE}")]
Kind = Annotated[str, Form("Table|PartitionedTable|ExtensionTable")]
Compression = Annotated[str, Form("|".join(contents.SUFFIXES))]
Encoding = Annotated[str, Form("[A-Za-z0-9_]{1,63}")]
