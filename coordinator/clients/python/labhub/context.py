"""Where this script runs: its experiment, its output folder, its parameters, the hub's address."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, TypeVar

from . import errors

DEFAULT_URL = "http://127.0.0.1:8000"
_SANDBOX_OUTPUT = Path("/app/output")
_SANDBOX_INPUT = Path("/app/input")

T = TypeVar("T")


def in_sandbox() -> bool:
    """Whether this process is an experiment's script."""
    return bool(os.environ.get("EXPERIMENT_ID"))


def hub_url() -> str:
    """The hub's address: LABHUB_URL, else the address an experiment is given, else this machine's port 8000."""
    for name in ("LABHUB_URL", "BIOREACTOR_HUB_API_URL", "BIOREACTOR_NODE_API_URL"):
        if os.environ.get(name):
            return os.environ[name]
    return DEFAULT_URL


def hub_token() -> Optional[str]:
    """The token: LABHUB_TOKEN, else the content of the file LABHUB_TOKEN_FILE names. Error Malformed: it can't be read."""
    if os.environ.get("LABHUB_TOKEN"):
        return os.environ["LABHUB_TOKEN"]
    path = os.environ.get("LABHUB_TOKEN_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise errors.Malformed(f"LABHUB_TOKEN_FILE: {fault}", "a file with a token, which you may read") from None


def retry_for() -> float:
    """Seconds a call waits for a hub that is away: LABHUB_RETRY_FOR, else 600 in a sandbox and 30 outside."""
    given = os.environ.get("LABHUB_RETRY_FOR")
    if not given:
        return 600.0 if in_sandbox() else 30.0
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise errors.Malformed(f"LABHUB_RETRY_FOR is {given!r}", "a number of seconds, 0 or more")
    return seconds


def sleep(seconds: float) -> None:
    """Waits that many seconds of the real clock. Zero or less returns at once. Error Malformed: not a number."""
    if math.isnan(seconds):
        raise errors.Malformed("can't sleep for NaN seconds", "a number of seconds")
    if seconds > 0:
        time.sleep(seconds)


class Params(Mapping[str, Any]):
    """An experiment's parameters: a mapping that can't be changed, whose names are attributes, too.

    `params.setpoint` is `params["setpoint"]`; an object in it is one of these again. What isn't there raises KeyError, or
    AttributeError, with the names there are. `params.get("setpoint", 0.5)` gives a default.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getitem__(self, name: str) -> Any:
        try:
            found = self._values[name]
        except KeyError:
            raise KeyError(self._missing(name)) from None
        return Params(found) if isinstance(found, dict) else found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copy and pickle look for
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(self._missing(name)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"parameters can't be changed: {name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *self._values]

    def __reduce__(self) -> Any:
        return (Params, (self._values,))

    def as_dict(self) -> Dict[str, Any]:
        """A plain dict of them, for JSON and tables."""
        return dict(self._values)

    def _missing(self, name: str) -> str:
        return f"no parameter {name!r}; there are: {', '.join(self._values) or 'none'}"

    def __repr__(self) -> str:
        return f"<labhub.params {self._values!r}>"


class Experiment:
    """The experiment this script is. Outside a sandbox `id` is None and the output folder is the working folder."""

    @property
    def id(self) -> Optional[str]:
        """The experiment's id on the hub, or None outside a sandbox."""
        return os.environ.get("EXPERIMENT_ID") or None

    @property
    def output(self) -> Path:
        """The folder whose content is kept as the experiment's output."""
        given = os.environ.get("LABHUB_OUTPUT")
        if given:
            return Path(given)
        return _SANDBOX_OUTPUT if in_sandbox() and _SANDBOX_OUTPUT.is_dir() else Path.cwd()

    @property
    def inputs(self) -> Path:
        """The folder with the experiment's input files, read-only; LABHUB_INPUT, where that is set."""
        given = os.environ.get("LABHUB_INPUT")
        return Path(given) if given else _SANDBOX_INPUT

    def input(self, name: str) -> Path:
        """Where the input file of that name is. Error NotFound: it was not sent with the experiment."""
        path = self.inputs / name
        if os.path.basename(name) == name and path.is_file():
            return path
        there = sorted(entry.name for entry in self.inputs.iterdir()) if self.inputs.is_dir() else []
        raise errors.NotFound(f"there is no input file {name!r}", f"there are: {', '.join(there) or 'none'}")

    @property
    def is_dry_run(self) -> bool:
        """Whether the vessel is a simulated twin and the time its own, as `labhub run --dry-run` has it."""
        return bool(os.environ.get("LABHUB_DRY_RUN"))

    @property
    def params(self) -> Params:
        """What the experiment was started with: the JSON object in LABHUB_PARAMS; empty where there is none.

        Error Malformed: LABHUB_PARAMS is not a JSON object.
        """
        given = os.environ.get("LABHUB_PARAMS")
        if not given:
            return Params({})
        try:
            found = json.loads(given)
        except ValueError as fault:
            raise errors.Malformed(f"LABHUB_PARAMS is not JSON: {fault}", 'an object such as {"run_seconds": 60}') from None
        if not isinstance(found, dict):
            raise errors.Malformed("LABHUB_PARAMS is not a JSON object", 'an object such as {"run_seconds": 60}')
        return Params(found)

    def param(self, name: str, default: T) -> T:
        """One parameter: from `params`, else from the environment variable of that name in capitals, else `default`.

        It gets the type of `default`. Error Malformed: it can't be had in that type.
        """
        given = self.params.get(name, os.environ.get(name.upper()))
        if given is None:
            return default
        if default is None or isinstance(given, type(default)) and not isinstance(given, bool):
            return given
        try:
            return _as_type(given, type(default))
        except (TypeError, ValueError):
            wanted = type(default).__name__
            raise errors.Malformed(f"parameter {name} is {given!r}", f"a value of type {wanted}") from None

    def __repr__(self) -> str:
        return f"<labhub.experiment {self.id or 'none'}, output in {self.output}>"


def _as_type(given: Any, wanted: type) -> Any:
    if wanted is not bool:
        if isinstance(given, bool) or (wanted is int and isinstance(given, float) and not given.is_integer()):
            raise ValueError(given)
        return wanted(given)
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    word = str(given).strip().lower()
    if word not in words:
        raise ValueError(given)
    return words[word]


#: The experiment this script is.
experiment = Experiment()
