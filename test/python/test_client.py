"""The client that waits, beside a daemon."""

import json
import math
import os
import socket
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import warmd
from support import ADAPTER, BASE, DATA, PROMPTS, Daemon, WithDaemon, in_use, no_leases, pretender
from warmd import calls


def plain(values):
    return values.tolist() if hasattr(values, "tolist") else list(values)


SLOW = {"kind": "dummy", "base": "slow", "options": {"call_ms": 600000}}


class Numbers(WithDaemon):
    """What comes through the client is what is on the wire, to the last bit."""

    options = ("--max-loaded-models", "64")

    def setUp(self):
        self.w = warmd.connect(self.daemon.socket)
        self.addCleanup(self.w.close)

    def check(self, m):
        about = {"model": m.target.model, **({} if m.target.view is None else
                                             {"view": m.target.view})}
        raw = self.daemon.raw("next_token", prompts=PROMPTS, top_k=16, **about)
        for wire, got in zip(raw["distributions"], m.next_token(PROMPTS, top_k=16)):
            self.assertEqual(plain(got.token_ids), wire["token_ids"])
            self.assertEqual(plain(got.logprobs), wire["logprobs"])
            self.assertEqual((got.tail_logprob, got.vocab_size),
                             (wire["tail_logprob"], wire["vocab_size"]))
        items = [(prompt, " of the LORD") for prompt in PROMPTS]
        raw = self.daemon.raw("logprob", **about, items=[
            {"prompt": prompt, "completion": completion} for prompt, completion in items])
        for wire, got in zip(raw["results"], m.logprob(items)):
            self.assertEqual(got.logprob, wire["logprob"])
            self.assertEqual(plain(got.logprobs), wire["logprobs"])
            self.assertEqual(plain(got.token_ids), wire["token_ids"])
        raw = self.daemon.raw("rolling_logprob", texts=PROMPTS, **about)["results"]
        for wire, got in zip(raw, m.rolling_logprob(PROMPTS)):
            self.assertEqual(plain(got.logprobs), wire["logprobs"])
            for name in ("num_tokens", "num_scored", "total_logprob", "mean_logprob", "perplexity"):
                self.assertEqual(getattr(got, name), wire[name])
        self.assertEqual(plain(m.perplexity(PROMPTS)), [each["perplexity"] for each in raw])

    def test_of_every_fixture(self):
        fixtures = os.path.join(DATA, "fixtures")
        models = [os.path.join(fixtures, name, "model") for name in sorted(os.listdir(fixtures))]
        models = [each for each in models if os.path.exists(os.path.join(each, "config.json"))]
        self.assertTrue(models)
        for each in [BASE, *models]:
            with self.subTest(each):
                self.check(self.w.model(each))

    def test_of_every_view(self):
        m = self.w.model(ADAPTER)
        for each in (m, m.base, m.scaled(0.5), m.null(7), m.null(7, match="norm"), m.through(-1),
                     m.through(warmd.null(3, init_scale=0.1, rank_scale=2.0))):
            with self.subTest(each):
                self.check(each)

    def test_of_reference(self):
        """Within what rounding leaves of those that Transformers computed in fp32."""
        with open(os.path.join(DATA, "demo", "reference.json"), encoding="utf-8") as file:
            reference = json.load(file)
        prompts = [each["text"] for each in reference["prompts"]]
        pairs = [(each["prompt"], each["completion"]) for each in reference["completion_pairs"]]
        for view in reference["views"]:
            adapter = view["adapter"] and os.path.join(DATA, "demo", view["adapter"])
            m = self.w.model(BASE, adapter, dtype="fp32", view=view["scale"])
            for got, last in zip(m.next_token(prompts, top_k=16), view["last"]):
                for number, (_, logprob) in zip(plain(got.logprobs), last["top"]):
                    self.assertAlmostEqual(number, logprob, delta=2e-4)
            for got, told in zip(m.logprob(pairs), view["completions"]):
                self.assertAlmostEqual(got.logprob, told["total"], delta=1e-3)

    def test_of_divergences(self):
        m = self.w.model(ADAPTER)
        for kind in ("js", "kl"):
            raw = self.daemon.raw("divergence", model=m.target.model, prompts=PROMPTS, kind=kind)
            got = m.divergence(PROMPTS, kind=kind)
            self.assertEqual(plain(got.per_prompt), raw["per_prompt"])
            self.assertEqual([got.mean, got.max, *got.ci_95],
                             [raw["mean"], raw["max"], *raw["ci_95"]])
        self.assertEqual(m.base.divergence(PROMPTS).max, 0.0)
        self.assertEqual(m.divergence(PROMPTS, to=0.25).mean,
                         m.scaled(0.25).divergence(PROMPTS).mean)

    def test_of_generations_and_their_streams(self):
        m = self.w.model(ADAPTER)
        how = {"max_new_tokens": 12, "temperature": 0.8, "seed": 7}
        raw = self.daemon.raw("generate", model=m.target.model, prompt="The king", **how)
        got = m.generate("The king", **how)
        self.assertEqual((got.text, plain(got.token_ids), got.finish_reason),
                         (raw["text"], raw["token_ids"], raw["finish_reason"]))
        with m.stream("The king", **how) as stream:
            tokens = list(stream)
            self.assertEqual([each.token_id for each in tokens], raw["token_ids"])
            self.assertEqual("".join(each.text for each in tokens), raw["text"])
            self.assertEqual(stream.result.text, raw["text"])

    def test_of_texts_as_tokens_and_conversations(self):
        m = self.w.model(ADAPTER)
        tokens = m.tokenize("The king said unto")
        self.assertEqual(m.detokenize(tokens.ids), "The king said unto")
        self.assertEqual(plain(m.next_token([tokens.ids], top_k=3)[0].logprobs),
                         plain(m.next_token(["The king said unto"], top_k=3)[0].logprobs))
        with self.assertRaises(warmd.Error):  # the demo model has no chat template
            m.next_token([{"messages": [{"role": "user", "content": "hello"}]}])

    def test_long_lists_are_asked_for_in_parts_and_are_the_same(self):
        m = self.w.model(BASE)
        texts = [PROMPTS[n % 3] + str(n) for n in range(calls.MOST_INPUTS + 3)]
        got = m.rolling_logprob(texts)
        self.assertEqual(len(got), len(texts))
        for place in (0, calls.MOST_INPUTS - 1, calls.MOST_INPUTS, len(texts) - 1):
            self.assertEqual(plain(got[place].logprobs),
                             plain(m.rolling_logprob([texts[place]])[0].logprobs))
        self.assertEqual(len(m.perplexity(texts)), len(texts))

    def test_what_cannot_be_scored_stands_in_its_place_if_asked(self):
        m = self.w.model(BASE)
        with self.assertRaises(warmd.InvalidParams):
            m.rolling_logprob(["In the", [2 ** 30]])
        good, bad = m.rolling_logprob(["In the", [2 ** 30]], on_error="item")
        self.assertIsNone(good.error)
        self.assertIsInstance(bad.error, warmd.InvalidParams)
        got = self.w.model(ADAPTER).divergence(["In the", [2 ** 30]], on_error="item")
        self.assertEqual(list(got.errors), [1])
        self.assertTrue(math.isnan(got.per_prompt[1]))
        one, none = m.perplexity(["In the", "e"])
        self.assertTrue(math.isfinite(one) and math.isnan(none))


