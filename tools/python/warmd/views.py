"""Ways to look at a model: its base, the fine-tuned one, anything in between, or a control."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Union

View = Union[str, float, Mapping[str, Any]]
"""`BASE`, `FT`, a number that scales the adapter's part, or what `scaled` and `null` make."""

BASE = "base"
"""The base model, the adapter off."""
FT = "ft"
"""The fine-tuned model; the base where there is no adapter."""


def scaled(scale: float) -> Dict[str, Any]:
    """The adapter's part times `scale`: 0 is the base, 1 the fine-tuned model."""
    return {"scaled": scale}


def null(seed: int = 0, *, match: Optional[str] = None, init_scale: Optional[float] = None,
         rank_scale: Optional[float] = None) -> Dict[str, Any]:
    """The adapter's factors redrawn from noise, as a control.

    With `match="norm"` each module's update is as large as the adapter's own; else it is drawn with
    the standard deviation `init_scale` (0.02) times the square root of `rank_scale` (1).
    """
    how = {"seed": seed, "match": match, "init_scale": init_scale, "rank_scale": rank_scale}
    return {"null": {name: value for name, value in how.items() if value is not None}}


def on_the_wire(view: View) -> Any:
    """`view` as the protocol writes it."""
    return view if isinstance(view, (str, Mapping)) else scaled(float(view))
