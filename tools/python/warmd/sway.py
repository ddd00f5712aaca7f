"""dlm-sway's probes on warmd: a backend of its kind `custom`.

    models:
      ft: {kind: custom, entry_point: "warmd.sway:Backend", base: /models/b, adapter: out/adapter}

It satisfies the protocols DifferentialBackend, ScalableDifferentialBackend, NullCalibratedBackend
and PreflightCheckable of dlm_sway.core.scoring, whose classes its results are. The daemon is found
as `warmd.connect` finds it.
"""

from __future__ import annotations

import importlib
import os
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence, Tuple

import numpy

from . import client, views
from .errors import Error, InvalidParams

PREFLIGHT = "The"
"""What `preflight_finite_check` asks both views about."""


class ScoringView:
    """One view of the model, for as long as the `with` that made it lasts."""

    def __init__(self, name: str, model: client.Model, scoring: Any) -> None:
        self.id = name
        self._model: Optional[client.Model] = model
        self._scoring = scoring

    @property
    def _open(self) -> client.Model:
        if self._model is None:
            raise RuntimeError(f"the view {self.id!r} is used after its `with` has ended")
        return self._model

    def generate(self, prompt: str, *, max_new_tokens: int, temperature: float = 0.0,
                 top_p: float = 1.0, seed: int = 0) -> str:
        """What the model adds to `prompt`, without special tokens."""
        return self._open.generate(prompt, max_new_tokens=max_new_tokens, seed=seed,
                                   temperature=temperature, top_p=top_p).text

    def logprob_of(self, prompt: str, completion: str) -> float:
        """The sum of the log-probabilities of the completion's tokens, nats."""
        found = self._open.logprob([(prompt, completion)])[0].logprob
        if found is None:
            raise InvalidParams(f"no token of {completion!r} has something before it")
        return found

    def rolling_logprob(self, text: str) -> Any:
        """A RollingLogprob of all of `text`."""
        found = self._open.rolling_logprob([text])[0]
        return self._scoring.RollingLogprob(
            token_ids=numpy.asarray(found.token_ids, numpy.int64),
            logprobs=numpy.asarray(found.logprobs, numpy.float32),
            num_tokens=found.num_tokens, total_logprob=found.total_logprob)

    def next_token_dist(self, prompt: str, *, top_k: int = 256) -> Any:
        """A TokenDist of the token after `prompt`."""
        return self.next_token_dist_batch([prompt], top_k=top_k)[0]

    def next_token_dist_batch(self, prompts: Sequence[str], *, top_k: int = 256) -> List[Any]:
        """The same for each of `prompts`, by one request."""
        return [self._scoring.TokenDist(
            token_ids=numpy.asarray(each.token_ids, numpy.int64),
            logprobs=numpy.asarray(each.logprobs, numpy.float32),
            vocab_size=each.vocab_size, tail_logprob=each.tail_logprob)
            for each in self._open.next_token(list(prompts), top_k=top_k)]

    def close(self) -> None:
        """Ends the view."""
        self._model = None


class Backend:
    """One model in the daemon, seen through one view after the other."""

    def __init__(self, *, base_spec: Any, adapter_path: Optional["os.PathLike[str]"] = None
                 ) -> None:
        self._scoring = importlib.import_module("dlm_sway.core.scoring")
        adapter = adapter_path if adapter_path is not None else base_spec.adapter
        if adapter is None:
            raise InvalidParams("there is no adapter to compare with its base")
        dtype = getattr(base_spec, "dtype", None)
        self._client = client.connect()
        self._model = self._client.model(base_spec.base, adapter,
                                         dtype=None if dtype == "auto" else dtype)
        self._active: Optional[str] = None

    @contextmanager
    def _through(self, name: str, view: views.View) -> Iterator[ScoringView]:
        if self._active is not None:
            raise RuntimeError(f"leave the view {self._active!r} before entering {name!r}")
        self._active = name
        made = ScoringView(name, self._model.through(view), self._scoring)
        try:
            yield made
        finally:
            made.close()
            self._active = None

    def as_base(self) -> Any:
        """The base, for a `with`."""
        return self._through("base", views.BASE)

    def as_finetuned(self) -> Any:
        """The fine-tuned model, for a `with`."""
        return self._through("ft", views.FT)

    def as_scaled_adapter(self, lam: float) -> Any:
        """The adapter's part times `lam`, for a `with`."""
        return self._through(f"scaled_{lam:.2f}", views.scaled(lam))

    def as_null_adapter(self, seed: int, *, init_scale: float = 0.02,
                        rank_scale: float = 1.0) -> Any:
        """An adapter of noise, for a `with`; the same `seed` draws the same one."""
        return self._through(f"null_{seed}", views.null(seed, init_scale=init_scale,
                                                        rank_scale=rank_scale))

    def preflight_finite_check(self) -> Tuple[bool, str]:
        """Whether both views' numbers are finite, and why not; the daemon refuses what is not."""
        try:
            self._model.divergence([PREFLIGHT])
        except Error as why:
            return False, f"{why.kind}: {why}"
        return True, ""

    def close(self) -> None:
        """Hangs up. The model stays warm in the daemon."""
        self._client.close()
