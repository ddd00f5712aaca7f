"""What can go wrong: one class for each kind of error that warmd-protocol(7) lists."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Type


class Error(Exception):
    """A request that was refused, or that failed.

    `kind` is the protocol's stable name for what happened, `code` JSON-RPC's number for it (None:
    this side of the connection found the fault), `message` a sentence for people, and `data` what
    else the daemon said. A kind that this version does not know is an `Error` itself.
    """

    kind: str = "error"

    def __init__(self, message: str, *, code: Optional[int] = None,
                 data: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.data: Dict[str, Any] = dict(data or {})
        if type(self) is Error:
            self.kind = str(self.data.get("kind", "error"))

    @property
    def cause(self) -> str:
        """What a loader or backend said itself; "" if it said nothing."""
        return str(self.data.get("cause", ""))

    @property
    def cached(self) -> bool:
        """A recent failure was answered, without another attempt."""
        return bool(self.data.get("cached", False))

    @property
    def retry_after_seconds(self) -> Optional[float]:
        """After how many seconds another try is worth it; None: it is not known to be."""
        after = self.data.get("retry_after_seconds")
        return None if after is None else float(after)

    def __str__(self) -> str:
        told = self.message if self.cause in self.message else f"{self.message} ({self.cause})"
        return told if type(self) is not Error else f"{self.kind}: {told}"


class ParseError(Error):
    """Something sent is no JSON; without a `code`, it was the daemon that sent it."""

    kind = "parse_error"


class InvalidRequest(Error):
    """No JSON-RPC 2.0 request."""

    kind = "invalid_request"


class MethodNotFound(Error):
    """The daemon has no such method."""

    kind = "method_not_found"


class InvalidParams(Error):
    """A parameter is missing, unknown, ill-typed or out of range."""

    kind = "invalid_params"


class InternalError(Error):
    """A bug in the daemon."""

    kind = "internal_error"


class NotFound(Error):
    """There is no such model or adapter on disk, or it is not loaded."""

    kind = "not_found"


class LoadFailed(Error):
    """The loader failed; `cause` says why."""

    kind = "load_failed"


class Busy(Error):
    """A queue is full; nothing was done."""

    kind = "busy"


class Timeout(Error, TimeoutError):
    """The request's own `timeout`, that of a load, or this client's patience is over."""

    kind = "timeout"


class TooLarge(Error):
    """The model can never fit the budget, or the reply would be too long."""

    kind = "too_large"


class AllPinned(Error):
    """There is no room, and everything resident is pinned."""

    kind = "all_pinned"


class ShuttingDown(Error):
    """The daemon takes no more work."""

    kind = "shutting_down"


class PermissionDenied(Error, PermissionError):
    """Not for this user, or outside of what may be loaded."""

    kind = "permission_denied"


class Unsupported(Error):
    """This build or backend cannot do that."""

    kind = "unsupported"


class FrameTooLarge(Error):
    """A request, or an answer, is longer than they may be; the connection is over."""

    kind = "frame_too_large"


class BackendFailed(Error):
    """The model failed while it computed; it stays resident."""

    kind = "backend_failed"


class Cancelled(Error):
    """The request was taken back."""

    kind = "cancelled"


class Disconnected(Error, ConnectionError):
    """There is no daemon, or it hung up. Only this client tells of it."""

    kind = "disconnected"


KINDS: Dict[str, Type[Error]] = {each.kind: each for each in Error.__subclasses__()}


def read_error(wire: object) -> Error:
    """The exception for the `error` member of a reply, or of one item of a result."""
    if not isinstance(wire, dict):
        return ParseError("the daemon's answer is not understood: its error is no object")
    data = wire.get("data")
    data = data if isinstance(data, dict) else {}
    code = wire.get("code")
    made = KINDS.get(str(data.get("kind")), Error)
    return made(str(wire.get("message", "")), code=code if isinstance(code, int) else None,
                data=data)

__all__ = ["Error", *sorted(each.__name__ for each in KINDS.values())]
