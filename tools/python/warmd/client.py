"""The client that waits."""

from __future__ import annotations

import functools
from collections import deque
from typing import (TYPE_CHECKING, Any, Callable, Deque, Dict, Iterable, Iterator, Optional, Tuple,
                    TypeVar)

from . import calls, results
from .calls import Call
from .connection import Connection
from .errors import Error
from .handles import ClientHandle, ModelHandle, each_call, next_calls
from .locate import Path, Target, socket_path
from .protocol import Exchange
from .results import Generation, Progress, Token

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")
T = TypeVar("T")


def _blocking(build: Callable[Concatenate[Target, P], Call[T]]
              ) -> Callable[Concatenate[Model, P], T]:
    """The method that makes the call that `build` describes, and waits for its value."""

    @functools.wraps(build)
    def ask(self: Model, /, *args: P.args, **options: P.kwargs) -> T:
        return self.client.ask(build(self.target, *args, **options))

    setattr(ask, "build", build)
    return ask


def _telling(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    """The same for a call about no model."""

    @functools.wraps(build)
    def ask(self: Client, /, *args: P.args, **options: P.kwargs) -> T:
        return self.ask(build(*args, **options))

    return ask


def _streaming(build: Callable[Concatenate[Target, P], Call[Generation]]
               ) -> Callable[Concatenate[Model, P], Stream]:
    """The method that makes the call that `build` describes, and tells its tokens."""

    @functools.wraps(build)
    def stream(self: Model, /, *args: P.args, **options: P.kwargs) -> Stream:
        return Stream(self.client, build(self.target, *args, **options))

    return stream


class Model(ModelHandle["Client"]):
    """A model, and a view of it, that answers. Nothing is loaded before it is asked something.

    Its methods are the functions of `warmd.calls`.
    """

    load = _blocking(calls.load)
    unload = _blocking(calls.unload)
    pin = _blocking(calls.pin)
    unpin = _blocking(calls.unpin)
    tokenize = _blocking(calls.tokenize)
    detokenize = _blocking(calls.detokenize)
    render = _blocking(calls.render)
    chat_template = _blocking(calls.chat_template)
    next_token = _blocking(calls.next_token)
    logprob = _blocking(calls.logprob)
    rolling_logprob = _blocking(calls.rolling_logprob)
    perplexity = _blocking(calls.perplexity)
    divergence = _blocking(calls.divergence)
    generate = _blocking(calls.generate)
    suite = _blocking(calls.suite)

    stream = _streaming(calls.generate)


class Stream(Iterator[Token]):
    """The tokens of a generation, as they come; closing it takes back what is left of it."""

    def __init__(self, client: Client, call: Call[Generation]) -> None:
        self._read = call.read
        self._progress = call.progress
        self._connection = client.connection
        self._exchange = Exchange(call.method, {**call.params, "stream": True})
        self._connection.submit((self._exchange,))

    def __next__(self) -> Token:
        exchange = self._exchange
        while True:
            try:
                self._connection.until(lambda: exchange.notes or exchange.done)
            except BaseException:
                self.close()
                raise
            if not exchange.notes:
                break
            method, params = exchange.notes.popleft()
            if method == "$/token":
                return results.read_token(params)
            if self._progress:
                self._progress(results.read_progress(params["value"]))
        if exchange.error:
            raise exchange.error
        raise StopIteration

    @property
    def result(self) -> Generation:
        """All of it. Waits for its end, and passes over the tokens that were not taken."""
        for _ in self:
            pass
        return self._read(self._exchange.result)

    def close(self) -> None:
        """Takes the generation back, if it has not ended."""
        self._connection.cancel((self._exchange,))

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._exchange.done:
            self.close()


class Events(Iterator[Dict[str, Any]]):
    """What happens in the daemon, as it comes, by a connection of its own; closing ends it."""

    def __init__(self, connection: Connection, types: Tuple[str, ...]) -> None:
        self._connection = connection
        _answer(connection, Call("subscribe", {"events": types}, lambda raw: raw))

    def __next__(self) -> Dict[str, Any]:
        return self._connection.next_event()

    def close(self) -> None:
        """Ends the subscription."""
        self._connection.close()

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _drain(exchange: Exchange, progress: Optional[Callable[[Progress], None]]) -> None:
    while exchange.notes:
        method, params = exchange.notes.popleft()
        if progress and method == "$/progress":
            progress(results.read_progress(params["value"]))


def _await(connection: Connection, exchange: Exchange, call: Call[T]) -> T:
    """The value of a call that is under way."""
    while not exchange.done:
        connection.until(lambda: exchange.done or (call.progress and exchange.notes))
        _drain(exchange, call.progress)
    _drain(exchange, call.progress)
    if exchange.error:
        raise exchange.error
    return call.read(exchange.result)


def _answer(connection: Connection, call: Call[T]) -> T:
    parts = call.parts()
    exchanges = [Exchange(each.method, each.params) for each in parts]
    try:
        connection.submit(exchanges)
        values = [_await(connection, each, part) for each, part in zip(exchanges, parts)]
        return calls.join(values)
    except BaseException:
        connection.cancel(exchanges)
        raise


class Client(ClientHandle[Model]):
    """A connection to the daemon. Threads may share it, with many requests under way at once.

    Closing it, as the end of a `with` does, hangs up: what is unanswered is taken back.
    """

    _make_model = Model

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def ask(self, call: Call[T]) -> T:
        """Makes a call, and waits for its value. Interrupted, it takes the call back."""
        return _answer(self.connection, call)

    def map(self, method: Callable[..., T], *inputs: Iterable[Any], in_flight: int = 512,
            return_exceptions: bool = False, **options: Any) -> Iterator[T]:
        """Asks a model's `method` of each of `inputs`, many at once; the values, in order.

            for scores in w.map(m.logprob, batches): ...
            for far in w.map(Model.divergence, [m.scaled(0.5), m], repeat(prompts)): ...

        At most `in_flight` requests are under way. An Error is raised in its place, which ends
        it, or with `return_exceptions` given there. What is left is taken back where it ends.
        """
        made = each_call(method, inputs, options)
        return _pipelined(self.connection, made, in_flight, return_exceptions)

    call = _telling(calls.call)
    health = _telling(calls.health)
    models = _telling(calls.models)
    stats = _telling(calls.stats)
    metrics = _telling(calls.metrics)
    unload_all = _telling(calls.unload_all)
    validate = _telling(calls.validate)
    reload = _telling(calls.reload)
    shutdown = _telling(calls.shutdown)
    discover = _telling(calls.discover)

    def events(self, *types: str) -> Events:
        """What happens from now on, of these types ("state", "evicted", …); without any, all."""
        return Events(Connection(self.connection.path, None), types)

    def close(self) -> None:
        """Hangs up."""
        self.connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pipelined(connection: Connection, made: Iterator[Call[Any]], in_flight: int,
               return_exceptions: bool) -> Iterator[Any]:
    waiting: Deque[Tuple[Exchange, Call[Any]]] = deque()
    try:
        while True:
            more = [(Exchange(each.method, each.params), each)
                    for each in next_calls(made, len(waiting), in_flight)]
            waiting.extend(more)
            connection.submit([exchange for exchange, _ in more])
            if not waiting:
                return
            exchange, call = waiting[0]
            try:
                value: Any = _await(connection, exchange, call)
            except Error as why:
                if not return_exceptions:
                    raise
                value = why
            waiting.popleft()
            yield value
    finally:
        connection.cancel([exchange for exchange, _ in waiting])


def connect(socket: Optional[Path] = None, *, patience: Optional[float] = None) -> Client:
    """Connects to the daemon: at `socket`, else $WARMD_SOCKET, else where it is by default.

    Raises Disconnected where there is none. With `patience`, connecting or waiting for a word from
    the daemon for more than so many seconds fails with Timeout.
    """
    return Client(Connection(socket_path(socket), patience))
