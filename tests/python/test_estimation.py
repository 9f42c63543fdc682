"""The Kalman filter on made-up cultures whose truth is known, and the controller that uses it."""

import logging
import math
import random
import unittest

import support  # noqa: F401 - puts the client on the path

from utils import ExtendedKalmanFilter, turbidostat_od_controller


class Culture:
    """Grows exactly as the equation says, and is measured with noise."""

    def __init__(self, density, growth_rate, noise, seed=3):
        self.density, self.growth_rate = density, growth_rate
        self._noise, self._random = noise, random.Random(seed)

    def advance(self, seconds, dilution_rate):
        self.density *= math.exp((self.growth_rate - dilution_rate) * seconds / 3600.0)

    def measure(self):
        return self.density + self._random.gauss(0.0, self._noise)


class Estimation(unittest.TestCase):
    def follow(self, culture, ekf, steps, dilution=lambda step: 0.0, seconds=60.0):
        for step in range(steps):
            culture.advance(seconds, dilution(step))
            ekf.predict(dilution(step))
            ekf.update(culture.measure())

    def test_finds_biomass_and_growth_rate_of_a_growing_culture(self):
        culture = Culture(0.1, 0.45, noise=0.005)
        ekf = ExtendedKalmanFilter(0.2, 0.1, 1e-7, 1e-6, 0.005**2, dt=60.0)
        self.follow(culture, ekf, 240)
        density, growth_rate = ekf.get_state()
        self.assertAlmostEqual(density, culture.density, delta=0.01)
        self.assertAlmostEqual(growth_rate, 0.45, delta=0.03)

    def test_tells_growth_from_dilution(self):
        culture = Culture(0.5, 0.6, noise=0.005)
        ekf = ExtendedKalmanFilter(0.5, 0.2, 1e-7, 1e-6, 0.005**2, dt=60.0)
        self.follow(culture, ekf, 400, dilution=lambda step: 1.8 if step % 9 < 3 else 0.0)
        self.assertAlmostEqual(ekf.get_state()[1], 0.6, delta=0.05)

    def test_follows_a_growth_rate_that_changes(self):
        culture = Culture(0.5, 0.6, noise=0.005)
        ekf = ExtendedKalmanFilter(0.5, 0.6, 1e-7, 1e-5, 0.005**2, dt=60.0)
        self.follow(culture, ekf, 120, dilution=lambda step: 0.5)
        culture.growth_rate = 0.3
        self.follow(culture, ekf, 180, dilution=lambda step: 0.3)
        self.assertAlmostEqual(ekf.get_state()[1], 0.3, delta=0.06)

    def test_covariance_stays_symmetric_and_positive(self):
        culture = Culture(0.5, 0.6, noise=0.01)
        ekf = ExtendedKalmanFilter(0.5, 0.6, 1e-9, 1e-9, 1e-4, dt=1.0)
        self.follow(culture, ekf, 20_000, dilution=lambda step: 0.6, seconds=1.0)
        (p00, p01), (p10, p11) = ekf.P
        self.assertEqual(p01, p10)
        self.assertGreater(p00, 0)
        self.assertGreater(p00 * p11 - p01 * p10, 0)

    def test_passes_over_measurements_that_are_none(self):
        ekf = ExtendedKalmanFilter(0.5, 0.6, dt=3600.0)
        ekf.predict(0.0)
        ekf.update(math.nan)
        self.assertAlmostEqual(ekf.get_state()[0], 0.5 * math.exp(0.6))
        self.assertEqual(ekf.get_state()[1], 0.6)
        self.assertEqual(len(ekf.time_history), 2)

    def test_linearises_what_it_predicts(self):
        step = 1e-6
        for index in (0, 1):
            start = [0.7, 0.5]
            moved = list(start)
            moved[index] += step
            here, there = (ExtendedKalmanFilter(*x, 0.0, 0.0, 1.0, dt=900.0) for x in (start, moved))
            here.P = [[1.0, 0.0], [0.0, 0.0]] if index == 0 else [[0.0, 0.0], [0.0, 1.0]]
            here.predict(0.2)
            there.predict(0.2)
            slope = (there.x[0] - here.x[0]) / step
            self.assertAlmostEqual(here.P[0][0], slope * slope, places=5)


class Turbidostat(unittest.TestCase):
    class Reactor:
        def __init__(self, culture, volume_ml):
            self.culture, self.volume_ml = culture, volume_ml
            self.pumps = {"A_in": 0.0, "A_out": 0.0}
            self.logger = logging.getLogger("test")
            self._initialized = {"pumps": True}
            self.commands = 0

        def change_pump(self, name, ml_per_sec):
            self.pumps[name] = ml_per_sec
            self.commands += 1

        def advance(self, seconds):
            self.culture.advance(seconds, self.pumps["A_in"] * 3600.0 / self.volume_ml)

    def hold(self, reactor, steps, measure=lambda bio: bio.culture.measure(), **settings):
        ekf = ExtendedKalmanFilter(reactor.culture.density, 0.2, 1e-6, 1e-5, 1e-4, dt=60.0)
        state = {"flow_rate_ml_s": 0.0, "dilution_rate_h": 0.0}
        arguments = dict(target_od=0.6, control_gain=5.0, flow_rate_max_ml_s=0.02, dead_zone=0.01, culture_volume_ml=20.0)
        arguments.update(settings)
        for step in range(steps):
            reactor.advance(60.0)
            turbidostat_od_controller(reactor, ekf, measure, "A_in", state=state, elapsed=60.0 * step, **arguments)
        return state

    def test_holds_the_density(self):
        reactor = self.Reactor(Culture(0.3, 0.5, noise=0.005), 20.0)
        self.hold(reactor, 600)
        self.assertAlmostEqual(reactor.culture.density, 0.6, delta=0.03)
        self.assertEqual(reactor.pumps["A_in"], reactor.pumps["A_out"])

    def test_does_not_dilute_below_the_target(self):
        reactor = self.Reactor(Culture(0.1, 0.3, noise=0.001), 20.0)
        self.hold(reactor, 60)
        self.assertEqual(reactor.pumps["A_in"], 0.0)

    def test_never_pumps_faster_than_allowed(self):
        reactor = self.Reactor(Culture(3.0, 0.5, noise=0.001), 20.0)
        state = self.hold(reactor, 20, flow_rate_max_ml_s=0.004)
        self.assertEqual(reactor.pumps["A_in"], 0.004)
        self.assertAlmostEqual(state["dilution_rate_h"], 0.004 * 3600 / 20)

    def test_leaves_the_pumps_as_they_are_without_a_measurement(self):
        reactor = self.Reactor(Culture(0.9, 0.5, noise=0.001), 20.0)
        with self.assertLogs("test", "WARNING"):
            self.hold(reactor, 20, measure=lambda bio: math.nan)
        self.assertEqual(reactor.commands, 0)


if __name__ == "__main__":
    unittest.main()
