"""Reading, setting and streaming through labhub.vessel()."""

import hashlib
import math
import pickle
import threading
import unittest

from support import HubTest, until

import labhub
import labhub.stream as stream
from fake_device import FakeDevice
from fake_hub import FakeHub


class Finding(HubTest):
    def test_takes_the_leased_device(self):
        self.assertEqual(labhub.vessel().name, "sim-1/vessel")

    def test_takes_the_only_device_where_none_is_leased(self):
        self.hub.caller["device"] = None
        self.assertEqual(labhub.vessel().name, "sim-1/vessel")

    def test_names_the_choices_where_there_are_several(self):
        hub = FakeHub(devices=[FakeDevice("n/one"), FakeDevice("n/two")])
        self.addCleanup(hub.close)
        hub.caller["device"] = None
        with self.assertRaises(labhub.Conflict) as caught:
            labhub.vessel(hub=labhub.connect(hub.url))
        self.assertIn("n/one, n/two", caught.exception.detail)

    def test_refuses_a_name_without_a_node(self):
        with self.assertRaisesRegex(labhub.Malformed, "node/device"):
            labhub.vessel("vessel")

    def test_refuses_an_address_that_is_none(self):
        for address in ("127.0.0.1:8000", "ftp://lab", "http://lab:port"):
            with self.subTest(address), self.assertRaises(labhub.Malformed):
                labhub.connect(address)

    def test_says_who_asks_and_what_there_is(self):
        hub = labhub.connect()
        self.assertEqual(hub.session()["job_id"], "exp-1")
        self.assertEqual(hub.nodes()[0]["node"], "sim-1")
        self.assertEqual(hub.devices()[0]["device"], "sim-1/vessel")
        self.assertEqual(hub.health()["status"], "healthy")


class Reading(HubTest):
    def test_gives_one_value_several_or_all(self):
        vessel = labhub.vessel()
        self.assertAlmostEqual(vessel.read("vial_A_temp"), 25.0, delta=1)
        self.assertEqual(set(vessel.read("vial_A_temp", "stirrer")), {"vial_A_temp", "stirrer"})
        self.assertEqual(set(vessel.read(["vial_A_temp", "led"])), {"vial_A_temp", "led"})
        self.assertEqual(len(vessel.read()), 31)

    def test_gives_nan_for_what_cannot_be_had(self):
        self.device.broken = {"vial_B_temp"}
        vessel = labhub.vessel()
        self.assertTrue(math.isnan(vessel.read("vial_B_temp")))
        self.assertFalse(math.isnan(vessel.read("vial_A_temp")))

    def test_gives_nan_for_a_stale_value(self):
        described = self.device.describe()
        for metric in described["metrics"]:
            metric["quality"] = "stale"
        self.device.describe = lambda: described
        self.assertTrue(math.isnan(labhub.vessel().read("vial_A_temp")))
        self.assertIsNone(labhub.vessel().read("led"))

    def test_keeps_truth_values_and_texts(self):
        vessel = labhub.vessel()
        self.assertIs(vessel.read("led"), False)
        self.assertEqual(vessel.read("ring_light"), "#000000")
        self.assertIsInstance(vessel.read("stirrer"), float)

    def test_suggests_the_name_that_was_meant(self):
        with self.assertRaisesRegex(labhub.NotFound, "vial_A_temp"):
            labhub.vessel().read("vial_A_tmp")

    def test_describes_metrics(self):
        metric = labhub.vessel().metrics["peltier"]
        self.assertEqual((metric.unit, metric.min, metric.max, metric.safe, metric.kind), ("%", -100, 100, 0.0, "actuator"))
        self.assertTrue(metric.is_actuator)

    def test_says_who_holds_the_device(self):
        self.assertEqual(labhub.vessel().lease["holder"], "exp-1")


