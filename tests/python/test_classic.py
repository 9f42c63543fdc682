"""The classic surface: Bioreactor, run(jobs), the readings' file, the control functions, BioreactorClient."""

import contextlib
import csv
import functools
import gc
import io
import logging
import math
import subprocess
import sys
import threading
import time
import unittest

from support import CLIENT, HubTest, environment_of, until

from bioreactor import Bioreactor
from bioreactor_client import BioreactorClient
from src.config import Config
from utils import balanced_flow, measure_and_write_sensor_data, pid_controller

HEADER = [
    "time",
    "vial_A_180_degree", "vial_A_135_degree", "vial_B_180_degree", "vial_B_135_degree",
    "vial_C_180_degree", "vial_C_135_degree", "vial_D_180_degree", "vial_D_135_degree",
    "vial_A_reference", "vial_B_reference", "vial_C_reference", "vial_D_reference",
    "io_temp_in", "io_temp_out", "vial_A_temp", "vial_B_temp", "vial_C_temp", "vial_D_temp", "peltier_current",
]  # fmt: skip


class ClassicTest(HubTest):
    def setUp(self):
        super().setUp()
        logger = logging.getLogger("Bioreactor")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        self.addCleanup(setattr, logger, "propagate", True)

    def reactor(self):
        bio = Bioreactor()
        self.addCleanup(bio.finish)
        return bio

    def rows(self):
        with open(self.output / "bioreactor_data.csv", newline="", encoding="utf-8") as file:
            return list(csv.reader(file))


class Life(ClassicTest):
    def test_starts_the_stirrer_at_35(self):
        self.reactor()
        self.assertEqual(self.device.changes, [("stirrer", 35)])

    def test_has_the_attributes_scripts_use(self):
        bio = self.reactor()
        self.assertEqual(
            bio._initialized,
            dict.fromkeys(["leds", "pumps", "ring_light", "optical_density", "temp", "peltier", "stirrer"], True),
        )
        self.assertIsInstance(bio.writer, csv.DictWriter)
        self.assertEqual(bio.out_file.name, str(self.output / "bioreactor_data.csv"))
        self.assertEqual((bio._temp_integral, bio._temp_last_error), (0.0, 0.0))
        self.assertIs(bio.cfg, Config)
        bio.logger.info("scripts log here")

    def test_leaves_the_vessel_safe_and_the_file_closed(self):
        with Bioreactor() as bio:
            bio.change_led(True)
            bio.change_pump("A_in", 0.5)
            self.assertFalse(self.device.is_safe())
        self.assertTrue(self.device.is_safe())
        self.assertTrue(bio.out_file.closed)
        bio.finish()

    def test_leaves_the_vessel_safe_when_the_script_raises(self):
        with self.assertRaises(ZeroDivisionError), Bioreactor() as bio:
            bio.change_peltier(50, True)
            1 / 0
        self.assertTrue(self.device.is_safe())

    def test_lets_nothing_change_after_finish(self):
        bio = self.reactor()
        bio.finish()
        with self.assertRaisesRegex(RuntimeError, "finished"):
            bio.change_led(True)
        with self.assertRaisesRegex(RuntimeError, "finish"):
            bio.run([(lambda bio: None, 1, 1)])
        self.assertTrue(self.device.is_safe())

    def test_a_script_that_forgets_to_finish_leaves_the_vessel_safe(self):
        script = "from bioreactor import Bioreactor\nbio = Bioreactor()\nbio.change_led(True)\n"
        environment = environment_of(self.hub.url, EXPERIMENT_ID="exp-1", PYTHONPATH=str(CLIENT), LABHUB_OUTPUT=str(self.output))
        subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, timeout=60)
        self.assertIn(("led", True), self.device.changes)
        self.assertTrue(self.device.is_safe())

    def test_waits_for_hardware_that_is_away(self):
        self.hub.hide_hardware = 1
        self.assertTrue(self.reactor()._initialized["pumps"])

    def test_does_not_begin_without_hardware(self):
        self.use(LABHUB_RETRY_FOR="0")
        self.hub.hide_hardware = 1
        with self.assertRaisesRegex(ConnectionError, "can't be reached"):
            Bioreactor()

    def test_losing_the_lease_does_not_hide_what_went_wrong(self):
        with self.assertRaises(ZeroDivisionError), Bioreactor():
            self.device.holder = None
            1 / 0


