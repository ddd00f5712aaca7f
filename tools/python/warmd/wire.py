"""Results that are given as they come, as types; warmd-protocol(7) tells what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional

if TYPE_CHECKING:
    from typing_extensions import TypedDict
else:
    from typing import TypedDict


class Loaded(TypedDict):
    """Of `load`: the time is in seconds."""

    key: str
    model: Dict[str, Any]
    computes: Optional[str]
    state: str
    cached: bool
    joined: bool
    load_seconds: float
    bytes: int
    generation: str


class ChatTemplate(TypedDict):
    """Of `chat_template`."""

    template: str
    file: str
    templates: List[str]
    variables: List[str]


class Health(TypedDict):
    """Of `health`."""

    status: str
    ready: bool
    reasons: List[str]
    version: str
    pid: int
    uptime_seconds: float
    http: List[str]
    loaded_models: List[Dict[str, Any]]
    max_loaded_models: int
    oldest_waiter_seconds: float
    limits: Dict[str, float]


class ModelState(TypedDict):
    """A row of `models`."""

    key: str
    model: Dict[str, Any]
    computes: Optional[str]
    max_model_len: Optional[int]
    state: str
    bytes: int
    shared_bytes: int
    estimated_bytes: int
    leases: int
    waiters: int
    pinned: bool
    load_seconds: float
    idle_seconds: Optional[float]
    expires_in_seconds: Optional[float]
    generation: str
    calls: int
    running: int
    queued_tokens: int
    kv_bytes: int
    tokenizer: Optional[str]


class Plan(TypedDict):
    """Of `suite.validate`."""

    probes: int
    need_draws: int
    draws: int
    notes: List[Dict[str, Any]]


class Reloaded(TypedDict):
    """Of `reload`: names of models."""

    added: List[str]
    removed: List[str]
    changed: List[str]
    unchanged: List[str]


class Report(TypedDict):
    """Of `suite.run`."""

    schema_version: int
    sway_version: str
    spec_path: Optional[str]
    base_model_id: str
    adapter_id: str
    started_at: str
    finished_at: str
    wall_seconds: float
    determinism: Dict[str, Any]
    backend_stats: Dict[str, Any]
    score: Dict[str, Any]
    null_stats: Dict[str, Any]
    probes: List[Dict[str, Any]]
    warmd: Dict[str, Any]
