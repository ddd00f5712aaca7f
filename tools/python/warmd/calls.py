"""The protocol's methods as values: what is asked, and how the answer is read.

Each function here that begins with a Target becomes a method of `warmd.Model` and of
`warmd.aio.Model`, without it. Where a text may stand, its token ids may, or a conversation,
{"messages": [...]}, of which the model's own chat template makes a text.

Options of every one: `timeout` (seconds, after which it fails with Timeout), `keep_alive` (seconds
for which the model stays loaded at least), `priority` ("interactive" or "batch"), `fresh` (compute
all of it, whatever is remembered), and `progress`, a function that is told how far it has come. Of
those that score, besides: `bos` (put the model's BOS before texts whose tokenizer adds none) and
`on_error` ("request": an input that cannot be scored fails all; "item": its result has the error).
"""

from __future__ import annotations

from typing import (TYPE_CHECKING, Any, Callable, Dict, Generic, Iterable, List, Mapping, Optional,
                    Sequence, Tuple, TypeVar, Union)

from . import results, wire
from .locate import Path, Target
from .results import CompletionScore, Distribution, Divergence, Generation, Rendered, TextScore
from .results import Progress, Tokens
from .suites import form_of
from .views import View, on_the_wire

if TYPE_CHECKING:
    from typing_extensions import Literal, TypedDict, Unpack

    from .results import Floats

    class Options(TypedDict, total=False):
        """Of every method about a model."""

        timeout: float
        keep_alive: float
        priority: Literal["interactive", "batch"]
        fresh: bool
        progress: Callable[[Progress], None]

    class Scoring(Options, total=False):
        """Of those that score."""

        bos: bool
        on_error: Literal["request", "item"]

T = TypeVar("T")
Text = Union[str, Sequence[int], Mapping[str, Any]]
"""A text, its token ids, or a conversation."""

MOST_INPUTS = 1024
"""Longer lists of inputs are asked for in several requests at once: the numbers are the same."""

_OPTIONS = frozenset(("timeout", "keep_alive", "priority", "fresh", "progress"))
_SCORING = _OPTIONS | {"bos", "on_error"}


class Call(Generic[T]):
    """One request: its method and params, and what makes its value of the result.

    With `inputs`, the name of a list among the params, the value is a list with one for each.
    """

    __slots__ = ("method", "params", "read", "progress", "inputs")

    def __init__(self, method: str, params: Dict[str, Any], read: Callable[[Any], T],
                 progress: Optional[Callable[[Progress], None]] = None, inputs: str = "") -> None:
        self.method = method
        self.params = params
        self.read = read
        self.progress = progress
        self.inputs = inputs

    def parts(self) -> List[Call[T]]:
        """The same in several requests, for lists of more than MOST_INPUTS inputs."""
        count = len(self.params[self.inputs]) if self.inputs else 0
        if count <= MOST_INPUTS:
            return [self]
        every = self.params[self.inputs]
        return [Call(self.method, {**self.params, self.inputs: every[at:at + MOST_INPUTS]},
                     self.read, self.progress, self.inputs)
                for at in range(0, count, MOST_INPUTS)]


def join(parts: Sequence[T]) -> T:
    """The value of a call from those of its parts."""
    if len(parts) == 1:
        return parts[0]
    lists: Sequence[Any] = parts
    if isinstance(lists[0], list):
        made: Any = [each for part in lists for each in part]
        return made
    import numpy
    return numpy.concatenate(lists)


def _same(raw: Any) -> Any:
    return raw


def _each(member: str, read: Callable[[Any], T]) -> Callable[[Any], List[T]]:
    return lambda raw: [read(each) for each in raw[member]]


def _listed(name: str, inputs: Iterable[Any]) -> List[Any]:
    """`inputs` as a list. One text alone, whose characters would be taken one by one, is none."""
    if isinstance(inputs, (str, bytes, Mapping)):
        raise TypeError(f"{name} must be a list of texts, found one alone: put it in brackets")
    return list(inputs)


def _about(at: Target, /, known: frozenset[str], options: Mapping[str, Any],
           **members: Any) -> Dict[str, Any]:
    """Params about a model; members that are None are left out."""
    made: Dict[str, Any] = {"model": at.model}
    for name, value in members.items():
        if value is not None:
            made[name] = value
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"there is no option '{name}'; there are {', '.join(sorted(known))}")
        if value is not None:
            made[name] = True if name == "progress" else value
    return made


def load(at: Target, /, *, pin: bool = False, **options: Unpack[Options]) -> Call[wire.Loaded]:
    """Makes the model resident, or finds it so; with `pin` it is never evicted to make room."""
    return Call("load", _about(at, _OPTIONS, options, pin=pin or None), _same,
                options.get("progress"))


