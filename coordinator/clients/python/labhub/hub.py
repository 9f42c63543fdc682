"""The hub as a whole: who is asking, which nodes and devices there are, experiments."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Dict, List, Mapping, Optional, Sequence, Union
from urllib.parse import quote, urlencode

from . import context, errors, telemetry
from .transport import Transport

if TYPE_CHECKING:
    import pandas

    from .vessel import Vessel

#: Seconds a script's call waits while the hub says that a node is away or that it is too busy.
_SANDBOX_PATIENCE = 30.0
#: Seconds in which the hub copies and packs what a running experiment has written.
_PARTIAL_WAIT = 600.0


class Hub:
    """A hub. Made by `connect()`; may be shared by threads, each of which keeps one connection open.

    A call waits while the hub is away (see `connect`) and then raises `Unavailable`. What the hub refuses is raised as
    the class of `labhub.errors` that names the reason.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def url(self) -> str:
        """The hub's address, without a final stroke."""
        return self._transport.url

    @property
    def retry_for(self) -> float:
        """Seconds a call waits for the hub."""
        return self._transport.retry_for

    def get(self, path: str, **query: Any) -> Dict[str, Any]:
        """The JSON object at `path`. What is None is left out of the query."""
        return self.call("GET", path, query)

    def command(
        self, path: str, body: Optional[Mapping[str, Any]] = None, *, retry_for: Optional[float] = None, **query: Any
    ) -> Dict[str, Any]:
        """A POST that changes actuators. It carries a new `command_id`, so that it executes once however often it is sent."""
        identified = dict(body or {})
        identified.setdefault("command_id", uuid.uuid4().hex)
        return self.call("POST", path, query=query, body=identified, retry_for=retry_for)

    def call(
        self,
        method: str,
        path: str,
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Mapping[str, Any]] = None,
        *,
        wait: float = 0.0,
        repeatable: bool = True,
        retry_for: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Any route that answers with a JSON object.

        `wait`: seconds the request asks the hub to take. A request that is not `repeatable` is never sent twice.
        """
        answer = self._transport.request(
            method, path, query, body, wait=wait, repeatable=repeatable, retry_for=retry_for
        )
        try:
            document = json.loads(answer.body.decode("utf-8"))
        except (UnicodeDecodeError, ValueError):
            document = None
        if not isinstance(document, dict):
            raise errors.Internal(f"{method} {self.url}{path}: the answer is not a JSON object", "is this a labhub hub?")
        return document

    def save(self, path: str, sink: BinaryIO, **query: Any) -> None:
        """A GET of any length into an open file, or what has its seek, truncate and write. Emptied before each attempt;
        whole when this returns."""
        self._transport.request("GET", path, query, sink=sink)

    def health(self) -> Dict[str, Any]:
        """The hub's own state: `status` is healthy or degraded, with what is degraded and why."""
        return self.get("/health")

    def session(self) -> Dict[str, Any]:
        """Who is asking: `kind` (job or user), `name`, `job_id`, `device` (the leased one, or None)."""
        return self.get("/api/session")["caller"]

    def nodes(self) -> List[Dict[str, Any]]:
        """The nodes this caller may see."""
        return self.get("/api/nodes")["nodes"]

    def devices(self) -> List[Dict[str, Any]]:
        """The devices this caller may see: `device` ("node/device"), `state`, `lease` and more."""
        return self.get("/api/devices")["devices"]

    def vessel(self, device: Optional[str] = None) -> "Vessel":
        """A device. Without a name: the one this job has leased, else the only one there is (else Conflict)."""
        from .vessel import Vessel

        return Vessel(self, device or self._own_device())

    def _own_device(self) -> str:
        leased = self.session().get("device")
        if leased:
            return leased
        names = [entry["device"] for entry in self.devices()]
        if len(names) == 1:
            return names[0]
        if not names:
            raise errors.NotFound("the hub has no device", "start a node, or wait until it is online")
        raise errors.Conflict("there are several devices", "name one of " + ", ".join(names))

    def start_experiment(
        self,
        script: Union[str, Path],
        experiment_id: Optional[str] = None,
        config: Optional[Mapping[str, Any]] = None,
        params: Optional[Mapping[str, Any]] = None,
        inputs: Optional[Mapping[str, Union[str, Path]]] = None,
        tags: Optional[Sequence[str]] = None,
        note: Optional[str] = None,
    ) -> str:
        """Starts an experiment and returns its id. `script`: a Path to a file, or the text itself.

        `config`: device ("node/device"), time_limit ("1h30m"), memory ("512m"), cpus, queue (False refuses instead of
        waiting for the device), environment and more. `params`: what the script finds in `labhub.params`. `inputs`: the
        files it finds in /app/input, by their names there. `tags`, `note`: what people find it by.

        It is not sent twice: where the connection is lost after sending, Unavailable says so. Errors: Malformed (with
        line and message where the script has a syntax error), Conflict (the id is taken, or the device is).
        """
        body: Dict[str, Any] = {"script_content": _script_text(script)}
        if experiment_id is not None:
            body["experiment_id"] = experiment_id
        body.update(self._config(config, params, inputs, tags, note))
        return self.call("POST", "/api/experiments/start", body=body, repeatable=False)["experiment_id"]

    def restart_experiment(
        self,
        experiment_id: str,
        new_id: Optional[str] = None,
        config: Optional[Mapping[str, Any]] = None,
        params: Optional[Mapping[str, Any]] = None,
        inputs: Optional[Mapping[str, Union[str, Path]]] = None,
        tags: Optional[Sequence[str]] = None,
        note: Optional[str] = None,
    ) -> str:
        """Starts an ended experiment again and returns the new one's id: same script, device, limits, parameters, input
        files and tags, but for what is given. `params` go over the old ones; None takes one out. Errors: Conflict (it has
        not ended), NotFound, and those of start_experiment.
        """
        body: Dict[str, Any] = {} if new_id is None else {"experiment_id": new_id}
        body.update(self._config(config, params, inputs, tags, note))
        return self.call("POST", experiment_path(experiment_id, "/restart"), body=body, repeatable=False)["experiment_id"]

    def _config(
        self,
        config: Optional[Mapping[str, Any]],
        params: Optional[Mapping[str, Any]],
        inputs: Optional[Mapping[str, Union[str, Path]]],
        tags: Optional[Sequence[str]],
        note: Optional[str],
    ) -> Dict[str, Any]:
        filled: Dict[str, Any] = dict(config or {})
        if params is not None:
            filled["params"] = dict(params)
        if inputs is not None:
            filled["inputs"] = [{"name": name, "sha256": self.send_input(path)} for name, path in inputs.items()]
        if tags is not None:
            filled["tags"] = list(tags)
        if note is not None:
            filled["note"] = note
        return {"config": filled} if filled else {}

    def send_input(self, path: Union[str, Path]) -> str:
        """Sends a file for experiments, unless the hub has it, and returns its SHA-256, by which `config["inputs"]` names it."""
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
            try:
                return str(self.get(f"/api/inputs/{digest.hexdigest()}")["input"]["sha256"])
            except errors.NotFound:
                pass
            answer = self._transport.request("POST", "/api/inputs", source=file)
        return str(json.loads(answer.body.decode("utf-8"))["input"]["sha256"])

    def experiments(self, *, tag: Optional[str] = None, status: Optional[str] = None, user: Optional[str] = None) -> List[Dict[str, Any]]:
        """The experiments this caller may see, newest first; only those with that tag, status (or several: "running,queued")
        and of that user, where these are given."""
        return self.get("/api/experiments", tag=tag, status=status, user=user)["experiments"]

    def label_experiment(self, experiment_id: str, **change: Any) -> Dict[str, Any]:
        """Changes what people write on it; returns `tags` and `note`. `change`: tags, add_tags, remove_tags, note."""
        return self.call("PATCH", experiment_path(experiment_id), body=change)

    def note(self, experiment_id: str, text: str) -> None:
        """Notes something about it, at its time: it is in its events and in events.csv of its results."""
        self.call("POST", experiment_path(experiment_id, "/notes"), body={"text": text}, repeatable=False)

    def events(self, experiment_id: str, after: int = 0) -> List[Dict[str, Any]]:
        """What happened to it, oldest first: `number`, `time` (milliseconds since 1970), `kind`, `who`, `message`."""
        found: List[Dict[str, Any]] = []
        while True:
            page = self.get(experiment_path(experiment_id, "/events"), after=found[-1]["number"] if found else after)["events"]
            if not page:
                return found
            found.extend(page)

    def compare(self, first: str, *others: str, metrics: Sequence[str] = (), points: int = 200) -> Dict[str, Any]:
        """Runs side by side, each from its beginning: `differs`, `step_ms` and, for each of `metrics` (all when left out),
        figures, differences against the first one and values on a common grid."""
        query = [("ids", ",".join([first, *others])), ("points", points), *[("metric", name) for name in metrics]]
        return self.get(f"/api/experiments/compare?{urlencode(query)}")

    def experiment(self, experiment_id: str) -> Dict[str, Any]:
        """One experiment: `status` is queued, preparing, running, stopping, completed, failed, stopped or timed_out."""
        return self.get(experiment_path(experiment_id, "/status"))["experiment"]

    def stop_experiment(self, experiment_id: str) -> str:
        """Asks it to end; the vessel becomes safe. Returns the hub's message."""
        return str(self.call("POST", experiment_path(experiment_id, "/stop"), body={}).get("message", ""))

    def results(self, experiment_id: str, partial: bool = False) -> Dict[str, Any]:
        """What it left so far: `files` (each with `name` and `size`), `exit_code`, `status`, `reason`, `message`.

        partial: of one that runs, also what is in its output folder now; see `download`.
        """
        return self.get(experiment_path(experiment_id, "/results"), partial="true" if partial else None)["results"]

    def logs(self, experiment_id: str, tail: Optional[int] = None) -> str:
        """What it printed; the last `tail` lines where that is given."""
        return _joined(self.get(experiment_path(experiment_id, "/logs"), tail=tail)["logs"])

    def download(
        self, experiment_id: str, target: Union[str, Path], *, file: Optional[str] = None, partial: bool = False
    ) -> Path:
        """Saves results.zip at `target` (a folder gets `<id>.zip` in it) and returns where. Replaces a file whole or not at all.

        file: only this one of it, as `results` names it. partial: of one that runs, what there is so far: its outputs (safely
        copied, at most every ten seconds), readings, commands and events.
        """
        path = Path(target)
        if path.is_dir():
            path = path / (os.path.basename(file) if file else f"{experiment_id}.zip")
        query = {"file": file, "partial": "true" if partial else None}
        unfinished = tempfile.NamedTemporaryFile(dir=path.parent, prefix=".labhub-", delete=False)
        try:
            with unfinished:
                self._transport.request(
                    "GET", experiment_path(experiment_id, "/download"), query, sink=unfinished, wait=_PARTIAL_WAIT if partial else 0.0
                )
            os.replace(unfinished.name, path)
        except BaseException:
            os.unlink(unfinished.name)
            raise
        return path

    def series(self, names: telemetry.Words = None, **which: Any) -> List[Dict[str, Any]]:
        """The stored series: dicts of `id`, `series` ("node/device/metric"), `node`, `device`, `metric`, `unit` (UCUM,
        "Cel"), `first` and `last` (seconds since 1970, None where nothing was stored) and `count`.

        names, device, metric: as for `query`.
        """
        return telemetry.series(self, names, **which)

    def latest(self, names: telemetry.Words = None, **which: Any) -> List[Dict[str, Any]]:
        """The newest stored reading of each series: dicts of `id`, `series`, `device`, `metric`, `unit`, `time` (seconds
        since 1970), `value` and `quality` (good, uncertain, bad, stale). names, device, metric: as for `query`.
        """
        return telemetry.latest(self, names, **which)

    def query(
        self, names: telemetry.Words = None, start: telemetry.Time = None, end: telemetry.Time = None, **how: Any
    ) -> Union["pandas.DataFrame", List[Dict[str, Any]]]:
        """Stored readings over time, as a pandas table where pandas is there, else as a list of dicts.

        names: series as "node/device/metric", with * and ? where any characters will do, or ids; one or several. A
        name that has one of * ? , or a backslash itself needs a backslash before it.
        device, metric: by their parts instead: device="sim-1/vessel", metric="vial_*_temp". All where nothing is named;
        in a sandbox, of the leased device.
        start, end: seconds since 1970, a datetime (without a zone it is local time), a timedelta (how long ago) or text:
        RFC 3339, "-2h". Both ends are included.
        experiment: its device and its time, where those are not named. Otherwise it is the last hour; in a sandbox,
        since the script's start.
        max_points: at most so many samples of each series, 2 to 20000, the extremes of each stretch at their true times;
        a series that has no more gives all. Left out: 1000, and fewer where very many series would make a table of more
        than 20 million cells. "all": every sample, however many; they are read while they come, and a table of them
        takes nine bytes for each series and moment.
        step with aggregate ("avg", when left out, "min", "max", "last", "count"): one value for each step instead ("1m",
        or seconds).
        quality: True adds a column "NAME [quality]" for each: good, uncertain (the time may be wrong), bad or stale;
        values of bad quality are then there, which are NaN otherwise.
        frame: False: no table; True: a table or an error.

        The table: one row for each moment, ascending; index `time` (DatetimeIndex, UTC, milliseconds); a column for each
        series, named by its metric, or by "node/device/metric" where several devices have it. Numbers are floats, in the
        series' unit; NaN where there was no sample, no value, or one of bad quality. By column, `table.attrs` has
        "units", "downsampled" (False: these are all samples) and "quality" (how many samples of which).
        As a list: one dict for each moment with `time` (seconds since 1970) and the series that have a sample then, None
        where it has no value or one of bad quality.

        Errors: NotFound (no such series; `detail` has near names), TooMany (over 500 series; "all": over 1000),
        OutOfRange (too many points; start after end), TooLarge (max_points that make a table of over 20 million cells),
        Malformed, Unavailable.
        """
        return telemetry.query(self, names, start, end, **how)

    def export(
        self,
        target: Union[str, Path],
        names: telemetry.Words = None,
        start: telemetry.Time = None,
        end: telemetry.Time = None,
        **how: Any,
    ) -> Path:
        """Saves every reading at `target`, a .csv, .jsonl or .zip (with a manifest), of any length, and returns where.

        layout: "wide", a column for each series, with its unit; "long", a row for each sample, with unit and quality.
        quality: True adds a column "NAME [quality]" for each of the wide layout's, and the values of bad quality, which
        are blank otherwise. All else as for `query`. Replaces a file whole or not at all.
        """
        return telemetry.export(self, target, names, start, end, **how)

    def alarms(self, device: Optional[str] = None, severity: Optional[str] = None) -> List[Dict[str, Any]]:
        """The alarms that are active or not acknowledged, newest first: `metric`, `device`, `condition`, `severity`,
        `active`, `acknowledged`, `message` and more. Only of `device` and of at least `severity` where these are given.
        """
        return self.get("/api/alarms", device=device, severity=severity)["alarms"]

    def acknowledge_alarm(self, alarm_id: str, comment: str = "", resume: bool = False) -> Dict[str, Any]:
        """Says that a person has seen an alarm; returns it. resume: the commands that it pauses go on, though it has not
        cleared. Errors: Forbidden in a sandbox (a script is no person), NotFound, Conflict (`resume`: it pauses none).
        """
        path = f"/api/alarms/{quote(alarm_id, safe='')}/acknowledge"
        return self.call("POST", path, body={"comment": comment, **({"resume": True} if resume else {})})["alarm"]

    def alarm_history(self, limit: int = 100, **query: Any) -> List[Dict[str, Any]]:
        """What was raised, cleared and acknowledged, newest first. `query`: device, metric, experiment, alarm, from, to."""
        return self.get("/api/alarms/history", limit=limit, **query)["events"]

    def close(self) -> None:
        """Closes this thread's connection. The next call opens a new one."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<labhub.Hub {self.url}>"


def alarms(device: Optional[str] = None, severity: Optional[str] = None, hub: Optional[Hub] = None) -> List[Dict[str, Any]]:
    """The alarms that are active or not acknowledged: see `Hub.alarms`."""
    return (hub or connect()).alarms(device, severity)


def note(text: str, hub: Optional[Hub] = None) -> None:
    """Notes something about this experiment, at this time: people see it live (`labhub events -f ID`), and it is in
    events.csv of the results. Errors: Malformed (outside an experiment, or not 1 to 4096 bytes), TooMany (10,000 notes).
    """
    experiment_id = context.experiment.id
    if experiment_id is None:
        raise errors.Malformed("this is no experiment's script", "Hub.note(experiment_id, text) notes from outside")
    (hub or connect()).note(experiment_id, text)


def connect(url: Optional[str] = None, token: Optional[str] = None, retry_for: Optional[float] = None) -> Hub:
    """A hub, in or outside a sandbox. Nothing is sent yet.

    url: LABHUB_URL where it is not given (in a sandbox, the address the sandbox says). token: LABHUB_TOKEN, or the file
    LABHUB_TOKEN_FILE (a script in a sandbox needs none). retry_for: seconds each call waits while the hub refuses
    connections or does not answer; LABHUB_RETRY_FOR, else 600 in a sandbox and 30 outside. In a sandbox a call also
    waits up to 30 s while the hub says that the node is away. Error Malformed: the address is none.
    """
    return Hub(
        Transport(
            url or context.hub_url(),
            token or context.hub_token(),
            context.retry_for() if retry_for is None else retry_for,
            _SANDBOX_PATIENCE if context.in_sandbox() else 0.0,
        )
    )


def query(
    names: telemetry.Words = None, start: telemetry.Time = None, end: telemetry.Time = None, **how: Any
) -> Union["pandas.DataFrame", List[Dict[str, Any]]]:
    """`Hub.query` of the hub that `connect()` finds: stored readings as a table, or a list of dicts without pandas."""
    return connect().query(names, start, end, **how)


def series(names: telemetry.Words = None, **which: Any) -> List[Dict[str, Any]]:
    """`Hub.series` of the hub that `connect()` finds: what is stored, with unit, first, last and count."""
    return connect().series(names, **which)


def experiment_path(experiment_id: str, rest: str = "") -> str:
    """The route of one experiment."""
    return f"/api/experiments/{quote(experiment_id, safe='')}{rest}"


def _script_text(script: Union[str, Path]) -> str:
    if not isinstance(script, Path):
        return script
    try:
        return script.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        raise errors.Malformed(f"{script} is not UTF-8 text: {fault.reason} at byte {fault.start}") from None


def _joined(logs: Any) -> str:
    if isinstance(logs, list):
        return "\n".join(str(line) for line in logs)
    return "" if logs is None else str(logs)
