"""The Python surface of the Bioreactor Hub, on top of labhub.

One implementation; the modules `bioreactor`, `bioreactor_client`, `utils` and `src.*` are other spellings of it.
"""

from .client import BioreactorClient, HubError
from .config import Config
from .control import balanced_flow, measure_and_write_sensor_data, pid_controller
from .estimation import ExtendedKalmanFilter, turbidostat_od_controller
from .reactor import Bioreactor

__all__ = [
    "Bioreactor",
    "BioreactorClient",
    "Config",
    "ExtendedKalmanFilter",
    "HubError",
    "balanced_flow",
    "measure_and_write_sensor_data",
    "pid_controller",
    "turbidostat_od_controller",
]