class Changes(ClassicTest):
    def test_reach_the_device(self):
        bio = self.reactor()
        bio.change_led(True)
        bio.change_ring_light((255, 0, 1))
        bio.change_ring_light((1, 2, 3), 31)
        bio.change_peltier(60, True)
        bio.change_peltier(40, False)
        bio.change_pump("D_out", 0.25)
        bio.change_stirrer(50)
        self.assertEqual(
            self.device.changes[1:],
            [
                ("led", True), ("ring_light", "#ff0001"), ("ring_light", "31:#010203"), ("peltier", 60), ("peltier", -40),
                ("pump_D_out", 0.25), ("stirrer", 50),
            ],
        )  # fmt: skip

    def test_are_refused_with_the_hubs_reason(self):
        bio = self.reactor()
        with self.assertRaisesRegex(ConnectionError, "outside its limits") as caught:
            bio.change_peltier(400, True)
        self.assertEqual(caught.exception.code, "out_of_range")

    def test_name_pumps_that_are_none(self):
        bio = self.reactor()
        with self.assertRaisesRegex(ValueError, "tube_1_in"):
            bio.change_pump("tube_1_in", 1)
        for rate in (-1, math.nan):
            with self.subTest(rate), self.assertRaises(ValueError):
                bio.change_pump("A_in", rate)

    def test_of_what_is_not_there_do_nothing(self):
        self.hub.missing_components = {"peltier"}
        bio = self.reactor()
        bio.change_peltier(50, True)
        self.assertEqual(bio._initialized["peltier"], False)
        self.assertNotIn(("peltier", 50), self.device.changes)
        self.assertTrue(math.isnan(bio.get_peltier_curr()))


class Readings(ClassicTest):
    def test_have_their_shapes(self):
        bio = self.reactor()
        bio.change_led(True)
        self.assertEqual([len(bio.get_photodiodes()), len(bio.get_io_temp()), len(bio.get_vial_temp())], [12, 2, 4])
        self.assertGreater(bio.get_photodiodes()[8], 2.0)
        self.assertEqual(bio.get_peltier_curr(), 0.0)

    def test_that_cannot_be_had_are_nan(self):
        self.device.broken = {"vial_A_180_degree", "vial_D_temp", "io_temp_in", "peltier_current"}
        bio = self.reactor()
        self.assertEqual([math.isnan(v) for v in bio.get_photodiodes()], [True] + [False] * 11)
        self.assertEqual([math.isnan(v) for v in bio.get_vial_temp()], [False] * 3 + [True])
        self.assertEqual([math.isnan(v) for v in bio.get_io_temp()], [True, False])
        self.assertTrue(math.isnan(bio.get_peltier_curr()))

    def test_are_nan_while_the_node_is_away(self):
        self.use(LABHUB_RETRY_FOR="0")
        bio = self.reactor()
        self.hub.say_unavailable = 4
        self.assertTrue(all(math.isnan(v) for v in bio.get_photodiodes() + bio.get_io_temp() + bio.get_vial_temp()))
        self.assertTrue(math.isnan(bio.get_peltier_curr()))

    def test_go_into_the_file(self):
        self.device.broken = {"vial_B_temp"}
        with Bioreactor() as bio:
            row = measure_and_write_sensor_data(bio, 1.5)
        header, written = self.rows()
        self.assertEqual(header, HEADER)
        self.assertEqual(list(row), HEADER)
        self.assertEqual(row["time"], 1.5)
        self.assertEqual(written[0], "1.5")
        self.assertEqual(written[HEADER.index("vial_B_temp")], "nan")
        self.assertEqual(float(written[HEADER.index("vial_A_temp")]), row["vial_A_temp"])

    def test_are_all_of_one_moment(self):
        bio = self.reactor()
        asked = len(self.hub.requests)
        measure_and_write_sensor_data(bio, 0)
        self.assertEqual(len(self.hub.requests) - asked, 1)

    def test_are_readable_by_pandas(self):
        import pandas

        with Bioreactor() as bio:
            for second in range(3):
                measure_and_write_sensor_data(bio, second)
        table = pandas.read_csv(self.output / "bioreactor_data.csv")
        self.assertEqual((list(table.columns), len(table)), (HEADER, 3))


