#!/usr/bin/env python3
# A worker by hand, from warmd-worker(7) alone: one token per byte, and the troubles that a prompt
# asks for by name.
import json
import os
import signal
import subprocess
import sys


def send(message, out=sys.stdout.buffer):
    body = json.dumps(dict(message, jsonrpc="2.0")).encode()
    out.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    out.flush()


def receive():
    length = int(sys.stdin.buffer.readline().partition(b":")[2] or sys.exit(0))
    sys.stdin.buffer.readline()
    return json.loads(sys.stdin.buffer.read(length))


def trouble(name, number):
    sys.stderr.write("asked for %s\n" % name)
    sys.stderr.flush()
    if name == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif name == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif name == "abort":
        os.abort()
    elif name == "exit":
        os._exit(3)
    elif name == "close":
        os.close(1)
        signal.pause()
    elif name == "print":
        os.write(1, b"Loading checkpoint shards\n")
    elif name == "huge":
        os.write(1, b"Content-Length: 99999999999\r\n\r\n")
    elif name == "twice":
        send({"id": number, "result": {"distributions": [SLICE]}})
    elif name == "other":
        send({"id": 77777, "result": {}})
    elif name == "nan":
        send({"id": number, "result": {"distributions": [dict(SLICE, logprobs=[None])]}})
    elif name == "grandchild":
        subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        os._exit(4)


SLICE = {"token_ids": [65], "logprobs": [-0.5], "tail_logprob": -0.93, "vocab_size": 256}
while True:
    asked = receive()
    method, params, number = asked["method"], asked["params"], asked.get("id")
    if method == "hello":
        answer = {"name": "by_hand", "version": "1", "protocol": 1, "operations": ["next_token"],
                  "views": ["base", "ft"], "batching": 4, "tokenizer": True}
    elif method == "load":
        answer = {"bytes": 1000, "vocab_size": 256, "max_positions": 100}
    elif method == "next_token":
        trouble(params["prompts"][0], number)
        answer = {"distributions": [SLICE for each in params["prompts"]]}
    else:
        answer = {"estimate": {"bytes": 1000}, "ping": {"steps": 0}}.get(method, {})
    if number is not None:
        send({"id": number, "result": answer})
    if method == "shutdown":
        break