class Asking(WithDaemon):
    def setUp(self):
        self.w = warmd.connect(self.daemon.socket)
        self.addCleanup(self.w.close)

    def test_a_thousand_requests_at_once_are_answered_each_with_its_own(self):
        m = self.w.model(BASE)
        texts = [f"{n} and {n * n}" for n in range(1000)]
        got = list(self.w.map(m.tokenize, texts, in_flight=1000))
        self.assertEqual([m.detokenize(each.ids) for each in got[::97]], texts[::97])
        alone = [plain(m.tokenize(each).ids) for each in texts[:50]]
        self.assertEqual([plain(each.ids) for each in got[:50]], alone)
        for in_flight in (1, 2, 7, 5000):
            again = list(self.w.map(m.tokenize, texts, in_flight=in_flight))
            self.assertEqual([plain(each.ids) for each in again],
                             [plain(each.ids) for each in got])

    def test_map_raises_or_returns_what_fails_in_its_place(self):
        m = self.w.model(BASE)
        inputs = [[PROMPTS[0]], [[2 ** 30]], [PROMPTS[1]]]
        got = list(self.w.map(m.perplexity, inputs, return_exceptions=True))
        self.assertIsInstance(got[1], warmd.InvalidParams)
        self.assertEqual([plain(got[0]), plain(got[2])],
                         [plain(m.perplexity(each)) for each in (inputs[0], inputs[2])])
        each = self.w.map(m.perplexity, inputs)
        next(each)
        with self.assertRaises(warmd.InvalidParams):
            next(each)
        views = [m.base, m, m.scaled(0.5)]
        over = self.w.map(warmd.Model.perplexity, views, [[each] for each in PROMPTS])
        self.assertEqual([plain(each) for each in over],
                         [plain(one.perplexity([each])) for one, each in zip(views, PROMPTS)])
        for wrong in (len, self.w.health, m.stream):
            with self.assertRaises(TypeError):
                self.w.map(wrong, inputs)

    def test_threads_may_share_a_connection(self):
        m = self.w.model(BASE)
        texts = [[f"{name} {n}" for n in range(50)] for name in range(8)]
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda some: [m.tokenize(each) for each in some], texts))
        for some, got in zip(texts, found):
            self.assertEqual([plain(each.ids) for each in got],
                             [plain(each.ids) for each in self.w.map(m.tokenize, some)])

    def test_while_a_thread_waits_another_may_send_what_does_not_fit_at_once(self):
        stream = self.w.model(SLOW).stream("x", max_new_tokens=1)
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(lambda: stream.result)
            long = "In the beginning " * 20000
            self.assertGreater(len(self.w.model(BASE).tokenize(long).ids), 20000)
            stream.close()
            self.assertIsInstance(waiting.exception(), warmd.Cancelled)

    def test_progress_is_told(self):
        told = []
        self.w.unload_all()
        self.w.model(BASE).load(progress=told.append)
        self.assertIn("loading", [each.stage for each in told])

    def test_what_the_daemon_knows_is_told(self):
        m = self.w.model(ADAPTER)
        loaded = m.load(pin=True)
        self.assertEqual(self.w.health()["version"], warmd.__version__)
        row = next(each for each in self.w.models() if each["key"] == loaded["key"])
        self.assertTrue(row["pinned"])
        self.assertEqual(m.unpin(), loaded["key"])
        self.assertEqual(m.pin(), loaded["key"])
        m.unpin()
        self.assertIn(loaded["key"], m.unload())
        self.assertIn("warmd", self.w.metrics())
        self.assertTrue(self.w.stats())
        self.assertEqual(self.w.discover()["info"]["version"], warmd.__version__)
        with self.assertRaises(warmd.Unsupported):  # it was started without one
            self.w.reload()

    def test_events_are_told_until_they_are_closed(self):
        m = self.w.model({"kind": "dummy", "base": "seen"})
        with self.w.events("state") as events:
            loaded = m.load()
            self.assertEqual(next(events)["key"], loaded["key"])
        with self.assertRaises(warmd.Disconnected):
            for _ in events:
                pass

    def test_a_single_text_and_unknown_options_are_refused(self):
        m = self.w.model(BASE)
        for wrong in (lambda: m.divergence("abc"), lambda: m.perplexity({"messages": []}),
                      lambda: m.next_token(["a"], topk=3),
                      lambda: m.generate("a", on_error="item")):
            with self.assertRaises(TypeError):
                wrong()


