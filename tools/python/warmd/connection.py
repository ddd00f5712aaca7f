"""A blocking connection that several threads may share, without a thread of its own."""

from __future__ import annotations

import select
import socket
import threading
from typing import Callable, Iterable, Optional

from .errors import Disconnected, Error, PermissionDenied, Timeout
from .protocol import Core, Exchange

RECEIVED_AT_ONCE = 1 << 18
SENT_AT_ONCE = 1 << 14


def no_daemon(path: str, why: OSError) -> Error:
    """Why there is no connection to the socket at `path`."""
    told = f"connecting to {path}: {why.strerror or why}"
    if isinstance(why, PermissionError):
        return PermissionDenied(told)
    if isinstance(why, (TimeoutError, BlockingIOError, socket.timeout)):
        return Timeout(told)
    return Disconnected(f"{told}; to start a daemon: warmd --socket {path} &")


class Connection:
    """A socket, and who reads from it: of the threads that wait, one does for all of them."""

    def __init__(self, path: str, patience: Optional[float]) -> None:
        self.path = path
        self._patience = patience
        self._core = Core()
        self._changed = threading.Condition(threading.Lock())
        self._led = False
        self._closed = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(patience)
            self._socket.connect(path)
        except OSError as why:
            self._socket.close()
            raise no_daemon(path, why) from None
        self._socket.setblocking(False)
        self._awakened, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._awakened, select.POLLIN)
        self._space = bytearray(RECEIVED_AT_ONCE)

    def submit(self, exchanges: Iterable[Exchange]) -> None:
        """Sends requests, as far as the daemon takes them at once; the rest as answers come."""
        with self._changed:
            for each in exchanges:
                self._core.send(each)
                if len(self._core.outgoing) > SENT_AT_ONCE:  # the daemon may begin
                    self._send()
            self._send()
            if self._core.outgoing and self._led:
                self._wake()

    def cancel(self, exchanges: Iterable[Exchange]) -> None:
        """Takes back what is unanswered."""
        with self._changed:
            for each in exchanges:
                self._core.cancel(each)
            self._send()

    def until(self, ready: Callable[[], object]) -> None:
        """Returns once `ready` says so, which it is asked whenever something has come."""
        if ready():
            return
        with self._changed:
            while not ready():
                if self._led:
                    self._changed.wait()
                else:
                    self._lead()

    def next_event(self) -> dict:  # type: ignore[type-arg]
        """The next `event` notification. Raises what ended the connection."""
        events = self._core.events
        self.until(lambda: events or self._core.fault)
        if events:
            return events.popleft()
        assert self._core.fault
        raise self._core.fault

    def close(self) -> None:
        """Hangs up: the daemon takes back what is unanswered."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._core.end(Disconnected("the connection was closed"))
            if self._led:
                self._wake()
            else:
                self._release()
            self._changed.notify_all()

    def _lead(self) -> None:
        """Waits for the socket, without the lock, and takes what it has."""
        self._led = True
        wanted = select.POLLIN | (select.POLLOUT if self._core.outgoing else 0)
        try:
            self._poll.register(self._socket, wanted)
            self._changed.release()
            try:
                said = self._poll.poll(None if self._patience is None else self._patience * 1000)
            finally:
                self._changed.acquire()
            if self._closed:
                return
            if not said:
                self._core.end(Timeout(f"no answer from the daemon in {self._patience} s"))
            self._receive()
            self._send()
        finally:
            self._led = False
            self._changed.notify_all()
            if self._closed:
                self._release()

    def _receive(self) -> None:
        try:
            self._awakened.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        try:
            count = self._socket.recv_into(self._space)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as why:
            self._core.end(Disconnected(f"waiting for the answer: {why.strerror}"))
            return
        if count:
            self._core.receive(bytes(memoryview(self._space)[:count]))
        else:
            self._core.end()

    def _send(self) -> None:
        waiting = self._core.outgoing
        try:
            while waiting:
                with memoryview(waiting) as every:
                    sent = self._socket.send(every)
                del waiting[:sent]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # it hung up, and may have said why: that is still to be read
            waiting.clear()

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            pass

    def _release(self) -> None:
        for each in (self._socket, self._awakened, self._waker):
            each.close()