class Jobs(ClassicTest):
    def test_run_returns_at_once_and_calls_both_kinds(self):
        bio = self.reactor()
        plain, timed = [], []

        def without(reactor):
            plain.append(reactor)

        def with_elapsed(reactor, elapsed):
            timed.append((reactor, elapsed))

        began = time.monotonic()
        bio.run([(without, 0.01, True), (with_elapsed, 0.01, True)])
        self.assertLess(time.monotonic() - began, 0.5)
        until(lambda: len(plain) > 3 and len(timed) > 3)
        self.assertIs(plain[0], bio)
        self.assertIs(timed[0][0], bio)
        self.assertLess(timed[0][1], 0.5)
        self.assertGreater(timed[3][1], timed[0][1])

    def test_elapsed_goes_where_the_signature_takes_it(self):
        bio = self.reactor()
        got = {}

        def optional(reactor, elapsed=None):
            got["optional"] = elapsed

        def by_name(reactor, *, elapsed):
            got["by_name"] = elapsed

        def renamed(reactor, t):
            got["renamed"] = t

        def anything(*args, **kwargs):
            got["anything"] = kwargs["elapsed"]

        def any_positional(*args):
            got["any_positional"] = args[1]

        class Callable:
            def __call__(self, reactor, elapsed):
                got["object"] = elapsed

        def partial(gain, reactor, elapsed):
            got["partial"] = elapsed

        bound = [lambda reactor, vial=vial: got.setdefault("bound", []).append(vial) for vial in "AB"]
        functions = [optional, by_name, renamed, anything, any_positional, Callable(), functools.partial(partial, 1.0), *bound]
        bio.run([(function, 10, True) for function in functions])
        until(lambda: len(got) == 8 and len(got["bound"]) == 2)
        self.assertEqual(sorted(got.pop("bound")), ["A", "B"])
        self.assertTrue(all(isinstance(elapsed, float) for elapsed in got.values()), got)

    def test_period_and_duration_are_kept(self):
        bio = self.reactor()
        times = []
        bio.run([(lambda reactor, elapsed: times.append(elapsed), 0.05, 0.22)])
        until(lambda: not bio._threads)
        self.assertIn(len(times), range(3, 6))
        self.assertTrue(all(abs(elapsed - 0.05 * turn) < 0.04 for turn, elapsed in enumerate(times)), times)

    def test_true_means_no_pause_and_no_end(self):
        bio = self.reactor()
        calls = []
        bio.run([(lambda reactor: calls.append(1), True, True)])
        until(lambda: len(calls) > 1000)
        bio.stop_all()
        until(lambda: not bio._threads)

    def test_a_duration_of_one_is_a_second(self):
        bio = self.reactor()
        bio.run([(lambda reactor: None, 0.01, 1)])
        time.sleep(0.3)
        self.assertEqual(len(bio._threads), 1)

    def test_each_has_a_thread_of_its_own(self):
        bio = self.reactor()
        meeting = threading.Barrier(3)
        met = []
        bio.run([(lambda reactor: met.append(meeting.wait(5)), 10, True)] * 3)
        until(lambda: len(met) == 3)

    def test_one_that_raises_is_reported_and_the_others_go_on(self):
        bio = self.reactor()
        good, bad = [], []

        def failing(reactor):
            bad.append(1)
            raise KeyError("no such vial")

        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            bio.run([(failing, 0.01, True), (lambda reactor: good.append(1), 0.01, True)])
            until(lambda: len(good) > 5 and len(bad) > 5)
            bio.stop_all()
            until(lambda: not bio._threads)
        self.assertIn("Traceback", stderr.getvalue())
        self.assertIn("in failing", stderr.getvalue())
        self.assertEqual(stderr.getvalue().count("Traceback"), 1)  # the same again is a line in the log
        self.assertGreater(bio.job_failures["failing"], 5)

    def test_finish_stops_them(self):
        calls = []
        with Bioreactor() as bio:
            bio.run([(lambda reactor: calls.append(reactor.change_led(True)), 0.001, True)])
            until(lambda: len(calls) > 3)
        count = len(self.device.changes)
        self.assertTrue(self.device.is_safe())
        self.assertEqual(bio.job_failures, {})
        until(lambda: not bio._threads)
        self.assertEqual(len(self.device.changes), count)

    def test_may_be_started_again_after_stop_all(self):
        bio = self.reactor()
        calls = []
        bio.run([(lambda reactor: calls.append("first"), 0.005, True)])
        bio.stop_all()
        bio.run([(lambda reactor: calls.append("second"), 0.005, True)])
        until(lambda: calls.count("second") > 3)
        first = calls.count("first")
        until(lambda: calls.count("second") > 10)
        self.assertEqual(calls.count("first"), first)

    def test_that_are_none_are_refused_before_any_starts(self):
        bio = self.reactor()
        calls = []
        good = (lambda reactor: calls.append(1), 0.001, True)
        for bad in ((print, 1), ("print", 1, 1), (print, -1, 1), (print, 1, "long"), (print, False, 1), (print, math.nan, 1)):
            with self.subTest(bad), self.assertRaises(ValueError):
                bio.run([good, bad])
        self.assertEqual(calls, [])

    def test_a_reactor_that_is_dropped_can_be_collected(self):
        bio = Bioreactor()
        bio.finish()
        del bio
        gc.collect()


