"""A connection in the hands of asyncio."""

from __future__ import annotations

import asyncio
from typing import Any, Iterable, Optional

from .connection import no_daemon
from .errors import Disconnected
from .protocol import Core, Exchange


class Waiting(Exchange):
    """A request that somebody awaits: `future` is done once there is something to look at."""

    __slots__ = ("future",)

    def __init__(self, method: str, params: Any) -> None:
        super().__init__(method, params)
        self.future: Optional[asyncio.Future[None]] = None

    def changed(self) -> None:
        if self.future and not self.future.done():
            self.future.set_result(None)

    async def more(self) -> None:
        """Returns once there is a note or the answer."""
        if not self.notes and not self.done:
            self.future = asyncio.get_running_loop().create_future()
            await self.future


class Connection(asyncio.Protocol):
    """A socket, and the requests that are under way on it."""

    def __init__(self) -> None:
        self.path = ""
        self.core = Core()
        self.told = asyncio.Event()  # of events, or of the end
        self.ended = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: Optional[asyncio.Transport] = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.core.receive(data)
        if self.core.fault:
            self.close()
        if self.core.events:
            self.told.set()

    def connection_lost(self, why: Optional[Exception]) -> None:
        self.core.end(Disconnected(f"waiting for the answer: {why}") if why else None)
        self._writable.set()
        self.told.set()
        self.ended.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def submit(self, exchanges: Iterable[Waiting]) -> None:
        """Sends requests, once the daemon takes more."""
        await self._writable.wait()
        self.send(exchanges)

    def send(self, exchanges: Iterable[Waiting]) -> None:
        """The same at once, whatever waits to be sent already."""
        for each in exchanges:
            self.core.send(each)
        self._flush()

    def cancel(self, exchanges: Iterable[Waiting]) -> None:
        """Takes back what is unanswered."""
        for each in exchanges:
            if each.id:
                self.core.cancel(each)
        self._flush()

    def close(self) -> None:
        """Hangs up."""
        self.core.end(Disconnected("the connection was closed"))
        if self._transport:
            self._transport.abort()

    def _flush(self) -> None:
        if self._transport and self.core.outgoing and not self._transport.is_closing():
            self._transport.write(bytes(self.core.outgoing))
        self.core.outgoing.clear()


async def connected(path: str) -> Connection:
    """A connection to the socket at `path`; Disconnected or PermissionDenied if there is none."""
    made = Connection()
    made.path = path
    try:
        await asyncio.get_running_loop().create_unix_connection(lambda: made, path)
    except OSError as why:
        raise no_daemon(path, why) from None
    return made
