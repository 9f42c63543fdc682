"""The control functions scripts give to `Bioreactor.run`, or call in jobs of their own."""

from __future__ import annotations

import math
from typing import Any, Dict, Optional


def measure_and_write_sensor_data(bio: Any, elapsed: Optional[float] = None) -> Dict[str, Any]:
    """Measures all sensors, adds a row to `bioreactor_data.csv` and returns it: `time` (the elapsed seconds) and the labels."""
    return bio.write_row(elapsed)


def pid_controller(
    bio: Any,
    setpoint: float,
    current_temp: Optional[float] = None,
    kp: float = 10.0,
    ki: float = 1.0,
    kd: float = 0.0,
    dt: float = 1.0,
    elapsed: Optional[float] = None,
) -> None:
    """One step of temperature control: sets the peltier to a whole duty of 0–100 %, heating where the output is ≥ 0.

    setpoint, current_temp: °C; without a current temperature the first vial's is read. dt: seconds since the last
    step. The integral and the last error are kept in the reactor; nothing bounds the integral but the script. A
    temperature that can't be had changes nothing, neither them nor the peltier.
    """
    if current_temp is None:
        current_temp = bio.get_vial_temp()[0]
    error = setpoint - current_temp
    integral = bio._temp_integral + error * dt
    slope = (error - bio._temp_last_error) / dt if dt > 0 else 0.0
    output = kp * error + ki * integral + kd * slope
    if not math.isfinite(output):
        bio.logger.warning("temperature control: no temperature, the peltier stays as it is")
        return
    bio._temp_integral = integral
    bio._temp_last_error = error
    bio.change_peltier(int(min(100.0, abs(output))), output >= 0)


def balanced_flow(bio: Any, pump_name: str, ml_per_sec: float, elapsed: Optional[float] = None) -> None:
    """Sets a vial's `X_in` and `X_out`, whichever is named, to the same rate in mL/s, so that its volume stays.

    Error ValueError: the name ends with neither.
    """
    vial, _, way = pump_name.rpartition("_")
    if not vial or way not in ("in", "out"):
        raise ValueError(f"pump name {pump_name!r} must end with '_in' or '_out'")
    if not bio._initialized.get("pumps"):
        return
    # What takes out starts first and stops last, so that a script that dies in between can't overfill the vial.
    ways = ("out", "in") if ml_per_sec > 0 else ("in", "out")
    for each in ways:
        bio.change_pump(f"{vial}_{each}", ml_per_sec)