class Setting(HubTest):
    def test_returns_what_was_applied(self):
        applied = labhub.vessel().set(stirrer=40, led=True)
        self.assertEqual(applied, {"stirrer": 40.0, "led": True})
        self.assertEqual(self.device.values["stirrer"], 40)

    def test_takes_a_mapping(self):
        self.assertEqual(labhub.vessel().set({"pump_A_in": 0.5}, stirrer=10), {"pump_A_in": 0.5, "stirrer": 10.0})

    def test_runs_a_pump_by_its_short_name(self):
        self.assertEqual(labhub.vessel().pump("A_in", 0.5), 0.5)
        self.assertEqual(self.device.values["pump_A_in"], 0.5)

    def test_holds(self):
        vessel = labhub.vessel()
        vessel.set(stirrer=40, led=True, peltier=-20)
        self.assertEqual(vessel.hold("done")["stirrer"], 0.0)
        self.assertTrue(self.device.is_safe())

    def test_takes_colours_in_every_form(self):
        vessel = labhub.vessel()
        for given, sent in (
            ((255, 0, 16), "#ff0010"),
            ("#0a0b0c", "#0a0b0c"),
            ("3:#ffffff", "3:#ffffff"),
            ([(1, 2, 3)] * 32, ",".join(["#010203"] * 32)),
        ):
            with self.subTest(given):
                self.assertEqual(vessel.set(ring_light=given)["ring_light"], sent)
        with self.assertRaisesRegex(labhub.OutOfRange, "0 to 255"):
            vessel.set(ring_light=(256, 0, 0))
        with self.assertRaisesRegex(labhub.Malformed, "32"):
            vessel.set(ring_light=["#000000"] * 5)

    def test_takes_numbers_of_numpy(self):
        import numpy

        self.assertEqual(labhub.vessel().set(stirrer=numpy.float32(12.5), led=numpy.bool_(True)), {"stirrer": 12.5, "led": True})

    def test_refuses_what_is_out_of_range_and_sets_nothing(self):
        with self.assertRaises(labhub.OutOfRange) as caught:
            labhub.vessel().set(led=True, stirrer=140)
        error = caught.exception
        self.assertEqual((error.code, error.status, error.detail), ("out_of_range", 422, "0 to 100 %"))
        self.assertIn("stirrer", str(error))
        self.assertIsInstance(error, ValueError)
        self.assertEqual(self.device.changes, [])

    def test_refuses_nan_before_it_is_sent(self):
        vessel = labhub.vessel()
        asked = len(self.hub.requests)
        for value in (math.nan, math.inf, object()):
            with self.subTest(value), self.assertRaises(labhub.Malformed):
                vessel.set(stirrer=value)
        self.assertEqual(len(self.hub.requests), asked)

    def test_refuses_to_set_nothing(self):
        with self.assertRaisesRegex(labhub.Malformed, "nothing to set"):
            labhub.vessel().set()

    def test_names_each_refusal(self):
        vessel = labhub.vessel()
        with self.assertRaises(labhub.NotFound):
            vessel.set(warp_drive=1)
        with self.assertRaises(labhub.NotFound):
            labhub.vessel("sim-9/vessel").read()
        self.device.holder = None
        with self.assertRaises(labhub.NoLease):
            vessel.set(stirrer=1)


class Authentication(unittest.TestCase):
    def test_sends_the_token(self):
        hub = FakeHub(token="s3cret")
        self.addCleanup(hub.close)
        self.assertEqual(len(labhub.connect(hub.url, "s3cret").devices()), 1)
        with self.assertRaises(labhub.Unauthorized) as caught:
            labhub.connect(hub.url, "wrong").devices()
        self.assertEqual(caught.exception.code, "unauthenticated")


class Token(HubTest):
    def test_comes_from_the_environment_or_from_a_file(self):
        self.hub.token = "s3cret"
        path = self.output / "token"
        path.write_text("s3cret\n", encoding="utf-8")
        for name, value in (("LABHUB_TOKEN", "s3cret"), ("LABHUB_TOKEN_FILE", str(path))):
            with self.subTest(name):
                self.use(**{name: value})
                self.assertEqual(len(labhub.connect().devices()), 1)
        self.use(LABHUB_TOKEN_FILE=str(path) + ".missing")
        with self.assertRaisesRegex(labhub.Malformed, "LABHUB_TOKEN_FILE"):
            labhub.connect()


