"""Bytes to answers, without a connection."""

import json
import unittest

import warmd
from warmd.protocol import Core, Exchange


def sent(core, method="health", params=None):
    exchange = Exchange(method, {} if params is None else params)
    core.send(exchange)
    return exchange


class Sending(unittest.TestCase):
    def test_a_request_is_a_line(self):
        core = Core()
        sent(core, "tokenize", {"text": "a\nb\u2028ü"})
        lines = core.outgoing.split(b"\n")
        self.assertEqual(len(lines), 2)
        self.assertEqual(json.loads(lines[0]),
                         {"jsonrpc": "2.0", "id": 1, "method": "tokenize",
                          "params": {"text": "a\nb\u2028ü"}})

    def test_what_is_no_json_is_refused_and_not_sent(self):
        core = Core()
        circle = []
        circle.append(circle)
        for value in (float("nan"), float("inf"), "\ud800", object(), circle, {1: object()}):
            with self.assertRaises(warmd.InvalidParams):
                sent(core, params={"x": value})
        self.assertEqual(core.outgoing, b"")
        self.assertEqual(sent(core).id, 1)

    def test_arrays_and_iterables_are_lists(self):
        core = Core()
        sent(core, params={"ids": range(3), "pair": (1, "a")})
        self.assertIn(b'{"ids":[0,1,2],"pair":[1,"a"]}', core.outgoing)

    def test_cancelling_is_a_notification_and_only_of_what_is_unanswered(self):
        core = Core()
        exchange = sent(core)
        core.outgoing.clear()
        core.cancel(exchange)
        self.assertEqual(json.loads(core.outgoing),
                         {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}})
        core.outgoing.clear()
        core.receive(b'{"jsonrpc":"2.0","id":1,"result":{}}\n')
        core.cancel(exchange)
        self.assertEqual(core.outgoing, b"")


class Receiving(unittest.TestCase):
    def test_frames_may_come_in_any_pieces(self):
        bytes_ = ('{"jsonrpc":"2.0","method":"$/progress","params":{"id":2,"value":{}}}\r\n'
                  '\n  \n{"jsonrpc":"2.0","id":2,"result":"ü\u2028"}\n'
                  '{"jsonrpc":"2.0","id":1,"result":[1]} \n').encode()
        for size in (1, 2, 3, 7, 64, len(bytes_)):
            core = Core()
            first, second = sent(core), sent(core)
            for at in range(0, len(bytes_), size):
                core.receive(bytes_[at:at + size])
            self.assertEqual((first.result, second.result), ([1], "ü\u2028"))
            self.assertEqual(len(second.notes), 1)
            self.assertIsNone(core.fault)

    def test_garbage_ends_the_connection_and_fails_what_is_open(self):
        for line in (b"what?", b"[]", b"7", b'"id"', b"{}", b'{"id":1}', b'{"id":9,"result":1}',
                     b'{"id":true,"result":1}', b'{"id":1.0,"result":1}', b'{"id":1,"result":NaN}',
                     b'{"id":1,"result":1,"error":{}}', b'{"id":"1","result":1}', b"\xff\xfe",
                     b'{"id":1,"result":1}{}', b"[" * 100000, b'{"id":null,"result":1}',
                     b'{"id":null,"error":7}', b'{"id":[1],"result":1}', b"HTTP/1.1 200 OK\r"):
            core = Core()
            exchange = sent(core)
            core.receive(line + b"\n")
            self.assertIsInstance(exchange.error, warmd.ParseError, line)
            self.assertIsNone(exchange.error.code)
            with self.assertRaises(warmd.Disconnected):
                sent(core)

    def test_notifications_that_mean_nothing_are_passed_over(self):
        core = Core()
        exchange = sent(core)
        core.receive(b'{"method":"new"}\n{"method":7,"params":[]}\n'
                     b'{"method":"$/token","params":{"id":8}}\n{"method":"x","params":{"id":[]}}\n'
                     b'{"id":1,"result":1}\n')
        self.assertEqual(exchange.result, 1)
        self.assertFalse(exchange.notes)

    def test_an_error_without_a_number_is_of_the_connection(self):
        core = Core()
        exchanges = [sent(core), sent(core)]
        core.receive(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32010,"message":"too long",'
                     b'"data":{"kind":"frame_too_large"}}}\n')
        for each in exchanges:
            self.assertIsInstance(each.error, warmd.FrameTooLarge)
        self.assertIsNot(exchanges[0].error, exchanges[1].error)

    def test_the_end_fails_what_is_open_once(self):
        core = Core()
        exchange = sent(core)
        core.end()
        core.end(warmd.Timeout("later"))
        self.assertIsInstance(exchange.error, warmd.Disconnected)

    def test_a_line_without_end_is_refused(self):
        core = Core()
        exchange = sent(core)
        piece = b"x" * (32 << 20)
        for _ in range(9):
            core.receive(piece)
        self.assertIsInstance(exchange.error, warmd.FrameTooLarge)

    def test_an_answer_to_what_was_taken_back_is_dropped(self):
        core = Core()
        exchange = sent(core)
        core.cancel(exchange)
        core.receive(b'{"id":1,"error":{"code":-32800,"message":"","data":{"kind":"cancelled"}}}\n')
        self.assertIsInstance(exchange.error, warmd.Cancelled)
        self.assertIsNone(core.fault)


if __name__ == "__main__":
    unittest.main()
