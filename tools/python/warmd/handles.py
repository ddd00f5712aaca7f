"""What both clients' models and connections are, whether one waits for them or awaits."""

from __future__ import annotations

from itertools import islice
from typing import (TYPE_CHECKING, Any, Callable, Generic, Iterable, Iterator, List, Mapping,
                    Optional, Tuple, TypeVar, Union)

from .calls import Call
from .locate import Path, Target, describe
from .views import View, null, on_the_wire, scaled

if TYPE_CHECKING:
    from typing_extensions import Self

C = TypeVar("C")
M = TypeVar("M")


class ModelHandle(Generic[C]):
    """A model, and a view of it. Nothing is loaded before it is asked something."""

    def __init__(self, client: C, target: Target) -> None:
        self.client = client
        self.target = target

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Model {self.target.model!r} view={self.target.view!r}>"

    def through(self, view: View) -> Self:
        """The same model, looked at through `view`."""
        return type(self)(self.client, self.target._replace(view=on_the_wire(view)))

    @property
    def base(self) -> Self:
        """The same without the adapter."""
        return self.through("base")

    def scaled(self, scale: float) -> Self:
        """The same with the adapter's part times `scale`."""
        return self.through(scaled(scale))

    def null(self, seed: int = 0, *, match: Optional[str] = None) -> Self:
        """The same with an adapter of noise (`warmd.null`)."""
        return self.through(null(seed, match=match))


class ClientHandle(Generic[M]):
    """Where models are had from."""

    _make_model: Callable[..., M]

    def model(self, model: Union[Path, Mapping[str, Any]], adapter: Optional[Path] = None, *,
              view: Optional[View] = None, revision: Optional[str] = None,
              dtype: Optional[str] = None, kind: Optional[str] = None,
              device: Optional[str] = None, entry_point: Optional[str] = None,
              options: Optional[Mapping[str, Any]] = None) -> M:
        """A model to ask. Nothing is sent yet.

        `model`: the directory of a base, or of an adapter whose file names its base; a repository
        id in the Hugging Face cache; a name of the daemon's configuration; or a ModelSpec. Behind
        a path or a name may stand the view: ":base", "@0.5", ":null-7". A repository id without
        "/" needs kind="hf".
        """
        return type(self)._make_model(self, describe(
            model, adapter, view, revision=revision, dtype=dtype, kind=kind, device=device,
            entry_point=entry_point, options=options))


def each_call(method: Callable[..., Any], inputs: Tuple[Iterable[Any], ...],
              options: Mapping[str, Any]) -> Iterator[Call[Any]]:
    """The calls by which a model's `method` is asked of each of `inputs`.

    Bound to a model, or of its class: then the first of `inputs` has the models.
    """
    build = getattr(method, "build", None)
    at = getattr(method, "__self__", None)
    if build is None or not (at is None or isinstance(at, ModelHandle)):
        raise TypeError(f"map needs a method of a model that asks, found {method!r}")
    if at is None:
        return (build(one.target, *each, **options) for one, *each in zip(*inputs))
    return (build(at.target, *each, **options) for each in zip(*inputs))


def next_calls(calls: Iterator[Call[Any]], waiting: int, in_flight: int) -> List[Call[Any]]:
    """Those to send while so many wait: many in one piece, and then none for a while."""
    wanted = max(1, in_flight - waiting) if waiting <= in_flight // 2 else 0
    return list(islice(calls, wanted))