class Control(ClassicTest):
    def test_pid_heats_below_and_cools_above(self):
        bio = self.reactor()
        pid_controller(bio, setpoint=37.0, current_temp=35.0, kp=10.0, ki=1.0, kd=0.0, dt=1.0)
        self.assertEqual(self.device.changes[-1], ("peltier", 22))  # 10·2 + 1·2
        self.assertEqual((bio._temp_integral, bio._temp_last_error), (2.0, 2.0))
        pid_controller(bio, 37.0, 42.0, kd=1.0)
        self.assertEqual(self.device.changes[-1], ("peltier", -60))  # 10·(−5) + 1·(2 − 5) + 1·(−5 − 2)

    def test_pid_stays_within_the_peltiers_range(self):
        bio = self.reactor()
        pid_controller(bio, 90.0, 10.0)
        self.assertEqual(self.device.changes[-1], ("peltier", 100))

    def test_pid_reads_the_first_vial(self):
        bio = self.reactor()
        self.device.broken = {"vial_B_temp", "vial_C_temp", "vial_D_temp"}
        pid_controller(bio, 40.0)
        self.assertEqual(self.device.changes[-1][0], "peltier")

    def test_pid_changes_nothing_without_a_temperature(self):
        bio = self.reactor()
        self.device.broken = {"vial_A_temp"}
        count = len(self.device.changes)
        pid_controller(bio, 40.0)
        pid_controller(bio, 40.0, math.nan)
        self.assertEqual(len(self.device.changes), count)
        self.assertEqual((bio._temp_integral, bio._temp_last_error), (0.0, 0.0))

    def test_pid_reaches_its_setpoint(self):
        bio = self.reactor()
        vial = self.device.vials["A"]
        for _ in range(600):
            pid_controller(bio, 37.0, vial.celsius, kp=20.0, ki=0.02, dt=10.0)
            vial.advance(10.0, 0.0, self.device.values["peltier"])
        self.assertAlmostEqual(vial.celsius, 37.0, delta=0.3)

    def test_balanced_flow_sets_both_pumps(self):
        bio = self.reactor()
        balanced_flow(bio, "A_in", 0.5)
        balanced_flow(bio, "B_out", 0.25)
        self.assertEqual([self.device.values[f"pump_{p}"] for p in ("A_in", "A_out", "B_in", "B_out")], [0.5, 0.5, 0.25, 0.25])
        for name in ("A", "in", "A_sideways", ""):
            with self.subTest(name), self.assertRaises(ValueError):
                balanced_flow(bio, name, 1.0)

    def test_balanced_flow_never_pumps_in_alone(self):
        bio = self.reactor()
        balanced_flow(bio, "A_in", 0.5)
        balanced_flow(bio, "A_in", 0.0)
        pumps = [change for change in self.device.changes if change[0].startswith("pump")]
        self.assertEqual(pumps, [("pump_A_out", 0.5), ("pump_A_in", 0.5), ("pump_A_in", 0.0), ("pump_A_out", 0.0)])


