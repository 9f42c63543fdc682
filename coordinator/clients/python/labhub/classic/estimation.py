"""Biomass and growth rate from optical density, and the dilution that holds it."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from .control import balanced_flow

#: How many steps the histories keep.
_HISTORY = 100_000


class ExtendedKalmanFilter:
    """Estimates biomass X (in units of optical density) and specific growth rate µ (1/h) of a diluted culture.

    Model: dX/dt = (µ − D)·X with the dilution rate D (1/h) known, µ a random walk; X is measured with noise. Over a step
    in which µ and D stay, X(t + dt) = X(t)·exp((µ − D)·dt) exactly, and that is what is linearised.

    `process_noise_*`: variance added in each step. `measurement_noise`: variance of one measurement. `dt`: seconds from
    step to step. `x` is [X, µ], `P` its covariance.
    """

    def __init__(
        self,
        initial_biomass: float,
        initial_growth_rate: float,
        process_noise_biomass: float = 1e-6,
        process_noise_growth_rate: float = 1e-7,
        measurement_noise: float = 0.01,
        dt: float = 1.0,
    ) -> None:
        self.x: List[float] = [float(initial_biomass), float(initial_growth_rate)]
        self.P: List[List[float]] = [[0.1, 0.0], [0.0, 0.1]]
        self.Q = (float(process_noise_biomass), float(process_noise_growth_rate))
        self.R = float(measurement_noise)
        self.dt = dt / 3600.0
        self.total_time = 0.0
        self.time_history: Deque[float] = deque([0.0], maxlen=_HISTORY)
        self.biomass_history: Deque[float] = deque([self.x[0]], maxlen=_HISTORY)
        self.growth_rate_history: Deque[float] = deque([self.x[1]], maxlen=_HISTORY)
        self.measurement_history: Deque[float] = deque([self.x[0]], maxlen=_HISTORY)

    def predict(self, flow_rate: float, dt: Optional[float] = None) -> None:
        """One step on, under the dilution rate `flow_rate` (1/h). `dt`: seconds, where the step is not the usual one."""
        hours = self.dt if dt is None else dt / 3600.0
        biomass, growth_rate = self.x
        grown = math.exp((growth_rate - flow_rate) * hours)
        self.x = [biomass * grown, growth_rate]
        # F = [[grown, slope], [0, 1]];  P = F·P·Fᵀ + Q
        slope = biomass * grown * hours
        (p00, p01), (_, p11) = self.P
        covariance = grown * p01 + slope * p11
        variance = grown * grown * p00 + 2.0 * grown * slope * p01 + slope * slope * p11
        self.P = [[variance + self.Q[0], covariance], [covariance, p11 + self.Q[1]]]
        self.total_time += hours * 3600.0

    def update(self, measurement: float) -> None:
        """Takes a measured optical density in. One that is not a number is passed over: the prediction stands."""
        if math.isfinite(measurement):
            (p00, p01), (_, p11) = self.P
            spread = p00 + self.R
            gain = (p00 / spread, p01 / spread)
            surprise = measurement - self.x[0]
            self.x = [self.x[0] + gain[0] * surprise, self.x[1] + gain[1] * surprise]
            # Joseph's form, (I − K·H)·P·(I − K·H)ᵀ + K·R·Kᵀ, stays symmetric and positive through millions of steps.
            rest = 1.0 - gain[0]
            new_p00 = rest * rest * p00 + gain[0] * gain[0] * self.R
            new_p01 = rest * (p01 - gain[1] * p00) + gain[0] * gain[1] * self.R
            new_p11 = p11 - 2.0 * gain[1] * p01 + gain[1] * gain[1] * spread
            self.P = [[new_p00, new_p01], [new_p01, new_p11]]
        self.time_history.append(self.total_time)
        self.biomass_history.append(self.x[0])
        self.growth_rate_history.append(self.x[1])
        self.measurement_history.append(measurement)

    def get_state(self) -> Tuple[float, float]:
        """Biomass (optical density) and growth rate (1/h)."""
        return self.x[0], self.x[1]

    def plot_history(self, path: str = "ekf_estimation.png") -> None:
        """Draws measurement, biomass and growth rate over time into a file. Needs matplotlib."""
        import matplotlib.pyplot as plt

        hours = [seconds / 3600.0 for seconds in self.time_history]
        figure, (upper, lower) = plt.subplots(2, 1, sharex=True, figsize=(10, 8), layout="constrained")
        upper.plot(hours, list(self.measurement_history), ".", color="0.6", label="measured")
        upper.plot(hours, list(self.biomass_history), label="estimated")
        upper.set_ylabel("optical density")
        upper.legend()
        lower.plot(hours, list(self.growth_rate_history))
        lower.set_ylabel("growth rate (1/h)")
        lower.set_xlabel("time (h)")
        figure.savefig(path)
        plt.close(figure)


def turbidostat_od_controller(
    bio: Any,
    ekf: ExtendedKalmanFilter,
    measure_od_func: Callable[[Any], float],
    pump_name: str,
    target_od: float,
    control_gain: float,
    flow_rate_max_ml_s: float,
    dead_zone: float,
    culture_volume_ml: float,
    state: Dict[str, float],
    elapsed: Optional[float] = None,
) -> None:
    """One step of holding the optical density by dilution; to be called once in each of the filter's `dt`.

    The dilution rate that keeps the density is the growth rate; `control_gain` (1/h for each unit of density) is added
    for what it is off by. Within `dead_zone` of the target the pumps stay as they are; so they do without a measurement.
    `state` keeps `flow_rate_ml_s` and `dilution_rate_h` from call to call.
    """
    flow = state.setdefault("flow_rate_ml_s", 0.0)
    per_ml_s = 3600.0 / culture_volume_ml
    measured = measure_od_func(bio)
    ekf.predict(state.setdefault("dilution_rate_h", flow * per_ml_s))
    ekf.update(measured)
    density, growth_rate = ekf.get_state()
    error = density - target_od
    if not math.isfinite(measured):
        bio.logger.warning("optical density can't be had: pumps stay as they are")
        return
    if abs(error) <= dead_zone:
        return
    dilution_rate = max(0.0, growth_rate + control_gain * error)
    flow = min(dilution_rate / per_ml_s, flow_rate_max_ml_s)
    balanced_flow(bio, pump_name, flow)
    state["flow_rate_ml_s"] = flow
    state["dilution_rate_h"] = flow * per_ml_s
