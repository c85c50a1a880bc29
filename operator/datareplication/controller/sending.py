"""Sends one notification to a sink: its Secret's files, the signature, one HTTP request with a deadline.

The files are read for each attempt, so that a rotated Secret is used. An address may hold a secret (Slack's does), and
so may an exception's text: neither leaves this module.
"""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from yarl import URL

from datareplication.controller import lineage
from datareplication.controller.queue import utc_now
from datareplication.core import delivery, letters, words
from datareplication.core.delivery import Answer
from datareplication.core.letters import Letter
from datareplication.core.notifying import Parcel

ATTEMPT_SECONDS = 10.0

LINEAGE_PATH = "api/v1/lineage"


@dataclass(frozen=True)
class Address:
    """What a sink's Secret says. It has no useful repr: all of it is secret."""

    url: URL
    token: str
    signing_keys: tuple[bytes, ...]
    tls: ssl.SSLContext | None

    def __repr__(self) -> str:
        """Return nothing that is secret."""
        return "Address()"


class BadSecretError(Exception):
    """A sink's Secret lacks a key, or has one that cannot be used; the message has no value of it."""


class Sender:
    """Sends notifications. folder: has a folder for each sink, with its Secret's keys as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._session: aiohttp.ClientSession | None = None

    async def send(self, parcel: Parcel) -> Answer:
        """Make one attempt and return how the sink answered; what the sink writes is not read."""
        try:
            address = read_address(self._folder / parcel.sink.name)
        except BadSecretError as error:
            return Answer(problem=str(error))
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return await self._post(parcel, address)
        except TimeoutError:
            return Answer(problem=f"no answer within {words.duration(ATTEMPT_SECONDS)}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(problem=f"cannot be reached ({type(error).__name__})")

    async def _post(self, parcel: Parcel, address: Address) -> Answer:
        written, url = await _written(parcel), address.url
        if parcel.sink.kind == "OpenLineage":
            url = url / LINEAGE_PATH
        headers = {**written.headers, **_signed(parcel, written, address), "User-Agent": "datareplication-operator"}
        if address.token:
            headers["Authorization"] = f"Bearer {address.token}"
        tls = address.tls or True
        # A redirect would lead where nobody has said that messages may go.
        async with self._opened().post(url, data=written.body, headers=headers, ssl=tls, allow_redirects=False) as got:
            wish = delivery.wish_seconds(got.headers.get("Retry-After", ""), utc_now())
            return Answer(got.status, retry_after_seconds=wish)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A connection for each message: one that was kept may have been closed by the other side meanwhile.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=ATTEMPT_SECONDS),
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def read_address(folder: Path) -> Address:
    """Return what the files of a sink's Secret say; BadSecretError says which key is missing or wrong."""
    url = _url(_text(folder, "url"))
    keys = tuple(_signing_key(word) for word in _text(folder, "signingKey").split())
    token = _text(folder, "token")
    if not token.isascii() or len(token.split()) > 1:
        raise BadSecretError("key token of its Secret is not one word")
    return Address(url, token, keys, _tls(_text(folder, "ca.crt")))


def _text(folder: Path, key: str) -> str:
    """Return the value of a key; empty without one."""
    try:
        return (folder / key).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise BadSecretError(f"key {key} of its Secret cannot be read ({type(error).__name__})") from None


def _url(text: str) -> URL:
    if not text:
        raise BadSecretError("its Secret does not exist or has no key url")
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise BadSecretError("key url of its Secret is no address that begins with https:// or http://")
    return url


def _signing_key(word: str) -> bytes:
    try:
        return base64.b64decode(word.removeprefix("whsec_") + "==")
    except ValueError:
        raise BadSecretError("key signingKey of its Secret is not whsec_ and base64") from None


def _tls(certificates: str) -> ssl.SSLContext | None:
    try:
        return ssl.create_default_context(cadata=certificates) if certificates else None
    except (ssl.SSLError, ValueError):
        raise BadSecretError("key ca.crt of its Secret is no certificate in PEM") from None


async def _written(parcel: Parcel) -> Letter:
    if parcel.sink.kind == "OpenLineage":
        return await asyncio.to_thread(lineage.letter, parcel)
    return letters.letter(parcel)


def _signed(parcel: Parcel, letter: Letter, address: Address) -> Mapping[str, str]:
    """Return the headers of Standard Webhooks: one signature for each key, so that keys can be rotated."""
    if parcel.sink.kind != "Webhook":
        return {}
    identity, moment = parcel.notice.id, str(int(utc_now().timestamp()))
    signed = f"{identity}.{moment}.".encode() + letter.body
    signatures = [hmac.digest(key, signed, hashlib.sha256) for key in address.signing_keys]
    told = " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures)
    return {"webhook-id": identity, "webhook-timestamp": moment} | ({"webhook-signature": told} if told else {})
