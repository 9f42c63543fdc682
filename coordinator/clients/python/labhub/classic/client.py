"""`BioreactorClient`: the REST routes of the Bioreactor Hub, one method each."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union
from urllib.parse import quote

from .. import errors
from ..hub import Hub, connect, experiment_path

#: Replies in which null stands for a reading that can't be had.
_READINGS = ("photodiodes", "readings", "vial_temperatures", "io_temperatures", "peltier_current")


class HubError(errors.Error, ConnectionError):
    """What every method of `BioreactorClient` raises: a ConnectionError, as ever, with the hub's code, message and detail."""


class BioreactorClient:
    """The routes as they are: each method returns the reply as a dict, `status` included.

    A reading that can't be had is NaN. Calls wait while the hub is away (see `labhub.connect`) and commands execute
    once, however often they had to be sent. Error HubError: the hub refused, or did not answer in time.
    """

    def __init__(self, api_url: Optional[str] = None, token: Optional[str] = None, device: Optional[str] = None) -> None:
        """api_url: BIOREACTOR_HUB_API_URL, BIOREACTOR_NODE_API_URL or LABHUB_URL where not given. token: LABHUB_TOKEN,
        needed outside a sandbox. device: "node/device", needed where there are several and none is leased."""
        old_style = os.environ.get("BIOREACTOR_HUB_API_URL") or os.environ.get("BIOREACTOR_NODE_API_URL")
        self.hub: Hub = connect(api_url or old_style, token)
        self.api_url = self.hub.url
        self.device = device

    def get_health(self) -> Dict[str, Any]:
        """The hub's health."""
        return self._make_request("GET", "/health")

    def get_status(self) -> Dict[str, Any]:
        """`hardware_available` and `initialized_components`."""
        return self._hardware("/status")

    def get_sensors(self) -> Dict[str, Any]:
        """All sensors of one moment: `photodiodes`, `vial_temperatures`, `io_temperatures`, `peltier_current`, `timestamp`."""
        return self._hardware("/sensors")

    def get_photodiodes(self) -> Dict[str, Any]:
        """`readings` (12, V) and their `labels`."""
        return self._hardware("/sensors/photodiodes")

    def get_temperature(self) -> Dict[str, Any]:
        """`vial_temperatures` (4, °C) and `io_temperatures` (2, V) with their labels."""
        return self._hardware("/sensors/temperature")

    def get_current(self) -> Dict[str, Any]:
        """`peltier_current` in A."""
        return self._hardware("/sensors/current")

    def control_led(self, state: bool) -> Dict[str, Any]:
        """The optical-density light on or off."""
        return self._command("led", {"state": state})

    def control_ring_light(self, color: Sequence[int], pixel: Optional[int] = None) -> Dict[str, Any]:
        """The ring light, or one of its pixels (0–31), to red, green, blue (0–255 each)."""
        data: Dict[str, Any] = {"color": [int(part) for part in color]}
        if pixel is not None:
            data["pixel"] = pixel
        return self._command("ring-light", data)

    def control_peltier(self, power: float, forward: bool) -> Dict[str, Any]:
        """The peltier to `power` percent (0–100); forward heats."""
        return self._command("peltier", {"power": power, "forward": forward})

    def control_pump(self, pump_name: str, ml_per_sec: float) -> Dict[str, Any]:
        """One pump (`A_in` … `D_out`) to a rate in mL/s."""
        return self._command("pump", {"pump_name": pump_name, "ml_per_sec": ml_per_sec})

    def control_stirrer(self, duty_cycle: float) -> Dict[str, Any]:
        """The stirrer to `duty_cycle` percent (0–100)."""
        return self._command("stirrer", {"duty_cycle": duty_cycle})

    def start_experiment(
        self, script_content: str, experiment_id: Optional[str] = None, config: Optional[Mapping[str, Any]] = None
    ) -> Dict[str, Any]:
        """Starts a script. Reply: `experiment_id`, `message`. Never sent twice: a lost answer is an error that says so."""
        body: Dict[str, Any] = {"script_content": script_content}
        if experiment_id is not None:
            body["experiment_id"] = experiment_id
        if config is not None:
            body["config"] = dict(config)
        return self._make_request("POST", "/api/experiments/start" + self._query(), body, repeatable=False)

    def list_experiments(self) -> List[Dict[str, Any]]:
        """All experiments."""
        return self._make_request("GET", "/api/experiments")["experiments"]

    def get_experiment_status(self, experiment_id: str) -> Dict[str, Any]:
        """Reply: `experiment` with its `status`."""
        return self._make_request("GET", experiment_path(experiment_id, "/status"))

    def get_experiment_results(self, experiment_id: str) -> Dict[str, Any]:
        """Reply: `results` with `files` and `exit_code`."""
        return self._make_request("GET", experiment_path(experiment_id, "/results"))

    def get_experiment_logs(self, experiment_id: str, tail: Optional[int] = None) -> Dict[str, Any]:
        """Reply: `logs`, the last `tail` lines of them."""
        query = "" if tail is None else f"?tail={int(tail)}"
        return self._make_request("GET", experiment_path(experiment_id, "/logs" + query))

    def download_experiment(self, experiment_id: str, target: Union[str, Path] = ".") -> Path:
        """Saves the results as a zip file and returns where."""
        try:
            return self.hub.download(experiment_id, target)
        except errors.Error as fault:
            raise _hub_error(fault) from fault

    def stop_experiment(self, experiment_id: str) -> Dict[str, Any]:
        """Asks an experiment to end. Reply: `message`."""
        return self._make_request("POST", experiment_path(experiment_id, "/stop"), {})

    def delete_experiment(self, experiment_id: str) -> Dict[str, Any]:
        """The same as `stop_experiment`: the results are kept. Reply: `message`."""
        return self._make_request("DELETE", experiment_path(experiment_id), repeatable=False)

    def _make_request(
        self, method: str, endpoint: str, data: Optional[Mapping[str, Any]] = None, repeatable: bool = True
    ) -> Dict[str, Any]:
        try:
            return self.hub.call(method, endpoint, body=data, repeatable=repeatable)
        except errors.Error as fault:
            raise _hub_error(fault) from fault

    def _hardware(self, route: str) -> Dict[str, Any]:
        reply = self._make_request("GET", "/api/hardware" + route + self._query())
        return {name: _with_nan(value) if name in _READINGS else value for name, value in reply.items()}

    def _command(self, endpoint: str, data: Mapping[str, Any]) -> Dict[str, Any]:
        try:
            return self.hub.command(f"/api/hardware/{endpoint}", data, device=self.device)
        except errors.Error as fault:
            raise _hub_error(fault) from fault

    def _query(self) -> str:
        return f"?device={quote(self.device)}" if self.device else ""


def _hub_error(fault: errors.Error) -> HubError:
    return HubError(fault.message, fault.detail, status=fault.status, code=fault.code)


def _with_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_nan(item) for item in value]
    return math.nan if value is None else value
