"""`from bioreactor_client import …`: the container client's spelling; see labhub.classic."""

from labhub.classic import (
    Bioreactor,
    BioreactorClient,
    balanced_flow,
    measure_and_write_sensor_data,
    pid_controller,
)

__all__ = ["Bioreactor", "BioreactorClient", "balanced_flow", "measure_and_write_sensor_data", "pid_controller"]
