"""The client's side of a connection, without the connection: what to send, and what came back.

JSON-RPC 2.0, one text per line, as warmd-protocol(7) has it. Nothing here waits, reads or writes:
a connection hands on the bytes that arrive and sends the bytes that it is given.
"""

from __future__ import annotations

import json
from collections import deque
from copy import copy
from typing import Any, Deque, Dict, List, NoReturn, Optional, Tuple

from .errors import Disconnected, Error, FrameTooLarge, InvalidParams, ParseError, read_error

MAX_LINE_BYTES = 256 << 20
"""A longer line from the daemon ends the connection with FrameTooLarge."""


class Exchange:
    """One request, and what has come back for it.

    `notes` has the notifications that came before the answer, oldest first, as (method, params);
    once `done`, there is either `error` or `result`.
    """

    __slots__ = ("id", "method", "params", "notes", "done", "result", "error")

    def __init__(self, method: str, params: Any) -> None:
        self.id = 0
        self.method = method
        self.params = params
        self.notes: Deque[Tuple[str, Dict[str, Any]]] = deque()
        self.done = False
        self.result: Any = None
        self.error: Optional[Error] = None

    def changed(self) -> None:
        """Called after a notification or the answer was added."""


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _as_json(value: Any) -> Any:
    """Arrays of NumPy, and whatever else can tell what it holds."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__iter__"):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"),
                           default=_as_json).encode
_decode = json.JSONDecoder(parse_constant=_no_number).raw_decode


class Core:
    """The state of one connection."""

    def __init__(self) -> None:
        self.outgoing = bytearray()
        """To be sent; whoever sends takes it from the front."""
        self.events: Deque[Dict[str, Any]] = deque()
        """Params of `event` notifications, oldest first."""
        self.fault: Optional[Error] = None
        """Why the connection is over, once it is."""
        self._last_id = 0
        self._open: Dict[int, Exchange] = {}
        self._parts: List[bytes] = []  # of a line that has not come whole
        self._held = 0

    def send(self, exchange: Exchange) -> None:
        """Puts a request into `outgoing`. Raises what ended the connection, or InvalidParams."""
        if self.fault:
            raise Disconnected(f"the connection is over: {self.fault}")
        number = self._last_id + 1
        try:
            line = (f'{{"jsonrpc":"2.0","id":{number},"method":{_encode(exchange.method)},'
                    f'"params":{_encode(exchange.params)}}}\n').encode()
        except (TypeError, ValueError, RecursionError) as why:  # NaN, a lone surrogate
            raise InvalidParams(f"the parameters of {exchange.method} are no JSON: {why}") from why
        self.outgoing += line
        self._last_id = exchange.id = number
        self._open[number] = exchange

    def cancel(self, exchange: Exchange) -> None:
        """Takes a request back, if it is unanswered. Its answer will still come."""
        if not exchange.done and not self.fault:
            self.outgoing += (b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}\n'
                              % exchange.id)

    def receive(self, data: bytes) -> None:
        """Takes what has arrived: all of it, or any part. What is no answer ends the connection."""
        end = data.rfind(b"\n") + 1
        self._parts.append(data[:end] if end else data)
        self._held += len(data)
        try:
            if end:
                lines = b"".join(self._parts).decode().split("\n")
                self._parts = [data[end:]]
                self._held = len(data) - end
                for line in lines:
                    if line and not line.isspace():
                        self._message(line)
            if self._held > MAX_LINE_BYTES:
                raise FrameTooLarge(f"the daemon's line has more than {MAX_LINE_BYTES} bytes")
        except Error as why:
            self.end(why)
        except (ValueError, RecursionError) as why:
            self.end(ParseError(f"the daemon's line is no JSON: {why}"))

    def end(self, why: Optional[Error] = None) -> None:
        """The connection is over; every request that is unanswered fails with `why`."""
        if self.fault:
            return
        self.fault = why or Disconnected("the daemon hung up before it answered")
        unanswered, self._open = self._open, {}
        self.outgoing.clear()
        for each in unanswered.values():
            each.error = copy(self.fault)  # each is raised by itself
            each.done = True
            each.changed()

    def _message(self, line: str) -> None:
        message, end = _decode(line)
        if end != len(line) and not line[end:].isspace():
            raise ParseError("the daemon's line has something behind its JSON")
        if not isinstance(message, dict):
            raise ParseError("the daemon's line is no object")
        if "method" in message:
            self._notification(message["method"], message.get("params"))
            return
        failed = "error" in message
        if failed == ("result" in message) or "id" not in message:
            raise ParseError("the daemon's line has neither one result nor one error, or no id")
        number = message["id"]
        if number is None and failed:  # it could not read what was sent: frame_too_large for one
            raise read_error(message["error"])
        exchange = self._open.pop(number, None) if type(number) is int else None
        if exchange is None:
            raise ParseError("the daemon's line answers a request never sent")
        if failed:
            exchange.error = read_error(message["error"])
        else:
            exchange.result = message["result"]
        exchange.done = True
        exchange.changed()

    def _notification(self, method: object, params: object) -> None:
        if not isinstance(params, dict):
            return
        if method == "event":
            self.events.append(params)
        number = params.get("id")
        exchange = self._open.get(number) if type(number) is int else None
        if exchange is not None:
            exchange.notes.append((str(method), params))
            exchange.changed()