def unload(at: Target, /, *, wait: bool = True, **options: Unpack[Options]) -> Call[List[str]]:
    """Closes the model once nobody uses it; the keys of what was resident."""
    return Call("unload", _about(at, _OPTIONS, options, wait=wait), lambda raw: raw["unloaded"],
                options.get("progress"))


def pin(at: Target, /, **options: Unpack[Options]) -> Call[str]:
    """Keeps the model from eviction; its key."""
    return Call("pin", _about(at, _OPTIONS, options), lambda raw: raw["key"],
                options.get("progress"))


def unpin(at: Target, /, **options: Unpack[Options]) -> Call[str]:
    """Takes a pin back; the model's key."""
    return Call("unpin", _about(at, _OPTIONS, options), lambda raw: raw["key"],
                options.get("progress"))


def tokenize(at: Target, /, text: Text, *, add_special_tokens: bool = True,
             **options: Unpack[Options]) -> Call[Tokens]:
    """The tokens of `text`, with what the tokenizer puts around one unless told otherwise."""
    params = _about(at, _OPTIONS, options, text=text, add_special_tokens=add_special_tokens)
    return Call("tokenize", params, results.read_tokens, options.get("progress"))


def detokenize(at: Target, /, ids: Sequence[int], *, skip_special_tokens: bool = False,
               **options: Unpack[Options]) -> Call[str]:
    """The text that token `ids` [n] stand for."""
    params = _about(at, _OPTIONS, options, ids=ids, skip_special_tokens=skip_special_tokens)
    return Call("detokenize", params, lambda raw: raw["text"], options.get("progress"))


def render(at: Target, /, messages: Sequence[Mapping[str, Any]], *,
           tools: Optional[Sequence[Any]] = None, documents: Optional[Sequence[Any]] = None,
           add_generation_prompt: Optional[bool] = None,
           continue_final_message: Union[bool, str, None] = None,
           chat_template: Optional[str] = None,
           chat_template_kwargs: Optional[Mapping[str, Any]] = None,
           **options: Unpack[Options]) -> Call[Rendered]:
    """The text that the model's chat template makes of a conversation, and its tokens."""
    params = _about(at, _OPTIONS, options, messages=messages, tools=tools, documents=documents,
                    add_generation_prompt=add_generation_prompt,
                    continue_final_message=continue_final_message, chat_template=chat_template,
                    chat_template_kwargs=chat_template_kwargs)
    return Call("render", params, results.read_rendered, options.get("progress"))


def chat_template(at: Target, /, name: Optional[str] = None,
                  **options: Unpack[Options]) -> Call[wire.ChatTemplate]:
    """Which chat templates the model has, and what the one called `name` reads."""
    return Call("chat_template", _about(at, _OPTIONS, options, name=name), _same,
                options.get("progress"))


def next_token(at: Target, /, prompts: Iterable[Text], *, top_k: int = 256,
               **options: Unpack[Scoring]) -> Call[List[Distribution]]:
    """The `top_k` most probable tokens after each of `prompts`, in order."""
    params = _about(at, _SCORING, options, view=at.view, prompts=_listed("prompts", prompts),
                    top_k=top_k)
    return Call("next_token", params, _each("distributions", results.read_distribution),
                options.get("progress"), "prompts")


def logprob(at: Target, /, items: Iterable[Tuple[Text, Text]],
            **options: Unpack[Scoring]) -> Call[List[CompletionScore]]:
    """How probable completions are: `items` are pairs, (prompt, completion)."""
    pairs = [{"prompt": prompt, "completion": completion}
             for prompt, completion in _listed("items", items)]
    params = _about(at, _SCORING, options, view=at.view, items=pairs)
    return Call("logprob", params, _each("results", results.read_completion),
                options.get("progress"), "items")


def rolling_logprob(at: Target, /, texts: Iterable[Text],
                    **options: Unpack[Scoring]) -> Call[List[TextScore]]:
    """How probable each of `texts` is: the log-probability of every token, and the perplexity."""
    params = _about(at, _SCORING, options, view=at.view, texts=_listed("texts", texts))
    return Call("rolling_logprob", params, _each("results", results.read_text),
                options.get("progress"), "texts")


def perplexity(at: Target, /, texts: Iterable[Text],
               **options: Unpack[Scoring]) -> Call[Floats]:
    """The perplexity of each of `texts`, [n]; NaN where nothing could be scored."""
    params = _about(at, _SCORING, options, view=at.view, texts=_listed("texts", texts))

    def read(raw: Any) -> Floats:
        found = [each.get("perplexity") for each in raw["results"]]
        return results.floats([results.NAN if each is None else each for each in found])

    return Call("rolling_logprob", params, read, options.get("progress"), "texts")


