"""Stored readings through labhub.query() and its kin, over answers as the hub gives them."""

import builtins
import datetime
import json
import unittest
from unittest import mock

import support  # noqa: F401  (puts the client on the path)

import labhub
from labhub import telemetry

LINES = [
    {"time": "2026-02-15T18:12:28.100Z", "elapsed_s": 0.1, "temp": 36.5, "led": True},
    {"time": "2026-02-15T18:12:28.200Z", "elapsed_s": 0.2, "temp": None},
]


class Answers:
    """In a Hub's place: answers, and remembers what was asked."""

    def __init__(self):
        self.asked = []

    def get(self, path, **query):
        self.asked.append((path, {name: value for name, value in query.items() if value is not None}))
        if path.endswith("/export"):
            return {"series": [{"column": "temp", "unit": "Cel"}, {"column": "led", "unit": ""}]}
        if path.endswith("/series"):
            pages = {0: [{"metric": "temp", "first": 1500, "last": None}], 1: [{"metric": "od", "first": None, "last": None}]}
            return {"series": pages[query.get("offset", 0)], "total": 2}
        two = [{"metric": "temp", "series": f"n/{d}/temp", "unit": "Cel", "times": [1000, 2000], "values": [1.5, None], "quality": None}
               for d in "ab"]
        two[1].update(values=[1.5, -999], quality=["good", "bad"])
        return {"series": two}

    def save(self, path, sink, **query):
        self.asked.append((path, {name: value for name, value in query.items() if value is not None}))
        sink.write("".join(json.dumps(line) + "\n" for line in LINES).encode())


class Asking(unittest.TestCase):
    def setUp(self):
        self.hub = Answers()

    def asked(self, **how):
        telemetry.query(self.hub, frame=False, **how)
        return self.hub.asked[-1][1]

    def test_times_may_be_seconds_datetimes_timedeltas_or_text(self):
        zone = datetime.timezone(datetime.timedelta(hours=1))
        self.assertEqual(self.asked(start=1.5)["from"], "1500")
        self.assertEqual(self.asked(start=datetime.datetime(2026, 2, 15, 19, 12, 28, tzinfo=zone))["from"], "1771179148000")
        self.assertEqual(self.asked(start="-2h")["from"], "-2h")
        now = datetime.datetime.now(datetime.timezone.utc).timestamp()
        ago = float(self.asked(start=datetime.timedelta(hours=1))["from"]) / 1000
        self.assertAlmostEqual(now - ago, 3600, delta=5)
        for wrong in (object(), float("nan"), float("inf")):
            with self.assertRaises(labhub.Malformed):
                self.asked(start=wrong)

    def test_names_may_be_one_or_several(self):
        self.assertEqual(self.asked(names="a/b/c")["series"], "a/b/c")
        self.assertEqual(self.asked(names=["a/b/c", 12])["series"], "a/b/c,12")
        self.assertEqual(self.asked(metric=("x", "y"), device="a/b"), {"format": "jsonl", "units": "none", "metric": "x,y", "device": "a/b"})

    def test_steps_may_be_seconds_or_text(self):
        self.assertEqual(self.asked(step=0.5, aggregate="max")["step"], "500ms")
        self.assertEqual(self.asked(step=datetime.timedelta(minutes=1))["step"], "60000ms")
        self.assertEqual(self.asked(step="1h")["step"], "1h")


class Tables(unittest.TestCase):
    def setUp(self):
        self.hub = Answers()

    def test_every_sample_as_dicts(self):
        rows = telemetry.query(self.hub, frame=False)
        self.assertEqual(rows, [{"time": 1771179148.1, "temp": 36.5, "led": True}, {"time": 1771179148.2, "temp": None}])

    def test_every_sample_as_a_table(self):
        table = telemetry.query(self.hub)
        self.assertEqual(list(table.columns), ["temp", "led"])
        self.assertEqual(str(table.index[0]), "2026-02-15 18:12:28.100000+00:00")
        self.assertTrue(table["temp"].isna()[1])
        self.assertEqual(table.attrs["units"], {"temp": "Cel", "led": ""})

    def test_points_of_two_devices_have_the_device_in_their_name(self):
        table = telemetry.query(self.hub, max_points=10)
        self.assertEqual(list(table.columns), ["n/a/temp", "n/b/temp"])
        self.assertEqual((len(table), table["n/a/temp"].iloc[0]), (2, 1.5))

    def test_without_pandas_it_is_a_list(self):
        real = builtins.__import__

        def without(name, *more):
            if name == "pandas":
                raise ImportError(name)
            return real(name, *more)
        with mock.patch.object(builtins, "__import__", without):
            self.assertIsInstance(telemetry.query(self.hub), list)
            with self.assertRaisesRegex(labhub.Malformed, "needs pandas"):
                telemetry.query(self.hub, frame=True)

    def test_series_have_their_times_in_seconds(self):
        self.assertEqual(telemetry.series(self.hub)[0], {"metric": "temp", "first": 1.5, "last": None})

    def test_series_come_page_by_page(self):
        self.assertEqual([one["metric"] for one in telemetry.series(self.hub)], ["temp", "od"])
        self.assertEqual([query.get("offset") for _, query in self.hub.asked], [None, 1])

    def test_a_value_of_bad_quality_is_none(self):
        rows = telemetry.query(self.hub, max_points=10, frame=False)
        self.assertEqual(rows[1]["n/b/temp"], None)

    def test_a_file_s_name_says_what_it_holds(self):
        with self.assertRaisesRegex(labhub.Malformed, ".csv, .jsonl or .zip"):
            telemetry.export(self.hub, "readings.xlsx")


if __name__ == "__main__":
    unittest.main()