class Client(ClassicTest):
    def test_speaks_every_hardware_route(self):
        client = BioreactorClient()
        self.assertTrue(client.get_status()["hardware_available"])
        self.assertEqual(client.control_led(True)["led_state"], True)
        self.assertEqual(client.control_ring_light([1, 2, 3], 4)["color"], [1, 2, 3])
        self.assertEqual(client.control_peltier(10, False)["status"], "success")
        self.assertEqual(client.control_pump("A_in", 0.5)["flow_rate_ml_s"], 0.5)
        self.assertEqual(client.control_stirrer(20)["duty_cycle"], 20)
        self.assertEqual(len(client.get_photodiodes()["readings"]), 12)
        self.assertEqual(client.get_health()["status"], "healthy")

    def test_has_nan_where_json_has_null(self):
        self.device.broken = {"vial_A_180_degree", "peltier_current", "vial_A_temp"}
        client = BioreactorClient()
        self.assertTrue(math.isnan(client.get_sensors()["photodiodes"][0]))
        self.assertTrue(math.isnan(client.get_temperature()["vial_temperatures"][0]))
        self.assertTrue(math.isnan(client.get_current()["peltier_current"]))

    def test_runs_an_experiment(self):
        client = BioreactorClient()
        name = client.start_experiment("print(1)", config={})["experiment_id"]
        self.assertEqual(client.get_experiment_status(name)["experiment"]["status"], "running")
        self.assertEqual(client.get_experiment_logs(name, tail=1)["logs"], "line 9")
        self.assertEqual(client.get_experiment_results(name)["results"]["exit_code"], 0)
        self.assertEqual(client.download_experiment(name, self.output).suffix, ".zip")
        self.assertEqual(client.stop_experiment(name)["message"], "stopping")
        self.assertEqual(len(client.list_experiments()), 1)
        client.delete_experiment(name)

    def test_raises_a_connection_error_for_all_that_fails(self):
        client = BioreactorClient()
        with self.assertRaises(ConnectionError) as caught:
            client.get_experiment_status("unheard/of")
        self.assertEqual((caught.exception.code, caught.exception.status), ("not_found", 404))
        with self.assertRaises(ConnectionError):
            client.control_stirrer(math.nan)

    def test_takes_token_and_address_as_arguments(self):
        self.hub.token = "s3cret"
        with self.assertRaises(ConnectionError):
            BioreactorClient(self.hub.url).get_status()
        self.assertTrue(BioreactorClient(self.hub.url, "s3cret").get_status()["hardware_available"])

    def test_commands_whose_answers_were_lost_execute_once(self):
        client = BioreactorClient()
        self.hub.lose_answers = 1
        client.control_pump("A_in", 0.5)
        self.assertEqual(self.device.changes, [("pump_A_in", 0.5)])


if __name__ == "__main__":
    unittest.main()