def divergence(at: Target, /, prompts: Iterable[Text], *, kind: Literal["js", "kl"] = "js",
               from_: View = "base", to: Optional[View] = None, top_k: int = 256,
               **options: Unpack[Scoring]) -> Call[Divergence]:
    """How far apart two views' distributions of the token after each of `prompts` are.

    `kind` "js": Jensen-Shannon; "kl": KL(`to` || `from_`). `to` is the model's own view if it is
    not given. All prompts go into one request, as they have one mean.
    """
    params = _about(at, _SCORING, options, prompts=_listed("prompts", prompts), kind=kind,
                    top_k=top_k, to=at.view if to is None else on_the_wire(to),
                    **{"from": on_the_wire(from_)})
    return Call("divergence", params, results.read_divergence, options.get("progress"))


def generate(at: Target, /, prompt: Text, *, max_new_tokens: int = 64, temperature: float = 0.0,
             top_p: float = 1.0, top_k: int = 0, seed: int = 0,
             stop: Union[str, Sequence[str]] = (), stop_token_ids: Sequence[int] = (),
             bos: bool = False, **options: Unpack[Options]) -> Call[Generation]:
    """Continues `prompt` by at most `max_new_tokens` tokens.

    At `temperature` 0 always by the most probable one; else drawn, by `seed`, from the `top_k` most
    probable (0: all) and of these from the smallest set whose mass is `top_p`. It ends before any
    of the texts in `stop` and at any of `stop_token_ids`.
    """
    params = _about(at, _OPTIONS, options, view=at.view, prompt=prompt, top_p=top_p, top_k=top_k,
                    max_new_tokens=max_new_tokens, temperature=temperature, seed=seed, stop=stop,
                    stop_token_ids=stop_token_ids, bos=bos or None)
    return Call("generate", params, results.read_generation, options.get("progress"))


def suite(at: Target, /, suite: Union[Path, Mapping[str, Any]], *,
          mode: Optional[Literal["default", "compat"]] = None, only: Sequence[str] = (),
          **options: Unpack[Options]) -> Call[wire.Report]:
    """Examines the model's adapter by a suite, and judges it: the report.

    `suite` is the path of a suite's file (warmctl(1)), or its JSON form; `only` the names of
    entries that are asked, beside the null adapter. `warmd.passes` says what the verdict is.
    """
    params = _about(at, _OPTIONS, options, suite=form_of(suite, models=False), mode=mode,
                    only=list(only) or None)
    return Call("suite.run", params, _same, options.get("progress"))


# -- of the daemon, about no model -----------------------------------------------------------------


def health() -> Call[wire.Health]:
    """Whether all is well; never counts as use."""
    return Call("health", {}, _same)


def models() -> Call[List[wire.ModelState]]:
    """What is resident, on its way in or out, or failed lately: least recently used first."""
    return Call("models", {}, lambda raw: raw["models"])


def stats() -> Call[Dict[str, Any]]:
    """Counters since the start, and gauges of now."""
    return Call("stats", {}, _same)


def metrics() -> Call[str]:
    """The same and more, in the text format of Prometheus."""
    return Call("metrics", {}, lambda raw: raw["text"])


def unload_all(*, wait: bool = True) -> Call[List[str]]:
    """Closes every model once nobody uses it; the keys of what was resident."""
    return Call("unload", {"all": True, "wait": wait}, lambda raw: raw["unloaded"])


def validate(suite: Union[Path, Mapping[str, Any]]) -> Call[wire.Plan]:
    """Reads a suite without a model, and says what it would ask."""
    return Call("suite.validate", {"suite": form_of(suite)}, _same)


def reload() -> Call[wire.Reloaded]:
    """Lets the daemon read its configuration file again."""
    return Call("reload", {}, _same)


def shutdown(drain_seconds: Optional[float] = None) -> Call[None]:
    """Lets the daemon finish what is under way, for so long at most, and exit."""
    limit = {} if drain_seconds is None else {"drain_seconds": drain_seconds}
    return Call("shutdown", limit, lambda raw: None)


def discover() -> Call[Dict[str, Any]]:
    """The protocol, as an OpenRPC document."""
    return Call("rpc.discover", {}, _same)


def call(method: str, **params: Any) -> Call[Any]:
    """Any method of the protocol, and its result as it comes."""
    return Call(method, params, _same)