class Streaming(HubTest):
    def setUp(self):
        super().setUp()
        self.vessel = labhub.vessel()
        self.device.sample()

    def test_gives_every_sample_once_and_in_order(self):
        seen = []
        threading.Timer(0.05, self.device.sample).start()
        for sample in self.vessel.stream():
            seen.append(sample.time)
            if len(seen) == 1:
                for _ in range(3):  # measured while the body is busy
                    self.device.sample()
            if len(seen) == 4:
                break
        self.assertEqual(seen, sorted(set(seen)))

    def test_begins_with_the_first_sample_after_now(self):
        before = self.device.samples[-1]["time"]
        self.device.run(0.01)
        sample = next(iter(self.vessel.stream()))
        self.assertGreater(sample.time, before / 1000.0)
        self.assertEqual(sample.elapsed, 0.0)

    def test_gives_values_by_attribute_and_by_item(self):
        self.device.run(0.01)
        sample = next(iter(self.vessel.stream()))
        self.assertEqual(sample.vial_A_temp, sample["vial_A_temp"])
        self.assertEqual(dict(sample), sample.values)
        self.assertIn("led", sample)
        self.assertEqual(sample.as_dict()["elapsed"], 0.0)
        with self.assertRaises(AttributeError):
            sample.no_such_metric

    def test_ends_after_its_duration(self):
        self.device.run(0.01)
        times = [sample.elapsed for sample in self.vessel.stream(duration=0.2)]
        self.assertGreater(len(times), 3)
        self.assertLess(times[-1], 0.25)

    def test_ends_after_its_duration_though_nothing_is_measured(self):
        self.assertEqual(list(self.vessel.stream(duration=0.1)), [])

    def test_gives_the_newest_at_each_period(self):
        self.device.run(0.005)
        samples = list(self.vessel.stream(period=0.1, duration=0.55))
        self.assertIn(len(samples), range(3, 7))
        gaps = [later.time - earlier.time for earlier, later in zip(samples, samples[1:])]
        self.assertTrue(all(gap > 0.04 for gap in gaps), gaps)

    def test_skips_what_was_missed_where_a_period_is_given(self):
        self.device.run(0.005)
        samples = iter(self.vessel.stream(period=0.02))
        first = next(samples)
        count = len(self.device.samples)
        until(lambda: len(self.device.samples) > count + 20)
        self.assertGreater(next(samples).time - first.time, 0.05)

    def test_carries_values_on_and_says_which_are_fresh(self):
        threading.Timer(0.05, lambda: self.device.sample(only=["vial_A_temp"])).start()
        sample = next(iter(self.vessel.stream()))
        self.assertEqual(sample.fresh, {"vial_A_temp"})
        self.assertEqual(len(sample), 31)
        self.assertFalse(math.isnan(sample.vial_B_temp))

    def test_waits_for_the_wanted_metrics(self):
        def measure():
            self.device.sample(only=["stirrer"])
            self.device.sample(only=["vial_A_temp"])

        threading.Timer(0.05, measure).start()
        sample = next(iter(self.vessel.stream(metrics="vial_A_temp")))
        self.assertEqual(set(sample.values), {"vial_A_temp"})

    def test_gives_nan_for_what_could_not_be_measured(self):
        self.device.broken = {"vial_A_temp"}
        self.device.run(0.01)
        self.assertTrue(math.isnan(next(iter(self.vessel.stream())).vial_A_temp))

    def test_says_when_nothing_comes(self):
        longest, stream._LONGEST_WAIT = stream._LONGEST_WAIT, 0.05
        self.addCleanup(setattr, stream, "_LONGEST_WAIT", longest)
        with self.assertLogs("labhub"), self.assertRaisesRegex(labhub.Unavailable, "no sample of sim-1/vessel"):
            next(iter(self.vessel.stream(timeout=1.5)))

    def test_refuses_a_period_that_is_none(self):
        with self.assertRaisesRegex(labhub.Malformed, "period"):
            self.vessel.stream(period=math.nan)


class Experiments(HubTest):
    def test_starts_follows_and_fetches(self):
        hub = labhub.connect()
        name = hub.start_experiment(
            "print('\"quoted\" $(text)')", config={"time_limit": "5m"}, params={"run_seconds": 5}, tags=["growth"], note="first"
        )
        self.assertEqual(hub.experiment(name)["status"], "running")
        self.assertEqual(hub.experiment(name)["script"], "print('\"quoted\" $(text)')")
        given = self.hub.experiments[name]["config"]
        self.assertEqual(given, {"time_limit": "5m", "params": {"run_seconds": 5}, "tags": ["growth"], "note": "first"})
        self.assertEqual(hub.logs(name, tail=2), "line 8\nline 9")
        self.assertEqual(hub.results(name)["exit_code"], 0)
        packed = hub.download(name, self.output)
        self.assertEqual(packed.read_bytes()[:2], b"PK")
        self.assertEqual([path.name for path in self.output.iterdir()], [f"{name}.zip"])
        self.assertEqual(hub.stop_experiment(name), "stopping")
        self.assertEqual([entry["status"] for entry in hub.experiments()], ["stopped"])

    def test_reads_the_script_from_a_file(self):
        script = self.output / "script.py"
        script.write_text("print('µ')", encoding="utf-8")
        hub = labhub.connect()
        hub.start_experiment(script, experiment_id="mine")
        self.assertEqual(self.hub.experiments["mine"]["script"], "print('µ')")
        script.write_bytes(b"\xff\xfe")
        with self.assertRaisesRegex(labhub.Malformed, "UTF-8"):
            hub.start_experiment(script)


    def test_starts_one_again_with_a_file(self):
        hub = labhub.connect()
        first = hub.start_experiment("print(1)")
        data = self.output / "feed.csv"
        data.write_bytes(b"t,ml\n" * 30_000)
        again = hub.restart_experiment(first, "again", params={"x": 2, "y": None}, inputs={"feed profile.csv": data})
        given = self.hub.experiments[again]["config"]
        digest = hashlib.sha256(data.read_bytes()).hexdigest()
        self.assertEqual(given, {"params": {"x": 2, "y": None}, "inputs": [{"name": "feed profile.csv", "sha256": digest}]})
        self.assertEqual(self.hub.inputs[digest], data.read_bytes())
        self.assertEqual(hub.send_input(data), digest)
        self.assertEqual(self.hub.uploads, 1, "a file that is there is not sent again")


