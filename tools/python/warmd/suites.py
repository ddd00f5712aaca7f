"""Suites of evaluations: their files, as the daemon takes them, and what a report's verdict is."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Union

from .errors import InvalidParams, NotFound, TooLarge, Unsupported
from .locate import Path, is_path

MAX_BYTES = 16 << 20
"""Of a suite's file, and of any that it names."""
SECTION_CHARACTERS = 600
"""A document's pieces are joined until they have so many."""


def form_of(suite: Union[Path, Mapping[str, Any]], models: bool = True) -> Dict[str, Any]:
    """A suite's JSON form, with what its file names in place of the names.

    A file called *.json is JSON, any other YAML, for which PyYAML is needed (else Unsupported).
    Relative paths in it begin at its folder. `models` False: those it names are left out. Raises
    NotFound for a file that cannot be read, InvalidParams for one that cannot be understood; the
    daemon says what else is wrong with it.
    """
    if isinstance(suite, Mapping):
        return {name: value for name, value in suite.items() if models or name != "models"}
    path = os.fspath(suite)
    text = _read(path)
    form = _json(text, path) if path.endswith(".json") else _yaml(text, path)
    if not isinstance(form, dict):
        raise InvalidParams(f"{path}: a suite is an object")
    if not models:
        form.pop("models", None)
    folder = os.path.dirname(os.path.abspath(path))
    _find_models(form.get("models"), folder)
    _take_documents(form, folder)
    for entry in form["suite"] if isinstance(form.get("suite"), list) else ():
        _take_losses(entry, folder)
    return form


def passes(report: Mapping[str, Any], *, threshold: float = 0.0, strict: bool = False) -> bool:
    """Whether the adapter that a report is about passes, as `warmctl gate` has it.

    The gate must be open, and the overall score, 0 to 1, at least `threshold`. With `strict`
    nothing may be missing, skipped or warned of, either.
    """
    return not reasons(report, threshold=threshold, strict=strict)


def reasons(report: Mapping[str, Any], *, threshold: float = 0.0,
            strict: bool = False) -> List[str]:
    """Why the adapter does not pass, a sentence each; none if it does."""
    gate = report["warmd"].get("gate") or {}
    found = [] if gate.get("ok") else list(gate.get("reasons") or ["the gate is not open"])
    overall = report["score"].get("overall")
    if overall is None or overall < threshold:
        found.append(f"its score is {overall}, below {threshold}")
    if strict:
        missing = (report["warmd"].get("composite") or {}).get("missing") or ()
        found += [f"{each}: nothing measured it" for each in missing]
        found += [f"{each['name']}: {each['verdict']}: {each.get('message', '')}"
                  for each in report["probes"] if each["verdict"] in ("skip", "warn")]
    return found


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise TooLarge(f"{path} has more than 16 MiB")
        return content.decode()
    except OSError as why:
        raise NotFound(f"{path}: cannot be read: {why.strerror}") from why
    except UnicodeDecodeError as why:
        raise InvalidParams(f"{path}: is not UTF-8") from why


def _json(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as why:
        raise InvalidParams(f"{path}: {why}") from why


def _yaml(text: str, path: str) -> Any:
    """YAML of the core schema, as warmctl reads it: plain yes, no, on and off are strings."""
    try:
        import yaml
    except ImportError as why:
        raise Unsupported(f"{path}: a suite in YAML needs PyYAML (python3-yaml)") from why

    class Core(yaml.SafeLoader):  # type: ignore[misc]
        yaml_implicit_resolvers: Dict[str, Any] = {}

    for tag, pattern, first in (
            ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
            ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
            ("int", r"[-+]?[0-9]+", list("-+0123456789")),
            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
             list("-+.0123456789"))):
        Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"),
                                   first)
    Core.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))  # 012 is 12
    try:
        return yaml.load(text, Loader=Core)
    except (yaml.YAMLError, ValueError, RecursionError) as why:
        raise InvalidParams(f"{path}: {why}") from why


def _resolved(folder: str, written: str) -> str:
    return os.path.abspath(os.path.join(folder, os.path.expanduser(written)))


def _find_models(models: Any, folder: str) -> None:
    for model in models.values() if isinstance(models, dict) else ():
        if not isinstance(model, dict):
            continue
        base, adapter = model.get("base"), model.get("adapter")
        if isinstance(base, str) and is_path(base, folder):
            model["base"] = _resolved(folder, base)
        if isinstance(adapter, str):
            model["adapter"] = _resolved(folder, adapter)


def sections_of(document: str, tag: str) -> Iterator[Dict[str, Any]]:
    """The sections of a document: cut at blank lines, and joined until they are long enough."""
    content = ""
    for piece in re.split(r"\n(?:[ \t\r\f\v]*(?:\n|$))+", "\n" + document + "\n"):
        piece = piece.strip(" \t\r\n\f\v")
        if not piece:
            continue
        content += ("\n\n" if content else "") + piece
        if len(content) >= SECTION_CHARACTERS:
            yield {"kind": "prose", "tag": tag, "content": content}
            content = ""
    if content:
        yield {"kind": "prose", "tag": tag, "content": content}


def _take_documents(form: Dict[str, Any], folder: str) -> None:
    documents = form.get("documents")
    if not isinstance(documents, list) or not all(isinstance(each, str) for each in documents):
        return
    made = [section for each in documents
            for section in sections_of(_read(_resolved(folder, each)), each)]
    sections = form.get("sections")
    if sections is None or isinstance(sections, list):
        form["sections"] = [*(sections or ()), *made]
    del form["documents"]


def _step(line: str) -> Optional[List[Any]]:
    """The step of a training's log that a line tells of, with its loss; None if of none."""
    try:
        said = json.loads(line)
    except ValueError:  # the last line of a training that goes on
        return None
    if not isinstance(said, dict) or said.get("type") != "step":
        return None
    step, loss = said.get("step"), said.get("loss")
    is_loss = isinstance(loss, (int, float)) and not isinstance(loss, bool)
    return [step, loss if is_loss else None] if type(step) is int else None


def _take_losses(entry: Any, folder: str) -> None:
    if not isinstance(entry, dict) or entry.get("kind") != "training_drift":
        return
    store = entry.get("store_path")
    if not isinstance(store, str) or entry.get("losses") is not None:
        return
    logs = os.path.join(_resolved(folder, store), "logs")
    names = sorted(os.listdir(logs)) if os.path.isdir(logs) else []
    steps = [_step(line) for name in names
             if name.startswith("train-") and name.endswith(".jsonl")
             for line in _read(os.path.join(logs, name)).split("\n")]
    losses = [each for each in steps if each]
    if losses:  # without any, the probe has no material and says so
        entry["losses"] = losses
