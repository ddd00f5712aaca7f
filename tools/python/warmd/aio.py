"""The client for asyncio: the same as `warmd.Client`, but that what waits is awaited.

    async with warmd.aio.connect() as w:
        m = w.model("out/adapter")
        one, other = await asyncio.gather(m.divergence(prompts), m.base.perplexity(texts))
        async for token in m.stream("The king"):
            print(token.text, end="")

A task that is cancelled takes its requests back. A connection belongs to the loop it was made in.
"""

from __future__ import annotations

import functools
from collections import deque
from typing import (TYPE_CHECKING, Any, AsyncGenerator, AsyncIterator, Awaitable, Callable, Deque,
                    Dict, Generator, Iterable, Iterator, Optional, Tuple, TypeVar)

from . import calls, results
from .aio_connection import Connection, Waiting, connected
from .calls import Call
from .errors import Error
from .handles import ClientHandle, ModelHandle, each_call, next_calls
from .locate import Path, Target, socket_path
from .results import Generation, Token

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")
T = TypeVar("T")


def _awaiting(build: Callable[Concatenate[Target, P], Call[T]]
              ) -> Callable[Concatenate[Model, P], Awaitable[T]]:
    """The method that makes the call that `build` describes, and is awaited for its value."""

    @functools.wraps(build)
    def ask(self: Model, /, *args: P.args, **options: P.kwargs) -> Awaitable[T]:
        return self.client.ask(build(self.target, *args, **options))

    setattr(ask, "build", build)
    return ask


def _telling(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], Awaitable[T]]:
    """The same for a call about no model."""

    @functools.wraps(build)
    def ask(self: Client, /, *args: P.args, **options: P.kwargs) -> Awaitable[T]:
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

    load = _awaiting(calls.load)
    unload = _awaiting(calls.unload)
    pin = _awaiting(calls.pin)
    unpin = _awaiting(calls.unpin)
    tokenize = _awaiting(calls.tokenize)
    detokenize = _awaiting(calls.detokenize)
    render = _awaiting(calls.render)
    chat_template = _awaiting(calls.chat_template)
    next_token = _awaiting(calls.next_token)
    logprob = _awaiting(calls.logprob)
    rolling_logprob = _awaiting(calls.rolling_logprob)
    perplexity = _awaiting(calls.perplexity)
    divergence = _awaiting(calls.divergence)
    generate = _awaiting(calls.generate)
    suite = _awaiting(calls.suite)
    stream = _streaming(calls.generate)


class Stream(AsyncIterator[Token]):
    """The tokens of a generation, as they come; closing it takes back what is left of it."""

    def __init__(self, client: Client, call: Call[Generation]) -> None:
        self._read = call.read
        self._progress = call.progress
        self._connection = client.connection
        self._exchange = Waiting(call.method, {**call.params, "stream": True})
        self._connection.send((self._exchange,))

    async def __anext__(self) -> Token:
        exchange = self._exchange
        while True:
            try:
                await exchange.more()
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
        raise StopAsyncIteration

    async def result(self) -> Generation:
        """All of it. Waits for its end, and passes over the tokens that were not taken."""
        async for _ in self:
            pass
        return self._read(self._exchange.result)

    def close(self) -> None:
        """Takes the generation back, if it has not ended."""
        self._connection.cancel((self._exchange,))

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._exchange.done:
            self.close()


class Events(AsyncIterator[Dict[str, Any]]):
    """What happens in the daemon, as it comes, by a connection of its own; closing ends it."""

    def __init__(self, path: str, types: Tuple[str, ...]) -> None:
        self._path = path
        self._types = types
        self._connection: Optional[Connection] = None

    async def __aenter__(self) -> Events:
        self._connection = await connected(self._path)
        try:
            await _answer(self._connection,
                          Call("subscribe", {"events": self._types}, lambda raw: raw))
        except BaseException:
            self.close()
            raise
        return self

    async def __anext__(self) -> Dict[str, Any]:
        if self._connection is None:
            raise RuntimeError("events are told within `async with`")
        core = self._connection.core
        while not core.events and not core.fault:
            self._connection.told.clear()
            await self._connection.told.wait()
        if core.events:
            return core.events.popleft()
        assert core.fault
        raise core.fault

    def close(self) -> None:
        """Ends the subscription."""
        if self._connection:
            self._connection.close()

    async def __aexit__(self, *_: object) -> None:
        self.close()


async def _await(exchange: Waiting, call: Call[T]) -> T:
    """The value of a call that is under way."""
    while True:
        await exchange.more()
        while exchange.notes:
            method, params = exchange.notes.popleft()
            if call.progress and method == "$/progress":
                call.progress(results.read_progress(params["value"]))
        if exchange.error:
            raise exchange.error
        if exchange.done:
            return call.read(exchange.result)


async def _answer(connection: Connection, call: Call[T]) -> T:
    parts = call.parts()
    exchanges = [Waiting(each.method, each.params) for each in parts]
    try:
        await connection.submit(exchanges)
        values = [await _await(each, part) for each, part in zip(exchanges, parts)]
        return calls.join(values)
    except BaseException:
        connection.cancel(exchanges)
        raise


class Client(ClientHandle[Model]):
    """A connection to the daemon, with many requests under way at once.

    Closing it, as the end of an `async with` does, hangs up: what is unanswered is taken back.
    """

    _make_model = Model

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def ask(self, call: Call[T]) -> T:
        """Makes a call, and waits for its value. Cancelled, it takes the call back."""
        return await _answer(self.connection, call)

    def map(self, method: Callable[..., Awaitable[T]], *inputs: Iterable[Any],
            in_flight: int = 512, return_exceptions: bool = False,
            **options: Any) -> AsyncIterator[T]:
        """Asks a model's `method` of each of `inputs`, many at once; the values, in order.

            async for scores in w.map(m.logprob, batches): ...
            async for far in w.map(Model.divergence, [m.scaled(0.5), m], repeat(prompts)): ...

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
        """What happens from its `async with` on, of these types ("state", …), or of all."""
        return Events(self.connection.path, types)

    async def close(self) -> None:
        """Hangs up."""
        self.connection.close()
        await self.connection.ended.wait()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _pipelined(connection: Connection, made: Iterator[Call[Any]], in_flight: int,
                     return_exceptions: bool) -> AsyncGenerator[Any, None]:
    waiting: Deque[Tuple[Waiting, Call[Any]]] = deque()
    try:
        while True:
            more = [(Waiting(each.method, each.params), each)
                    for each in next_calls(made, len(waiting), in_flight)]
            waiting.extend(more)
            await connection.submit([exchange for exchange, _ in more])
            if not waiting:
                return
            exchange, call = waiting[0]
            try:
                value: Any = await _await(exchange, call)
            except Error as why:
                if not return_exceptions:
                    raise
                value = why
            waiting.popleft()
            yield value
    finally:
        connection.cancel([exchange for exchange, _ in waiting])


class _Connecting:
    """To be awaited, or entered by `async with`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._client: Optional[Client] = None

    def __await__(self) -> Generator[Any, None, Client]:
        return self._connect().__await__()

    async def _connect(self) -> Client:
        return Client(await connected(self._path))

    async def __aenter__(self) -> Client:
        self._client = await self._connect()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        assert self._client
        await self._client.close()


def connect(socket: Optional[Path] = None) -> _Connecting:
    """Connects to the daemon: at `socket`, else $WARMD_SOCKET, else where it is by default.

    `await` it, or enter it by `async with`. Raises Disconnected where there is no daemon.
    """
    return _Connecting(socket_path(socket))
