"""One class for each kind of error, and the daemon's errors as exceptions."""

import copy
import json
import os
import pickle
import unittest

import warmd
from support import ADAPTER, BASE, DATA, Daemon, WithDaemon, pretender

DUMMY = {"kind": "dummy", "base": "x"}


class Kinds(WithDaemon):
    options = ("--max-loaded-models", "2", "--max-loaded-bytes", "64M",
               "--max-frame-bytes", "1M", "--allow-root", DATA)

    def setUp(self):
        self.w = warmd.connect(self.daemon.socket)
        self.addCleanup(self.w.close)

    def test_every_kind_of_the_protocol_has_its_class(self):
        told = self.w.discover()["components"]["errors"]
        for kind, each in told.items():
            self.assertEqual(warmd.errors.KINDS[kind].kind, kind)
            made = warmd.errors.read_error(each)
            self.assertIs(type(made), warmd.errors.KINDS[kind])
            self.assertEqual(made.code, each["code"])
            for again in (copy.copy(made), pickle.loads(pickle.dumps(made))):
                self.assertEqual((type(again), str(again), again.data),
                                 (type(made), str(made), made.data))
        self.assertEqual(set(warmd.errors.KINDS) - set(told), {"disconnected"})

    def test_a_kind_from_a_newer_daemon_is_an_error(self):
        made = warmd.errors.read_error({"code": -1, "message": "too blue",
                                        "data": {"kind": "too_blue"}})
        self.assertEqual((type(made), made.kind, str(made)),
                         (warmd.Error, "too_blue", "too_blue: too blue"))

    def refused(self, kind, ask):
        with self.assertRaises(kind) as caught:
            ask()
        self.assertEqual(caught.exception.data["kind"], kind.kind)
        self.assertIsInstance(caught.exception.code, int)
        self.assertTrue(caught.exception.message)
        return caught.exception

    def test_those_of_requests(self):
        w = self.w
        self.refused(warmd.MethodNotFound, lambda: w.call("loaf"))
        self.refused(warmd.InvalidParams, lambda: w.call("load"))
        self.refused(warmd.InvalidParams, lambda: w.call("health", x=1))
        self.refused(warmd.NotFound, lambda: w.model(os.path.join(DATA, "no", "such")).load())
        denied = self.refused(warmd.PermissionDenied, lambda: w.model("/etc").load())
        self.assertIsInstance(denied, PermissionError)
        self.refused(warmd.Unsupported, lambda: w.model(os.path.join(
            DATA, "fixtures", "broken", "config-unsupported-arch")).load())
        slow = {**DUMMY, "options": {"call_ms": 600000}}
        self.assertIsInstance(self.refused(
            warmd.Timeout, lambda: w.model(slow).next_token(["x"], timeout=0.01)), TimeoutError)

    def test_those_of_loads_and_calls(self):
        w = self.w
        broken = w.model({**DUMMY, "options": {"load_error": "it is broken"}})
        failed = self.refused(warmd.LoadFailed, broken.load)
        self.assertIn("it is broken", failed.cause)
        self.assertIn("it is broken", str(failed))
        again = self.refused(warmd.LoadFailed, lambda: broken.next_token(["x"]))
        self.assertTrue(again.cached)
        self.assertGreater(again.retry_after_seconds, 0)
        broken = w.model({**DUMMY, "options": {"call_error": "it broke"}})
        self.refused(warmd.BackendFailed, lambda: broken.next_token(["x"]))
        large = {**DUMMY, "options": {"bytes": 1 << 40}}
        self.refused(warmd.TooLarge, lambda: w.model(large).load())

    def test_that_everything_is_pinned(self):
        for name in ("first", "second"):
            self.w.model({"kind": "dummy", "base": name}).load(pin=True)
        self.refused(warmd.AllPinned, lambda: self.w.model(DUMMY).load())
        for name in ("first", "second"):
            self.w.model({"kind": "dummy", "base": name}).unpin()

    def test_a_frame_that_is_too_long_ends_the_connection_and_is_told(self):
        with warmd.connect(self.daemon.socket) as w:
            with self.assertRaises(warmd.FrameTooLarge):
                w.model(BASE).tokenize("x" * (2 << 20))
            with self.assertRaises(warmd.Disconnected):
                w.health()

    def test_one_taken_back_by_its_client(self):
        stream = self.w.model({**DUMMY, "options": {"call_ms": 600000}}).stream("x")
        stream.close()
        with self.assertRaises(warmd.Cancelled):
            next(stream)


class Rest(unittest.TestCase):
    """What a daemon that is well does not say."""

    def told(self, **error):
        def answer(connection):
            connection.recv(4096)
            connection.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()
                               + b"\n")

        with pretender(answer) as path, warmd.connect(path) as w:
            with self.assertRaises(warmd.Error) as caught:
                w.health()
            return caught.exception

    def test_as_it_would_be_told(self):
        for kind in (warmd.ParseError, warmd.InvalidRequest, warmd.InternalError, warmd.Busy,
                     warmd.ShuttingDown):
            made = self.told(code=-1, message="no", data={"kind": kind.kind,
                                                          "retry_after_seconds": 2})
            self.assertIs(type(made), kind)
            self.assertEqual(made.retry_after_seconds, 2.0)

    def test_without_data(self):
        made = self.told(code="x", message="no")
        self.assertEqual((type(made), made.code, str(made)), (warmd.Error, None, "error: no"))

    def test_while_it_drains(self):
        daemon = Daemon()
        with warmd.connect(daemon.socket) as w, warmd.connect(daemon.socket) as other:
            slow = w.model({"kind": "dummy", "base": "x", "options": {"call_ms": 600000}})
            stream = slow.stream("x")
            w.shutdown(600)
            with self.assertRaises((warmd.ShuttingDown, warmd.Disconnected)):
                other.model(ADAPTER).load()
            stream.close()
        daemon.wait()


if __name__ == "__main__":
    unittest.main()
