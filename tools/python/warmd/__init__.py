"""A client of warmd(8), the daemon that keeps language models warm.

    import warmd
    with warmd.connect() as w:
        m = w.model("out/adapter")  # its file names the base
        print(m.divergence(["The king said unto"]).mean, "nats")
        print(m.base.perplexity(["In the beginning"]))

`warmd.aio` is the same for asyncio. warmd-python(7) has more.
"""

from importlib import import_module as _import
from typing import TYPE_CHECKING

from . import calls, errors, results, suites
from .client import Client, Events, Model, Stream, connect
from .errors import *  # noqa: F401,F403
from .results import (CompletionScore, Distribution, Divergence, Generation, Progress, Rendered,
                      TextScore, Token, Tokens)
from .suites import passes
from .views import BASE, FT, View, null, scaled

if TYPE_CHECKING:
    from . import aio

__version__ = "0.1.0"

__all__ = ["aio", "connect", "Client", "Model", "Stream", "Events", "View", "BASE", "FT", "scaled",
           "null", "passes", "CompletionScore", "Distribution", "Divergence", "Generation",
           "Progress", "Rendered", "TextScore", "Token", "Tokens", "calls", "errors", "results",
           "suites", *errors.__all__]


def __getattr__(name: str) -> object:
    """`warmd.aio`, once it is wanted: asyncio takes its time."""
    if name == "aio":
        return _import("warmd.aio")
    raise AttributeError(f"module 'warmd' has no attribute {name!r}")