class Leaving(WithDaemon):
    """Whatever is left unanswered is taken back, and no model stays in use."""

    def test_a_stream_that_is_left(self):
        with warmd.connect(self.daemon.socket) as w:
            m = w.model(ADAPTER)
            for token in m.stream("The king", max_new_tokens=500):
                break
            del token
            self.daemon.until(no_leases)
            with m.stream("The king", max_new_tokens=500) as stream:
                next(stream)
            self.daemon.until(no_leases)
            self.assertEqual(w.health()["status"], "ok")

    def test_a_map_that_is_left(self):
        with warmd.connect(self.daemon.socket) as w:
            m = w.model(ADAPTER)
            each = w.map(m.perplexity, [[f"{n} of them"] for n in range(300)])
            next(each)
            each.close()
            self.daemon.until(no_leases)
            self.assertEqual(len(m.tokenize("And").tokens), 1)

    def test_hanging_up(self):
        w = warmd.connect(self.daemon.socket)
        stream = w.model(SLOW).stream("x", max_new_tokens=1)
        self.daemon.until(in_use)
        w.close()
        w.close()
        self.daemon.until(no_leases)
        for wrong in (stream.__next__, w.health):
            with self.assertRaises(warmd.Disconnected):
                wrong()

    def test_hanging_up_while_another_thread_waits(self):
        w = warmd.connect(self.daemon.socket)
        m = w.model(SLOW)
        with ThreadPoolExecutor() as threads:
            waiting = [threads.submit(m.next_token, ["x"]) for _ in range(3)]
            self.daemon.until(lambda models: sum(each["leases"] for each in models) == 3)
            w.close()
            for each in waiting:
                self.assertIsInstance(each.exception(), warmd.Disconnected)
        self.daemon.until(no_leases)

    def test_a_callback_that_raises(self):
        class Enough(Exception):
            pass

        def stop(progress):
            raise Enough

        with warmd.connect(self.daemon.socket) as w:
            with self.assertRaises(Enough):
                w.model(SLOW).next_token(["x"], progress=stop)
            self.daemon.until(no_leases)

    def test_shutdown(self):
        daemon = Daemon()
        with warmd.connect(daemon.socket) as w:
            w.shutdown(0)
            daemon.wait()
            with self.assertRaises(warmd.Disconnected):
                w.health()


