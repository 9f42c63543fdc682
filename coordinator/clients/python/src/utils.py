"""`from src.utils import …`: the classic spelling; see labhub.classic."""

from labhub.classic import (
    ExtendedKalmanFilter,
    balanced_flow,
    measure_and_write_sensor_data,
    pid_controller,
    turbidostat_od_controller,
)

__all__ = [
    "ExtendedKalmanFilter",
    "balanced_flow",
    "measure_and_write_sensor_data",
    "pid_controller",
    "turbidostat_od_controller",
]
