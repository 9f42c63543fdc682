"""Settings of the classic surface: class attributes, which a script may change before it makes a `Bioreactor`."""

from __future__ import annotations

from typing import Dict, List, Optional

PHOTODIODE_LABELS: List[str] = [
    "vial_A_180_degree",
    "vial_A_135_degree",
    "vial_B_180_degree",
    "vial_B_135_degree",
    "vial_C_180_degree",
    "vial_C_135_degree",
    "vial_D_180_degree",
    "vial_D_135_degree",
    "vial_A_reference",
    "vial_B_reference",
    "vial_C_reference",
    "vial_D_reference",
]
IO_TEMP_LABELS: List[str] = ["io_temp_in", "io_temp_out"]
VIAL_TEMP_LABELS: List[str] = ["vial_A_temp", "vial_B_temp", "vial_C_temp", "vial_D_temp"]
PELTIER_LABEL = "peltier_current"
PUMP_NAMES: List[str] = [f"{vial}_{way}" for vial in "ABCD" for way in ("in", "out")]


def _numbered(key: str, labels: List[str]) -> Dict[str, str]:
    return {f"{key}_{number}": label for number, label in enumerate(labels, start=1)}


class Config:
    """What `Bioreactor` starts with. Pins and addresses of the hardware are the node's business and not here."""

    LOG_LEVEL: str = "INFO"
    LOG_FORMAT: str = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
    #: A file for the log; None logs to standard error.
    LOG_FILE: Optional[str] = None
    #: The readings' file, in the output folder unless it is an absolute path.
    DATA_OUT_FILE: str = "bioreactor_data.csv"
    #: The stirrer's duty in percent from the start.
    DUTY_CYCLE: int = 35
    #: A component that is False here is left alone: changes to it do nothing, readings of it are NaN.
    INIT_COMPONENTS: Dict[str, bool] = {
        "leds": True,
        "pumps": True,
        "ring_light": True,
        "optical_density": True,
        "temp": True,
        "peltier": True,
        "stirrer": True,
    }
    #: The columns of the readings' file by sensor.
    SENSOR_LABELS: Dict[str, str] = {
        **_numbered("photodiode", PHOTODIODE_LABELS),
        **_numbered("io_temp", IO_TEMP_LABELS),
        **_numbered("vial_temp", VIAL_TEMP_LABELS),
        "peltier_current": PELTIER_LABEL,
    }