class Pretenders(unittest.TestCase):
    """What is at the other end may be anything."""

    def test_garbage(self):
        for said, error in ((b"SSH-2.0-OpenSSH_9.2\r\n", warmd.ParseError),
                            (b"", warmd.Disconnected), (b'{"jsonrpc"', warmd.Disconnected),
                            (b'{"id":1,"result":{}}\n', None)):
            def answer(connection):
                connection.recv(4096)
                connection.sendall(said)

            with pretender(answer) as path, warmd.connect(path) as w:
                if error:
                    with self.assertRaises(error):
                        w.health()
                else:
                    self.assertEqual(w.health(), {})

    def test_frames_in_pieces(self):
        def answer(connection):
            connection.recv(4096)
            for each in b'{"method":"new","params":{}}\n{"id":1,"result":"ok"}\n':
                connection.sendall(bytes([each]))

        with pretender(answer) as path, warmd.connect(path) as w:
            self.assertEqual(w.call("health"), "ok")

    def test_a_daemon_that_takes_nothing_while_it_answers(self):
        """Requests and answers beyond what a socket holds, both at once."""
        answers = b"".join(b'{"id":%d,"result":{"ids":[%d],"tokens":["%s"]}}\n'
                           % (n + 1, n, b"x" * 10000) for n in range(200))

        def answer(connection):
            connection.recv(1)
            connection.sendall(answers)
            while connection.recv(1 << 20):
                pass

        with pretender(answer) as path, warmd.connect(path) as w:
            m = w.model({"kind": "dummy", "base": "x"})
            got = list(w.map(m.tokenize, ["y" * 10000] * 200))
            self.assertEqual([plain(each.ids) for each in got], [[n] for n in range(200)])

    def test_silence(self):
        done = threading.Event()

        def answer(connection):
            done.wait()

        with pretender(answer) as path, warmd.connect(path, patience=0.01) as w:
            with self.assertRaises(warmd.Timeout) as caught:
                w.health()
            self.assertIsInstance(caught.exception, TimeoutError)
            done.set()

    def test_nobody(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sock")
            with self.assertRaises(warmd.Disconnected) as caught:
                warmd.connect(path)
            self.assertIn("to start a daemon: warmd --socket " + path, str(caught.exception))
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(path)
            with self.assertRaises(ConnectionError):
                warmd.connect(path)
        with self.assertRaises(warmd.Disconnected):
            warmd.connect("/" + "x" * 200)


if __name__ == "__main__":
    unittest.main()
