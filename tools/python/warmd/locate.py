"""Which socket, and which model, is meant: by the rules of warmctl(1).

Models are found with this process's own environment (HF_HUB_CACHE, HF_HOME), which need not be the
daemon's. What is not found here is sent as it was written: the daemon looks in its own places, and
says best what is missing.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Union

from .errors import InvalidParams
from .views import View, on_the_wire

Path = Union[str, "os.PathLike[str]"]


class Target(NamedTuple):
    """A model and how it is looked at, as they stand in a request."""

    model: Union[str, Dict[str, Any]]
    view: Any = None


def socket_path(given: Optional[Path] = None) -> str:
    """Where the daemon's socket is: `given`, else $WARMD_SOCKET, else the daemon's own default."""
    named = os.fspath(given) if given is not None else os.environ.get("WARMD_SOCKET", "")
    if named:
        return named
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    system = os.geteuid() == 0 or (not runtime and os.access("/run/warmd", os.W_OK))
    return "/run/warmd/warmd.sock" if system or not runtime else runtime + "/warmd/warmd.sock"


def absolute(path: Path) -> str:
    """`path` as it means the same to the daemon: `~` and relative paths made absolute."""
    return os.path.abspath(os.path.expanduser(os.fspath(path)))


def is_path(name: str, folder: str = ".") -> bool:
    """Whether `name` is a path, and no repository id: it looks like one, or is a directory."""
    return (name.startswith(("/", "./", "../", "~/")) or name in (".", "..", "~")
            or (name != "" and os.path.isdir(os.path.join(folder, name))))


def _split_view(name: str) -> Tuple[str, Any]:
    """NAME:base, NAME@0.5 or NAME:null-7 as the name and its view; else all of it, and None."""
    found = re.fullmatch(r"(.*)(?::(base|null-\d+)|@([-+\d.eE]+))", name, re.DOTALL)
    if not found:
        return name, None
    front, word, number = found.groups()
    if number is not None:
        try:
            scale = float(number)
        except ValueError:
            return name, None
        return (front, {"scaled": scale}) if math.isfinite(scale) else (name, None)
    return front, word if word == "base" else {"null": {"seed": int(word[len("null-"):])}}


def hub_cache() -> str:
    """Where huggingface_hub keeps what it has downloaded, by this process's environment."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return os.path.expanduser(os.environ[variable])
    if os.environ.get("HF_HOME"):
        return os.path.join(os.path.expanduser(os.environ["HF_HOME"]), "hub")
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return os.path.join(os.path.expanduser(cache), "huggingface", "hub")


def find_in_hub_cache(repository: str, revision: Optional[str] = None) -> Optional[str]:
    """The directory of the snapshot of "org/name" that `revision` names; None if it is not there.

    `revision` is a branch, a tag or a commit; without one main, else the only snapshot.
    """
    name = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
    if not re.fullmatch(f"({name}/)?{name}", repository) or ".." in repository:
        return None
    if not re.fullmatch(f"{name}(/{name})*", revision or "main") or ".." in (revision or ""):
        return None
    folder = os.path.join(hub_cache(), "models--" + repository.replace("/", "--"))
    commit = revision or "main"
    try:
        with open(os.path.join(folder, "refs", commit), encoding="utf-8") as reference:
            commit = reference.read(1024).strip()
    except (OSError, UnicodeDecodeError):
        pass
    snapshots = os.path.join(folder, "snapshots")
    if os.path.isdir(os.path.join(snapshots, commit)):
        return os.path.join(snapshots, commit)
    try:
        all_there = os.listdir(snapshots)
    except OSError:
        return None
    return (os.path.join(snapshots, all_there[0])
            if commit == "main" and len(all_there) == 1 else None)


def _of_adapter(adapter: str) -> Optional[Dict[str, Any]]:
    """The base that an adapter's file names, as members of a ModelSpec; None if it does not."""
    try:
        with open(os.path.join(adapter, "adapter_config.json"), encoding="utf-8") as file:
            config = json.load(file)
        written, revision = config["base_model_name_or_path"], config.get("revision")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(written, str) or not written:
        return None
    beside = os.path.join(adapter, written)  # an absolute path stays what it is
    if written.startswith(".") or os.path.isabs(written) or os.path.isdir(beside):
        return {"base": os.path.normpath(beside)}
    return _of_repository(written, revision or None)


def _of_repository(repository: str, revision: Optional[str]) -> Dict[str, Any]:
    found = find_in_hub_cache(repository, revision)
    if found:
        return {"base": found}
    return {"base": repository, **({} if revision is None else {"revision": revision})}


def _spec(base: str, adapter: Optional[Path], members: Mapping[str, Any]) -> Dict[str, Any]:
    """The ModelSpec of `base` and `adapter`."""
    made = {name: value for name, value in members.items() if value is not None}
    if made.get("kind", "hf") != "hf":
        made["base"] = absolute(base) if base.startswith(("/", "./", "../", "~/")) else base
    elif not is_path(base):
        made.update(_of_repository(base, made.pop("revision", None)))
    else:
        made["base"] = absolute(base)
        there = made["base"]
        if adapter is None and not os.path.exists(os.path.join(there, "config.json")):
            named = _of_adapter(there)
            if named:
                made.update(named, adapter=there)
    if adapter is not None:
        made["adapter"] = absolute(adapter)
    return made


def describe(model: Union[Path, Mapping[str, Any]], adapter: Optional[Path] = None,
             view: Optional[View] = None, **members: Any) -> Target:
    """What `model` means.

    A path of a base or of an adapter, a repository id in a Hugging Face cache, a name of the
    daemon's configuration (any word without "/", "@NAME" where a directory is called so, too), or a
    ModelSpec. Behind a path or a name may stand its view: ":base", "@0.5", ":null-7". `members`:
    the rest of a ModelSpec. Raises InvalidParams where these contradict each other.
    """
    through = None if view is None else on_the_wire(view)
    members = {name: value for name, value in members.items() if value is not None}
    if isinstance(model, Mapping):
        spec = {**model, **members}
        base, beside = str(spec.pop("base", "")), spec.pop("adapter", None)
        return Target(_spec(base, adapter if adapter is not None else beside, spec), through)
    name = os.fspath(model)
    more = adapter is not None or bool(members)
    front, behind = _split_view(name)
    if behind is not None and (os.path.isdir(name) or name.startswith("@")):
        front, behind = name, None
    is_name = name.startswith("@") or ("/" not in front and not is_path(front))
    if more and (behind is not None or name.startswith("@")):
        raise InvalidParams(f"'{name}' is a whole description: nothing can be added to it; a view "
                            "is given by view=")
    if behind is not None and through is not None:
        raise InvalidParams(f"the view is given twice: in '{name}' and by view=")
    if is_name and not more:  # the daemon knows its names, which may look as if they had a view
        return Target(name[1:] if name.startswith("@") else name, through)
    return Target(_spec(front, adapter, members), through if behind is None else behind)
