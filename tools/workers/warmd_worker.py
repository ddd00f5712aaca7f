"""A worker of warmd in Python: the protocol, in one file, of the standard library.

A worker is a class with the methods below, of those that it can do, and `run(TheClass())`.
warmd-worker(7) says what each is given and answers. What has no method, or no view, is answered
`unsupported` by the daemon, by name.

    class Mine(Worker):
        name, version, views = "mine", "1", ["base", "ft"]
        def load(self, model, progress): ...; return {"bytes": ..., "vocab_size": ...}
        def next_token(self, call): return {"distributions": [...]}

    run(Mine())

Standard output belongs to frames: whatever the program prints goes to standard error instead. One
thread reads, another computes: what has queued up while it did is there for `batch()` together.
"""

import json
import os
import queue
import sys
import threading

OPERATIONS = ("next_token", "logprob", "rolling_logprob", "generate", "tokenize", "detokenize",
              "render")


class Failure(Exception):
    """What the request is answered with: a kind of warmd's errors, and a sentence."""

    CODES = {"invalid_params": -32602, "not_found": -32001, "load_failed": -32002,
             "too_large": -32005, "permission_denied": -32008, "unsupported": -32009,
             "backend_failed": -32011, "cancelled": -32800, "method_not_found": -32601}

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Call:
    """One request. `params` as they came; `view` is one of them, "ft" by default."""

    def __init__(self, worker, number, method, params):
        self.method, self.params, self.number = method, params, number
        self.cancelled = False
        self._worker = worker

    def __getitem__(self, name):
        return self.params[name]

    def get(self, name, otherwise=None):
        return self.params.get(name, otherwise)

    @property
    def view(self):
        return self.params.get("view", "ft")

    def check(self):
        """To be called now and then in what takes long: raises if nobody waits any more."""
        self._worker.steps += 1
        if self.cancelled:
            raise Failure("cancelled", "cancelled by $/cancelRequest")

    def token(self, text, token_id, logprob):
        """A token of `generate`, told if the request wants to be."""
        self.check()
        if self.params.get("stream"):
            self._worker.notify("$/token", {"id": self.number, "text": text, "token_id": token_id,
                                            "logprob": logprob})


class Worker:
    name, version = "worker", "0"
    views = ["base", "ft"]
    batching = 64       # most calls at once
    tokenizer = True    # takes texts, and not only ids
    steps = 0           # grows while something is computed

    def load(self, model, progress):
        """Loads what the ModelSpec names. `progress(done, total)`, in bytes."""
        raise Failure("unsupported", "there is no load")

    def estimate(self, model):
        """Bytes that the model would need, by headers alone."""
        return {"bytes": 0}

    def batch(self, calls):
        """Answers calls that are there together: a result or an Exception for each, in order."""
        return [self.one(call) for call in calls]

    def one(self, call):
        try:
            call.check()
            return getattr(self, call.method)(call)
        except Exception as trouble:
            return trouble
        finally:
            self.steps += 1

    def notify(self, method, params):
        self._send({"jsonrpc": "2.0", "method": method, "params": params})


class _Pipe:
    """Frames on the descriptors that were standard input and output."""

    def __init__(self):
        self._in = os.fdopen(os.dup(0), "rb")
        self._out = os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._lock = threading.Lock()

    def read(self):
        """The next message; None at the end."""
        length = None
        while True:
            line = self._in.readline()
            if not line:
                return None
            if line == b"\r\n":
                break
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self._in.read(length)
        return json.loads(body) if len(body) == length else None

    def write(self, message):
        body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
        with self._lock:
            self._out.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            self._out.flush()


def _failure(trouble):
    kind = trouble.kind if isinstance(trouble, Failure) else "backend_failed"
    words = str(trouble) if isinstance(trouble, Failure) else "%s: %s" % (
        type(trouble).__name__, trouble)
    return {"code": Failure.CODES.get(kind, -32603), "message": words, "data": {"kind": kind}}


class _Server:
    def __init__(self, worker):
        self.worker, self.pipe = worker, _Pipe()
        self.todo, self.under_way = queue.Queue(), {}
        worker._send = self.pipe.write
        self.operations = [each for each in OPERATIONS if hasattr(worker, each)]

    def answer(self, number, answered):
        reply = {"jsonrpc": "2.0", "id": number}
        if isinstance(answered, Exception):
            reply["error"] = _failure(answered)
        else:
            reply["result"] = answered
        try:
            self.pipe.write(reply)
        except ValueError as trouble:  # a number that JSON has not
            self.answer(number, Failure("backend_failed", "the answer cannot be written: %s" %
                                        trouble))

    def hello(self, params):
        if params.get("protocol") != 1:
            return Failure("unsupported", "the protocol spoken here is 1")
        worker = self.worker
        return {"name": worker.name, "version": worker.version, "protocol": 1,
                "operations": self.operations, "views": worker.views,
                "batching": worker.batching, "tokenizer": worker.tokenizer}

    def compute(self):
        """The thread that loads and answers calls; what has queued up is taken together."""
        while True:
            calls = [self.todo.get()]
            while calls[-1] is not None and not self.todo.empty():
                calls.append(self.todo.get())
            if calls[-1] is None:
                return
            for call in [each for each in calls if each.method in ("load", "estimate")]:
                calls.remove(call)
                self.finish(call, self.prepare(call))
            if calls:
                for call, answered in zip(calls, self.worker.batch(calls)):
                    self.finish(call, answered)

    def prepare(self, call):
        def progress(done, total):
            self.worker.notify("$/progress", {"id": call.number, "value": {
                "stage": "loading", "bytes_done": done, "bytes_total": total}})
        try:
            model = call["model"]
            return (self.worker.load(model, progress) if call.method == "load"
                    else self.worker.estimate(model))
        except Exception as trouble:
            return trouble

    def finish(self, call, answered):
        self.under_way.pop(call.number, None)
        self.answer(call.number, answered)

    def take(self, message):
        """False: that was the last."""
        method, params = message.get("method"), message.get("params", {})
        number = message.get("id")
        if method == "$/cancelRequest":
            call = self.under_way.get(params.get("id"))
            if call:
                call.cancelled = True
        elif method == "hello":
            self.answer(number, self.hello(params))
        elif method == "ping":
            self.answer(number, {"steps": self.worker.steps})
        elif method == "shutdown":
            self.answer(number, {})
            return False
        elif method in self.operations or method in ("load", "estimate"):
            call = self.under_way[number] = Call(self.worker, number, method, params)
            self.todo.put(call)
        elif number is not None:
            self.answer(number, Failure("method_not_found", "there is no method %s" % method))
        return True


def run(worker):
    """Serves until the input ends, or it is told to stop. Does not return."""
    server = _Server(worker)
    threading.Thread(target=server.compute, daemon=True).start()
    try:
        while True:
            message = server.pipe.read()
            if message is None or not server.take(message):
                break
    except (OSError, ValueError) as trouble:
        print("the daemon cannot be understood: %s" % trouble, file=sys.stderr)
    sys.stderr.flush()
    os._exit(0)  # whatever still computes
