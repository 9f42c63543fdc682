"""Stored readings through labhub.query() and its kin, over answers as the hub gives them."""

import builtins
import datetime
import json
import tracemalloc
import unittest
from unittest import mock

import support  # noqa: F401  (puts the client on the path)

import labhub
from labhub import telemetry

LINES = [
    {"time": "2026-02-15T18:12:28.100Z", "elapsed_s": 0.1, "temp": 36.5, "temp [quality]": "good", "led": True, "led [quality]": "good"},
    {"time": "2026-02-15T18:12:28.200Z", "elapsed_s": 0.2, "temp": None, "temp [quality]": "stale"},
    {"time": "2026-02-15T18:12:29.000Z", "elapsed_s": 1, "temp": -999, "temp [quality]": "bad"},
]


class Answers:
    """In a Hub's place: answers, and remembers what was asked."""

    def __init__(self):
        self.asked = []
        self.lines = LINES
        self.cuts = []  # attempts that break off after so many bytes

    def get(self, path, **query):
        self.asked.append((path, {name: value for name, value in query.items() if value is not None}))
        if path.endswith("/export"):
            return {"series": [{"column": "temp", "unit": "Cel"}, {"column": "led", "unit": ""}]}
        if path.endswith("/series"):
            pages = {0: [{"metric": "temp", "first": 1500, "last": None}], 1: [{"metric": "od", "first": None, "last": None}]}
            at = query.get("offset", 0)
            return {"series": pages[at], "total": 2, "next": 1 if at == 0 else None}
        if path.endswith("/latest"):
            pages = {0: ([{"metric": "temp", "time": 1500}], 5000), 5000: ([{"metric": "od", "time": 2500}], None)}
            rows, following = pages[query.get("offset", 0)]
            return {"latest": rows, "total": 5001, "next": following}
        two = [{"metric": "temp", "series": f"n/{d}/temp", "unit": "Cel", "times": [1000, 2000], "values": [1.5, None], "quality": None,
                "downsampled": d == "b"} for d in "ab"]
        two[1].update(values=[1.5, -999], quality=["good", "bad"])
        return {"series": two}

    def save(self, path, sink, **query):
        self.asked.append((path, {name: value for name, value in query.items() if value is not None}))
        text = "".join(json.dumps(line) + "\n" for line in self.lines).encode()
        for end in [*self.cuts, len(text)]:
            sink.seek(0)
            sink.truncate()
            for at in range(0, end, 7):
                sink.write(text[at:min(at + 7, end)])


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
        self.assertEqual(self.asked(metric=("x", "y"), device="a/b"), {"metric": "x,y", "device": "a/b"})

    def test_steps_may_be_seconds_or_text(self):
        self.assertEqual(self.asked(step=0.5, aggregate="max")["step"], "500ms")
        self.assertEqual(self.asked(step=datetime.timedelta(minutes=1))["step"], "60000ms")
        self.assertEqual(self.asked(step="1h")["step"], "1h")


