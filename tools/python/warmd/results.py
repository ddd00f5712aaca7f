"""What comes back. Log-probabilities and divergences are in nats.

Numbers that come in rows are arrays of NumPy, or lists where there is no NumPy. A field `error` is
None, but where the input could not be scored and `on_error="item"` was asked for: then nothing else
there means anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .errors import Error, read_error

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

    Floats = NDArray[float64]
    Ints = NDArray[int64]

NAN = float("nan")


def _arrays() -> Tuple[Callable[[Sequence[Any]], Any], Callable[[Sequence[Any]], Any]]:
    try:
        import numpy
    except ImportError:
        return list, list
    return (lambda values: numpy.array(values, numpy.float64),
            lambda values: numpy.array(values, numpy.int64))


_made: List[Callable[[Sequence[Any]], Any]] = []  # NumPy takes its time: once there is a result


def floats(values: Sequence[Any]) -> Floats:
    """[n] of 64-bit floating-point numbers, to the last bit as the daemon wrote them."""
    if not _made:
        _made.extend(_arrays())
    return _made[0](values)


def ints(values: Sequence[Any]) -> Ints:
    """[n] of 64-bit integers."""
    if not _made:
        _made.extend(_arrays())
    return _made[1](values)


@dataclass(frozen=True)
class Tokens:
    """A text's tokens: `ids` [n], and `tokens` [n], the vocabulary's entry for each."""

    ids: Ints
    tokens: List[str]


@dataclass(frozen=True)
class Rendered:
    """What a chat template made of a conversation: the `text`, and its tokens, `ids` [n].

    `template` is the template's name; `unused_kwargs` are mentioned nowhere in it.
    """

    text: str
    ids: Ints
    template: str
    unused_kwargs: List[str]


@dataclass(frozen=True)
class Distribution:
    """The distribution of the token after a prompt: the most probable, most probable first.

    `token_ids` [k], `logprobs` [k]; `tail_logprob` is the log of the mass that is not listed, None
    if all of the `vocab_size` tokens are.
    """

    token_ids: Ints
    logprobs: Floats
    tail_logprob: Optional[float]
    vocab_size: int
    error: Optional[Error] = None


@dataclass(frozen=True)
class CompletionScore:
    """How probable a completion is after its prompt.

    `logprob` is the sum over its `num_scored` scored tokens, None if there are none. `token_ids`
    are all of the completion's, `logprobs` [num_scored] those of the scored ones, which are the
    last: a first token with nothing before it is not scored. `num_tokens` equals `num_scored`.
    """

    logprob: Optional[float]
    num_tokens: int
    num_scored: int
    token_ids: Ints
    logprobs: Floats
    error: Optional[Error] = None


@dataclass(frozen=True)
class TextScore:
    """How probable a text is.

    `token_ids` [num_tokens], `logprobs` [num_scored] of those with something before them. The
    `perplexity` is exp(-`mean_logprob`); both are None if nothing was scored.
    """

    token_ids: Ints
    logprobs: Floats
    num_tokens: int
    num_scored: int
    total_logprob: float
    mean_logprob: Optional[float]
    perplexity: Optional[float]
    error: Optional[Error] = None


@dataclass(frozen=True)
class Divergence:
    """How far two views' next-token distributions are apart, after each prompt.

    `kind` "js" (Jensen-Shannon, at most ln 2) or "kl". `per_prompt` [n], NaN where `errors` has
    the prompt's place; `ci_95` is the 95 % interval of the mean by bootstrap. `mean`, `max` and its
    ends are None where nothing could be compared.
    """

    kind: str
    per_prompt: Floats
    mean: Optional[float]
    max: Optional[float]
    ci_95: Tuple[Optional[float], Optional[float]]
    errors: Dict[int, Error] = field(default_factory=dict)


@dataclass(frozen=True)
class Generation:
    """What was added to a prompt: the `text` without special tokens, and `token_ids` [n].

    `finish_reason`: "stop" (a stop text or token), "length" or "eos".
    """

    text: str
    token_ids: Ints
    finish_reason: str


@dataclass(frozen=True)
class Token:
    """One token of a stream. The texts of all of them together are the generation's."""

    text: str
    token_id: int
    logprob: float


@dataclass(frozen=True)
class Progress:
    """How far a request has come.

    `stage`: "queued", "waiting_for_files", "waiting_for_room", "loading" or "running"; `position`
    in the line for room; `fraction` from 0 to 1 of a load or of a suite. `raw` has all that the
    daemon said.
    """

    stage: str
    position: Optional[int]
    fraction: Optional[float]
    raw: Mapping[str, Any]


def read_tokens(raw: Mapping[str, Any]) -> Tokens:
    return Tokens(ints(raw["ids"]), raw["tokens"])


def read_rendered(raw: Mapping[str, Any]) -> Rendered:
    return Rendered(raw["text"], ints(raw["ids"]), raw["template"], raw["unused_kwargs"])


def read_distribution(raw: Mapping[str, Any]) -> Distribution:
    if "error" in raw:
        return Distribution(ints(()), floats(()), None, 0, read_error(raw["error"]))
    return Distribution(ints(raw["token_ids"]), floats(raw["logprobs"]), raw["tail_logprob"],
                        raw["vocab_size"])


def read_completion(raw: Mapping[str, Any]) -> CompletionScore:
    if "error" in raw:
        return CompletionScore(None, 0, 0, ints(()), floats(()), read_error(raw["error"]))
    return CompletionScore(raw["logprob"], raw["num_tokens"], raw["num_scored"],
                           ints(raw["token_ids"]), floats(raw["logprobs"]))


def read_text(raw: Mapping[str, Any]) -> TextScore:
    if "error" in raw:
        return TextScore(ints(()), floats(()), 0, 0, 0.0, None, None, read_error(raw["error"]))
    return TextScore(ints(raw["token_ids"]), floats(raw["logprobs"]), raw["num_tokens"],
                     raw["num_scored"], raw["total_logprob"], raw["mean_logprob"],
                     raw["perplexity"])


def read_divergence(raw: Mapping[str, Any]) -> Divergence:
    rows = raw["per_prompt"]
    errors = {place: read_error(each["error"]) for place, each in enumerate(rows)
              if isinstance(each, dict)}
    low, high = raw["ci_95"]
    return Divergence(raw["kind"],
                      floats([NAN if place in errors else each for place, each in enumerate(rows)]),
                      raw["mean"], raw["max"], (low, high), errors)


def read_generation(raw: Mapping[str, Any]) -> Generation:
    return Generation(raw["text"], ints(raw["token_ids"]), raw["finish_reason"])


def read_token(raw: Mapping[str, Any]) -> Token:
    return Token(raw["text"], raw["token_id"], raw["logprob"])


def read_progress(raw: Mapping[str, Any]) -> Progress:
    return Progress(raw["stage"], raw.get("position"), raw.get("fraction"), raw)
