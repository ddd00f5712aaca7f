"""The client for asyncio, beside a daemon."""

import asyncio
import inspect
import os
import tempfile
import unittest

import warmd
import warmd.aio
from support import ADAPTER, BASE, PROMPTS, WithDaemon, in_use, no_leases, pretender
from test_client import SLOW, plain


class Asking(WithDaemon):
    def run_with(self, ask):
        async def main():
            async with warmd.aio.connect(self.daemon.socket) as w:
                return await ask(w)

        return asyncio.run(main())

    def test_it_says_what_the_client_that_waits_says(self):
        async def ask(w):
            m = w.model(ADAPTER)
            return await asyncio.gather(
                m.next_token(PROMPTS, top_k=8), m.base.rolling_logprob(PROMPTS),
                m.scaled(0.5).perplexity(PROMPTS), m.divergence(PROMPTS, kind="kl"),
                m.generate("The king", max_new_tokens=8), m.tokenize(PROMPTS[0]), w.models())

        told = self.run_with(ask)
        with warmd.connect(self.daemon.socket) as w:
            m = w.model(ADAPTER)
            waited = (m.next_token(PROMPTS, top_k=8), m.base.rolling_logprob(PROMPTS),
                      m.scaled(0.5).perplexity(PROMPTS), m.divergence(PROMPTS, kind="kl"),
                      m.generate("The king", max_new_tokens=8), m.tokenize(PROMPTS[0]), w.models())
        for one, other in zip(told[0] + told[1], waited[0] + waited[1]):
            self.assertEqual(plain(one.logprobs), plain(other.logprobs))
        self.assertEqual(plain(told[2]), plain(waited[2]))
        self.assertEqual(plain(told[3].per_prompt), plain(waited[3].per_prompt))
        self.assertEqual(told[4].text, waited[4].text)
        self.assertEqual(told[5].tokens, waited[5].tokens)
        self.assertEqual(told[6][0]["key"], waited[6][0]["key"])

    def test_it_has_the_same_methods(self):
        for one, other in ((warmd.Model, warmd.aio.Model), (warmd.Client, warmd.aio.Client)):
            names = {name for name in vars(one) if not name.startswith("_")}
            self.assertEqual(names, {name for name in vars(other) if not name.startswith("_")})
            for name in names - {"map", "events", "close", "ask"}:
                self.assertEqual(inspect.signature(getattr(one, name)),
                                 inspect.signature(getattr(other, name)), name)
                self.assertTrue(inspect.getdoc(getattr(other, name)), name)

    def test_a_thousand_requests_at_once(self):
        texts = [f"{n} and {n * n}" for n in range(1000)]

        async def ask(w):
            m = w.model(BASE)
            return (await asyncio.gather(*[m.tokenize(each) for each in texts]),
                    [each async for each in w.map(m.tokenize, texts)])

        gathered, mapped = self.run_with(ask)
        with warmd.connect(self.daemon.socket) as w:
            expected = [plain(each.ids) for each in w.map(w.model(BASE).tokenize, texts)]
        self.assertEqual([plain(each.ids) for each in gathered], expected)
        self.assertEqual([plain(each.ids) for each in mapped], expected)

    def test_map_raises_or_returns_what_fails_in_its_place(self):
        inputs = [[PROMPTS[0]], [[2 ** 30]], [PROMPTS[1]]]

        async def ask(w):
            m = w.model(BASE)
            given = [each async for each in w.map(m.perplexity, inputs, return_exceptions=True)]
            self.assertIsInstance(given[1], warmd.InvalidParams)
            with self.assertRaises(warmd.InvalidParams):
                async for _ in w.map(m.perplexity, inputs):
                    pass

        self.run_with(ask)

    def test_streams_and_progress_and_events(self):
        async def ask(w):
            m = w.model(ADAPTER)
            told = []
            await w.unload_all()
            async with w.events("state") as events:
                key = (await m.load(progress=told.append))["key"]
                self.assertEqual((await events.__anext__())["key"], key)
                events.close()
                with self.assertRaises(warmd.Disconnected):
                    async for _ in events:
                        pass
            self.assertIn("loading", [each.stage for each in told])
            stream = m.stream("The king", max_new_tokens=9)
            text = "".join([token.text async for token in stream])
            self.assertEqual((await stream.result()).text, text)
            self.assertEqual((await m.generate("The king", max_new_tokens=9)).text, text)

        self.run_with(ask)


class Leaving(WithDaemon):
    """Whatever is left unanswered is taken back, and no model stays in use."""

    async def until(self, ready):
        await asyncio.get_running_loop().run_in_executor(None, self.daemon.until, ready)

    def leave(self, how):
        async def main():
            async with warmd.aio.connect(self.daemon.socket) as w:
                await how(w)
                await self.until(no_leases)
                self.assertEqual((await w.health())["status"], "ok")

        asyncio.run(main())

    def test_a_task_that_is_cancelled(self):
        async def how(w):
            task = asyncio.ensure_future(w.model(SLOW).next_token(["x"]))
            await self.until(in_use)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        self.leave(how)

    def test_many_tasks_of_which_one_fails(self):
        async def how(w):
            m = w.model(SLOW)
            tasks = [asyncio.ensure_future(m.next_token(["x"])) for _ in range(20)]
            await self.until(in_use)
            for each in tasks:
                each.cancel()
            await asyncio.wait(tasks)
            self.assertTrue(all(each.cancelled() for each in tasks))

        self.leave(how)

    def test_a_time_limit(self):
        async def how(w):
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(w.model(SLOW).next_token(["x"]), 0.01)
            with self.assertRaises(warmd.Timeout):
                await w.model(SLOW).next_token(["x"], timeout=0.01)

        self.leave(how)

    def test_a_stream_that_is_left(self):
        async def how(w):
            m = w.model(ADAPTER)
            async for _ in m.stream("The king", max_new_tokens=500):
                break
            await self.until(no_leases)
            async with m.stream("The king", max_new_tokens=500) as stream:
                await stream.__anext__()
            await self.until(no_leases)
            stream = w.model(SLOW).stream("x")
            await self.until(in_use)
            stream.close()

        self.leave(how)

    def test_a_map_that_is_left(self):
        async def how(w):
            m = w.model(ADAPTER)
            each = w.map(m.perplexity, [[f"{n} of them"] for n in range(300)])
            await each.__anext__()
            await each.aclose()

        self.leave(how)

    def test_hanging_up(self):
        async def main():
            w = await warmd.aio.connect(self.daemon.socket)
            task = asyncio.ensure_future(w.model(SLOW).next_token(["x"]))
            await self.until(in_use)
            await w.close()
            with self.assertRaises(warmd.Disconnected):
                await task
            with self.assertRaises(warmd.Disconnected):
                await w.health()
            await self.until(no_leases)

        asyncio.run(main())


class Pretenders(unittest.TestCase):
    def test_garbage(self):
        for said, error in ((b"SSH-2.0-OpenSSH_9.2\r\n", warmd.ParseError),
                            (b"", warmd.Disconnected), (b'{"jsonrpc"', warmd.Disconnected)):
            def answer(connection):
                connection.recv(4096)
                connection.sendall(said)

            async def main(path):
                async with warmd.aio.connect(path) as w:
                    with self.assertRaises(error):
                        await w.health()

            with pretender(answer) as path:
                asyncio.run(main(path))

    def test_nobody(self):
        async def main(path):
            with self.assertRaises(warmd.Disconnected):
                await warmd.aio.connect(path)

        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(main(os.path.join(folder, "sock")))


if __name__ == "__main__":
    unittest.main()