class Tables(unittest.TestCase):
    def setUp(self):
        self.hub = Answers()

    def test_every_sample_is_asked_for_in_so_many_words(self):
        telemetry.query(self.hub, frame=False)
        self.assertEqual(self.hub.asked, [("/api/telemetry/query", {})])
        for how in ({"step": 1}, {"aggregate": "max"}):
            with self.assertRaisesRegex(labhub.Malformed, "has no steps"):
                telemetry.query(self.hub, max_points="all", **how)

    def test_every_sample_as_dicts(self):
        rows = telemetry.query(self.hub, max_points="all", frame=False)
        self.assertEqual(rows, [{"time": 1771179148.1, "temp": 36.5, "led": True}, {"time": 1771179148.2, "temp": None},
                                {"time": 1771179149.0, "temp": None}])
        self.assertEqual(self.hub.asked[-1][1], {"format": "jsonl", "units": "none", "quality": "columns"})

    def test_every_sample_as_a_table(self):
        table = telemetry.query(self.hub, max_points="all")
        self.assertEqual(list(table.columns), ["temp", "led"])
        self.assertEqual([str(time) for time in table.index[:2]], ["2026-02-15 18:12:28.100000+00:00", "2026-02-15 18:12:28.200000+00:00"])
        self.assertEqual(table["temp"].isna().tolist(), [False, True, True])
        self.assertEqual(table["led"].tolist(), [True, None, None])
        self.assertEqual(table.attrs["units"], {"temp": "Cel", "led": ""})
        self.assertEqual(table.attrs["quality"], {"temp": {"good": 1, "bad": 1, "stale": 1}, "led": {"good": 1}})
        self.assertFalse(any(table.attrs["downsampled"].values()))

    def test_the_quality_is_a_column_where_it_is_wanted(self):
        table = telemetry.query(self.hub, max_points="all", quality=True)
        self.assertEqual(list(table.columns), ["temp", "temp [quality]", "led", "led [quality]"])
        self.assertEqual(table["temp [quality]"].tolist(), ["good", "stale", "bad"])
        self.assertEqual(table["temp"].iloc[2], -999, "what is called bad may be shown")
        self.assertTrue(table["led [quality]"].isna()[1], "there is no sample")
        rows = telemetry.query(self.hub, max_points=10, quality=True, frame=False)
        self.assertEqual(rows[1], {"time": 2.0, "n/a/temp": None, "n/a/temp [quality]": "good", "n/b/temp": -999.0, "n/b/temp [quality]": "bad"})

    def test_an_attempt_that_broke_off_leaves_nothing_behind(self):
        self.hub.cuts = [10, 200, 333]
        self.assertEqual(len(telemetry.query(self.hub, max_points="all", frame=False)), len(LINES))

    def test_numbers_stay_numbers_and_the_rest_what_it_is(self):
        big = 2**60 + 1
        values = {"mixed": [1, True, "on"], "big": [big, big + 1, big], "switch": [True, False, True], "whole": [1, 2, 3], "late": [None, None, 5]}
        self.hub.lines = [{"time": f"2026-02-15T18:12:2{row}.000Z",
                           **{name: column[row] for name, column in values.items() if column[row] is not None},
                           **{name + " [quality]": "good" for name, column in values.items() if column[row] is not None}} for row in range(3)]
        table = telemetry.query(self.hub, max_points="all")
        self.assertEqual(table["mixed"].tolist(), [1.0, True, "on"])
        self.assertEqual(table["big"].tolist(), [big, big + 1, big])
        self.assertEqual((table["switch"].dtype, table["whole"].dtype, table["late"].dtype), (bool, float, float))
        self.assertEqual(table["late"].isna().tolist(), [True, True, False])

    def test_every_sample_takes_a_few_bytes_of_memory(self):
        names = [f"m{number}" for number in range(10)]

        class Many(list):
            def __iter__(self):
                for row in range(20_000):
                    time = f"2026-02-15T18:{row // 600 % 60:02}:{row // 10 % 60:02}.{row % 10}00Z"
                    yield {"time": time, **{name: row / 10 for name in names}, **{name + " [quality]": "good" for name in names}}

        def save(path, sink, **query):
            sink.truncate()
            for line in Many():
                sink.write(json.dumps(line).encode() + b"\n")
        self.hub.save = save
        tracemalloc.start()
        try:
            found = telemetry._every_sample(self.hub, {}, False)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertEqual(len(found.times), 20_000)
        self.assertLess(peak, 200_000 * 9 * 2, "of 200,000 samples; a list grows by more than it needs")

    def test_many_series_with_moments_of_their_own_are_thinned_more(self):
        with mock.patch.object(telemetry, "MOST_CELLS", 3):
            with self.assertRaisesRegex(labhub.TooLarge, "2 series at 2 moments"):
                telemetry.query(self.hub, frame=False)
            self.assertEqual([query for _, query in self.hub.asked], [{}, {"max_points": 2}])
            with self.assertRaisesRegex(labhub.TooLarge, "step="):
                telemetry.query(self.hub, max_points=10)

    def test_a_table_says_what_is_thinned(self):
        self.assertEqual(telemetry.query(self.hub).attrs["downsampled"], {"n/a/temp": False, "n/b/temp": True})

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

    def test_the_latest_come_page_by_page(self):
        self.assertEqual([(one["metric"], one["time"]) for one in telemetry.latest(self.hub)], [("temp", 1.5), ("od", 2.5)])

    def test_a_value_of_bad_quality_is_none(self):
        rows = telemetry.query(self.hub, max_points=10, frame=False)
        self.assertEqual(rows[1]["n/b/temp"], None)

    def test_a_file_s_name_says_what_it_holds(self):
        with self.assertRaisesRegex(labhub.Malformed, ".csv, .jsonl or .zip"):
            telemetry.export(self.hub, "readings.xlsx")


if __name__ == "__main__":
    unittest.main()
