"""A proxy on loopback between the programs and a server: a test can cut its connections all at once, or hear them."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with a time of 0: close() sends RST, as a router does that has lost its table."""


class Proxy:
    """Forwards every connection to a port of loopback. port: its own port.

    answers: for each connection, all that the server has sent; empty unless the proxy is told to listen.
    """

    def __init__(self, to_port: int, *, listens: bool = False) -> None:
        self._to_port = to_port
        self._listens = listens
        self.answers: list[bytearray] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.port: int = self._listener.getsockname()[1]

    def cut(self) -> int:
        """Reset all connections; new ones are accepted. Return how many ends were cut."""
        with self._lock:
            ends, self._open = self._open, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RD)  # wakes the thread that reads it
            end.close()
        return len(ends)

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._take(client)

    def close(self) -> None:
        """End everything."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _take(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._to_port))
        except OSError:
            client.close()
            return
        with self._lock:
            self._open += [client, server]
            answers = bytearray() if self._listens else None
            self.answers += [] if answers is None else [answers]
        for ends in ((client, server, None), (server, client, answers)):
            threading.Thread(target=_forward, args=ends, daemon=True).start()


@contextlib.contextmanager
def proxy_of(port: int, *, listens: bool = False) -> Iterator[Proxy]:
    """Yield a proxy of a port of loopback."""
    proxy = Proxy(port, listens=listens)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()


def _forward(source: socket.socket, sink: socket.socket, heard: bytearray | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            if heard is not None:
                heard += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
