"""A client of warmd(8), the daemon that keeps language models warm.

    import warmd
    with warmd.connect() as w:
        m = w.model("out/adapter")  # its file names the base
        print(m.divergence(["The king said unto"]).mean, "nats")
        print(m.base.perplexity(["In the beginning"]))

`warmd.aio` is the same for asyncio. warmd-python(7) has more.
"""

from . import calls, errors, results, suites
from .client import Client, Events, Model, Stream, connect
from .errors import *  # noqa: F401,F403
from .results import (CompletionScore, Distribution, Divergence, Generation, Progress, Rendered,
                      TextScore, Token, Tokens)
from .suites import passes
from .views import BASE, FT, View, null, scaled

__version__ = "0.1.0"

__all__ = ["connect", "Client", "Model", "Stream", "Events", "View", "BASE", "FT", "scaled",
           "null", "passes", "CompletionScore", "Distribution", "Divergence", "Generation",
           "Progress", "Rendered", "TextScore", "Token", "Tokens", "calls", "errors", "results",
           "suites", *errors.__all__]