class Context(HubTest):
    def test_knows_its_experiment(self):
        self.assertEqual(labhub.experiment.id, "exp-1")
        self.assertEqual(labhub.experiment.output, self.output)
        self.assertEqual(labhub.experiment.params, {})

    def test_takes_parameters_from_the_start_then_from_the_environment(self):
        self.use(EXPERIMENT_ID="exp-1", LABHUB_PARAMS='{"run_seconds": 5, "on": true}', RUN_SECONDS="7", TARGET="0.5")
        self.assertEqual(labhub.experiment.param("run_seconds", 60.0), 5.0)
        self.assertEqual(labhub.experiment.param("target", 1.0), 0.5)
        self.assertEqual(labhub.experiment.param("unheard_of", 3), 3)
        self.assertIs(labhub.experiment.param("on", False), True)

    def test_shows_parameters_as_a_mapping_and_as_attributes(self):
        self.use(LABHUB_PARAMS='{"setpoint": 0.6, "pid": {"kp": 2}, "pumps": ["A", "B"]}')
        self.assertEqual(labhub.params.setpoint, 0.6)
        self.assertEqual(labhub.params["pid"].kp, 2)
        self.assertEqual(labhub.params.get("unheard_of", 3), 3)
        self.assertEqual(list(labhub.params), ["setpoint", "pid", "pumps"])
        self.assertEqual(labhub.params.as_dict()["pid"], {"kp": 2})
        self.assertEqual(pickle.loads(pickle.dumps(labhub.params)), labhub.params)
        with self.assertRaisesRegex(AttributeError, "no parameter 'stepoint'; there are: setpoint, pid, pumps"):
            labhub.params.stepoint
        with self.assertRaises(KeyError):
            labhub.params["stepoint"]
        with self.assertRaises(AttributeError):
            labhub.params.setpoint = 1

    def test_finds_its_input_files(self):
        self.use(LABHUB_INPUT=str(self.output))
        (self.output / "feed.csv").write_text("t,ml\n")
        self.assertEqual(labhub.experiment.input("feed.csv").read_text(), "t,ml\n")
        for missing in ("other.csv", "../feed.csv", str(self.output / "feed.csv"), ""):
            with self.assertRaisesRegex(labhub.NotFound, "there are: feed.csv"):
                labhub.experiment.input(missing)

    def test_notes_only_what_is_an_experiments(self):
        labhub.note("inoculated")
        self.assertEqual(self.hub.notes, [("exp-1", "inoculated")])
        self.use(EXPERIMENT_ID="")
        with self.assertRaisesRegex(labhub.Malformed, "no experiment's script"):
            labhub.note("lost")

    def test_refuses_parameters_of_another_type(self):
        self.use(LABHUB_PARAMS="[1]")
        with self.assertRaisesRegex(labhub.Malformed, "not a JSON object"):
            labhub.experiment.params
        self.use(RUN_SECONDS="soon")
        with self.assertRaisesRegex(labhub.Malformed, "run_seconds is 'soon'"):
            labhub.experiment.param("run_seconds", 60.0)

    def test_sleeps(self):
        labhub.sleep(-1)
        labhub.sleep(0.001)
        with self.assertRaises(labhub.Malformed):
            labhub.sleep(math.nan)


if __name__ == "__main__":
    unittest.main()
