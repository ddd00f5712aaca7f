"""The backend for dlm-sway's kind `custom`, with stand-ins for the two classes it takes from it."""

import collections
import os
import sys
import types
import unittest
from unittest import mock

import warmd
from support import ADAPTER, BASE, WithDaemon

try:
    import numpy
except ImportError:
    numpy = None

SCORING = types.ModuleType("dlm_sway.core.scoring")
SCORING.RollingLogprob = collections.namedtuple(
    "RollingLogprob", "token_ids logprobs num_tokens total_logprob")
SCORING.TokenDist = collections.namedtuple(
    "TokenDist", "token_ids logprobs vocab_size tail_logprob")


@unittest.skipIf(numpy is None, "there is no NumPy")
class Sway(WithDaemon):
    def setUp(self):
        for each in (mock.patch.dict(os.environ, {"WARMD_SOCKET": self.daemon.socket}),
                     mock.patch.dict(sys.modules, {"dlm_sway": types.ModuleType("dlm_sway"),
                                                   "dlm_sway.core": types.ModuleType("core"),
                                                   "dlm_sway.core.scoring": SCORING})):
            each.start()
            self.addCleanup(each.stop)
        from warmd.sway import Backend
        spec = types.SimpleNamespace(base=BASE, adapter=None, dtype="auto", device="auto")
        self.backend = Backend(base_spec=spec, adapter_path=ADAPTER)
        self.addCleanup(self.backend.close)

    def test_views_say_what_models_say(self):
        with warmd.connect(self.daemon.socket) as w:
            m = w.model(BASE, ADAPTER)
            for context, same in (
                    (self.backend.as_base(), m.base), (self.backend.as_finetuned(), m),
                    (self.backend.as_scaled_adapter(1.25), m.scaled(1.25)),
                    (self.backend.as_null_adapter(3), m.null(3)),
                    (self.backend.as_null_adapter(3, init_scale=0.1, rank_scale=2),
                     m.through(warmd.null(3, init_scale=0.1, rank_scale=2)))):
                with context as view:
                    self.assertEqual(view.logprob_of("In the", " beginning"),
                                     same.logprob([("In the", " beginning")])[0].logprob)
                    rolling = view.rolling_logprob("In the beginning")
                    self.assertEqual(rolling.logprobs.dtype, numpy.float32)
                    self.assertEqual(len(rolling.logprobs), rolling.num_tokens - 1)
                    found = view.next_token_dist("In the", top_k=4)
                    expected = same.next_token(["In the"], top_k=4)[0]
                    self.assertEqual(found.token_ids.tolist(), expected.token_ids.tolist())
                    self.assertEqual(found.tail_logprob, expected.tail_logprob)
                    self.assertEqual(view.generate("The king", max_new_tokens=5),
                                     same.generate("The king", max_new_tokens=5).text)
                    view_after = view
                with self.assertRaises(RuntimeError):
                    view_after.next_token_dist("In the")

    def test_one_view_at_a_time(self):
        with self.backend.as_base():
            with self.assertRaises(RuntimeError), self.backend.as_finetuned():
                pass
        with self.backend.as_finetuned() as view:
            self.assertEqual(len(view.next_token_dist_batch(["a", "b", "c"])), 3)
            with self.assertRaises(warmd.InvalidParams):
                view.logprob_of("", "e")

    def test_preflight(self):
        self.assertEqual(self.backend.preflight_finite_check(), (True, ""))


if __name__ == "__main__":
    unittest.main()
