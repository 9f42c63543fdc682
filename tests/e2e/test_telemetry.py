"""Stored readings over REST, the command line and Python: chosen, thinned out, exported, followed."""
import csv
import http.client
import io
import json
import math
import os
import pathlib
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import unittest
import zipfile
from urllib.parse import quote

from lab import BIN, ROOT, Lab, Refused, wait_for

sys.path.insert(0, str(ROOT / "coordinator/clients/python"))
import labhub  # noqa: E402

EXPERIMENT = """
import labhub, time
vessel = labhub.vessel()
vessel.set(stirrer=40, led=True)
time.sleep(3)
rows = labhub.query(metric="vial_A_temp", frame=False)
print("rows", len(rows), flush=True)
print("series", len(labhub.series()), flush=True)
"""

# Of a sound reading: uncertain where the clock of the machine under test is not synchronised.
USABLE = {"good", "uncertain"}


class Events:
    """A reader of the stream; `read` gives one event after the other."""

    def __init__(self, lab, query="", last_id=None, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", lab.port))
        last = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        self.socket.sendall(f"GET /api/telemetry/stream{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.token}\r\n{last}\r\n".encode())
        self.response = http.client.HTTPResponse(self.socket)
        self.last_id = last_id

    def read(self):
        if self.response.fp is None or self.response.status is http.client._UNKNOWN:
            self.response.begin()
            assert self.response.status == 200, self.response.read()
            assert self.response.getheader("Content-Type") == "text/event-stream"
        kind, data = None, None
        while True:
            line = self.response.readline().decode()
            if not line:
                raise EOFError("the stream has ended")
            line = line.rstrip("\n")
            if line.startswith("id: "):
                self.last_id = line[4:]
            elif line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif not line and kind:
                return kind, data

    def read_until(self, kind):
        while True:
            found, data = self.read()
            if found == kind:
                return data

    def close(self):
        self.response.close()
        self.socket.close()


def memory_of(lab):
    status = pathlib.Path(f"/proc/{lab.processes['coordinator'].pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


class Readings(unittest.TestCase):
    """One lab, and one experiment in it that has ended."""

    @classmethod
    def setUpClass(cls):
        cls.lab = lab = Lab().__enter__()
        cls.addClassCleanup(lab.__exit__)
        cls.job = lab.submit(EXPERIMENT)
        cls.ended = lab.wait_end(cls.job)
        assert cls.ended["status"] == "completed", lab.logs(cls.job)
        cls.hub = labhub.connect(f"http://127.0.0.1:{lab.port}", lab.token)

    def query(self, text):
        return self.lab.request("GET", f"/api/telemetry/query?{text}")["series"]

    def refused(self, path, status, *says):
        with self.assertRaises(Refused) as caught:
            self.lab.request("GET", f"/api/telemetry/{path}")
        self.assertEqual(caught.exception.status, status, caught.exception.error)
        for text in says:
            self.assertIn(text, caught.exception.message + " | " + caught.exception.detail)

    def labhub(self, *arguments, cwd=None):
        environment = {**os.environ, "LABHUB_URL": f"http://127.0.0.1:{self.lab.port}", "LABHUB_TOKEN": self.lab.token, "COLUMNS": "90"}
        return subprocess.run([BIN / "labhub", "telemetry", *map(str, arguments)], capture_output=True, text=True, env=environment, cwd=cwd or self.lab.folder, timeout=60)

    def export(self, text):
        return read_export(self.lab, text)

    def test_series_say_what_is_stored(self):
        series = {one["metric"]: one for one in self.lab.request("GET", "/api/telemetry/series")["series"]}
        temp = series["vial_A_temp"]
        self.assertEqual((temp["series"], temp["unit"], temp["node"]), ("sim-1/vessel/vial_A_temp", "Cel", "sim-1"))
        self.assertGreater(temp["count"], 10)
        self.assertLess(temp["first"], temp["last"])
        by_id = self.lab.request("GET", f"/api/telemetry/series?series={temp['id']}")["series"]
        self.assertEqual([one["metric"] for one in by_id], ["vial_A_temp"])
        some = self.lab.request("GET", "/api/telemetry/series?device=sim-*/vessel&metric=vial_%3F_temp")["series"]
        self.assertEqual(len(some), 4)

    def test_series_come_in_pages(self):
        listed = lambda query: self.lab.request("GET", f"/api/telemetry/series?metric=vial_*_temp{query}")
        whole, first, second = listed(""), listed("&limit=3"), listed("&limit=3&offset=3")
        self.assertEqual((whole["total"], first["total"], len(first["series"])), (len(whole["series"]), 4, 3))
        names = lambda *pages: [one["series"] for page in pages for one in page["series"]]
        self.assertEqual(names(first, second), names(whole))

    def test_an_experiment_s_readings_are_its_telemetry_csv(self):
        files = self.lab.results(self.job)
        kept = list(csv.DictReader(io.StringIO(files["telemetry.csv"].decode())))
        exported = list(csv.DictReader(io.StringIO(self.export(f"experiment={self.job}&units=none").decode())))
        self.assertGreater(len(kept), 10)
        rows = {row["time"]: row for row in exported}
        for row in kept:
            found = rows[row["time"]]
            self.assertEqual(float(found["elapsed_s"]), float(row["elapsed_s"]))
            for name, value in row.items():
                if name not in ("time", "elapsed_s") and value:
                    self.assertEqual(found[name], value, (name, row["time"]))
        one = self.query(f"experiment={self.job}&metric=vial_A_temp&max_points=5000")[0]
        self.assertFalse(one["downsampled"])
        self.assertEqual(len(one["values"]), sum(1 for row in exported if row["vial_A_temp"]))
        self.assertLessEqual(set(one["quality"] or []), USABLE)

    def test_a_chart_keeps_the_extremes_and_steps_are_exact(self):
        everything = self.query(f"experiment={self.job}&metric=vial_A_180_degree&max_points=20000")[0]
        few = self.query(f"experiment={self.job}&metric=vial_A_180_degree&max_points=4")[0]
        self.assertLessEqual(len(few["values"]), 4)
        self.assertEqual((min(few["values"]), max(few["values"])), (min(everything["values"]), max(everything["values"])))
        self.assertEqual(few["samples"], len(everything["values"]))
        pairs = set(zip(everything["times"], everything["values"]))
        self.assertTrue(set(zip(few["times"], few["values"])) <= pairs, "points are samples at their true times")
        start = everything["times"][0]
        for name, function in (("avg", lambda v: sum(v) / len(v)), ("min", min), ("max", max), ("last", lambda v: v[-1]), ("count", len)):
            steps = self.query(f"series=sim-1/vessel/vial_A_180_degree&from={start}&to={everything['times'][-1]}&step=1s&aggregate={name}")[0]
            for when, value in zip(steps["times"], steps["values"]):
                inside = [v for t, v in zip(everything["times"], everything["values"]) if when <= t < when + 1000]
                self.assertAlmostEqual(value, function(inside), 12, (name, when))

    def test_steps_begin_at_round_times_where_no_exact_one_was_asked_for(self):
        for asked in ("", "&from=-10m"):
            times = self.query(f"metric=vial_A_temp&step=5s{asked}")[0]["times"]
            self.assertTrue(times and all(when % 5000 == 0 for when in times), times)
        started = self.ended["started_at"]
        times = self.query(f"experiment={self.job}&metric=vial_A_temp&step=1s")[0]["times"]
        self.assertTrue(all((when - started) % 1000 == 0 for when in times), (started, times))

    def test_what_is_wrong_is_said_with_what_would_be_right(self):
        self.refused("query?series=sim-1/vessel/vial_A_tmp", 404, "no series 'sim-1/vessel/vial_A_tmp'", "did you mean sim-1/vessel/vial_A_temp")
        self.refused("query?metric=strrer", 404, "did you mean stirrer?")
        self.refused("query?from=now&to=-1h", 422, "from is not before to")
        self.refused("query?from=yesterday", 400, "from=yesterday is not a time", "RFC 3339")
        self.refused("query?from=2026-02-15T10:00:00", 400, "say the time zone")
        self.refused("query?from=1771179148", 422, "looks like seconds")
        self.refused("query?from=-30d&step=1s", 422, "step=1s gives 2592001 points", "or longer")
        self.refused("query?max_points=1", 422, "2 to 20000")
        self.refused("query?max_points=many", 400, "not a whole number")
        self.refused("query?step=soon", 400, "step")
        self.refused("query?step=1m&aggregate=mean", 400, "one of avg, min, max, last, count")
        self.refused("query?aggregate=max", 400, "needs step=")
        self.refused("query?experiment=none", 404, "none")
        self.refused("query?device=vessel", 400, "node/device")
        self.refused("query?series=vial_A_temp", 400, "metric= takes a metric")
        self.refused("query?start=-1h", 400, "unknown parameter", "from")
        self.refused("export?format=xlsx", 400, "one of csv, jsonl, zip, manifest")
        self.refused("stream?last_event_id=rubbish", 400, "Last-Event-ID")
        self.refused("series?series=" + quote("\0\n"), 400)
        self.refused("series?metric=" + "*" * 9000, 413, "at most 8192 bytes")

    def test_times_may_have_any_zone_and_a_lost_plus(self):
        newest = self.lab.request("GET", "/api/telemetry/latest?metric=vial_A_temp")["latest"][0]
        self.assertIn(newest["quality"], USABLE)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+02:00", time.gmtime(newest["time"] / 1000 + 7200))
        for text in (quote(stamp), stamp):
            reply = self.lab.request("GET", f"/api/telemetry/query?metric=vial_A_temp&to={text.replace(' ', '+')}&from=-1h")
            self.assertEqual(reply["to"], newest["time"] // 1000 * 1000)

    def test_a_zip_has_the_rows_and_says_what_they_are(self):
        packed = self.export(f"experiment={self.job}&format=zip&metric=vial_%3F_temp,stirrer")
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.namelist(), ["telemetry.csv", "manifest.json"])
            rows = list(csv.DictReader(io.StringIO(archive.read("telemetry.csv").decode())))
            manifest = json.loads(archive.read("manifest.json"))
        self.assertEqual(manifest["rows"], len(rows))
        self.assertEqual(manifest["experiment"], self.job)
        for one in manifest["series"]:
            self.assertEqual(one["samples"], sum(1 for row in rows if row[one["column"]]))
        self.assertEqual({one["unit"] for one in manifest["series"]}, {"Cel", "%"})
        alone = json.loads(self.export(f"experiment={self.job}&format=manifest"))
        self.assertEqual(alone["format"], "labhub-telemetry")

    def test_long_rows_have_unit_and_quality(self):
        lines = self.export(f"experiment={self.job}&layout=long&format=jsonl&metric=vial_A_temp").decode().splitlines()
        first = json.loads(lines[0])
        self.assertEqual((first["device"], first["metric"], first["unit"]), ("sim-1/vessel", "vial_A_temp", "Cel"))
        self.assertIn(first["quality"], USABLE)
        table = list(csv.DictReader(io.StringIO(self.export(f"experiment={self.job}&layout=long").decode())))
        self.assertEqual(list(table[0]), ["time", "elapsed_s", "device", "metric", "value", "unit", "quality"])
        self.assertEqual([row["time"] for row in table], sorted(row["time"] for row in table))

    def test_a_script_reads_its_own_device_since_its_start(self):
        log = self.lab.logs(self.job)
        rows = int(log.split("rows ")[1].split()[0])
        self.assertGreater(rows, 8)
        self.assertLess(rows, 40)

    def test_metrics_say_what_became_of_readings(self):
        lines = self.lab.request("GET", "/metrics").decode().splitlines()
        found = {line.split()[0]: float(line.split()[1]) for line in lines if line and not line.startswith("#")}
        self.assertGreater(found["labhub_samples_stored_total"], 0)
        for name in ("labhub_samples_dropped_total", "labhub_telemetry_refused_total"):
            self.assertEqual(found[name], 0, name)
        self.assertIn("labhub_samples_duplicate_total", found)

    def test_every_sample_is_the_same_by_way_of_the_file_and_the_chart(self):
        every = self.hub.query(metric="vial_?_temp", experiment=self.job, max_points="all", quality=True)
        chart = self.hub.query(metric="vial_?_temp", experiment=self.job, quality=True)
        self.assertEqual(list(every.index), list(chart.index))
        self.assertEqual(sorted(every.columns), sorted(chart.columns))
        for name in every.columns:
            self.assertEqual(every[name].dropna().tolist(), chart[name].dropna().tolist(), name)
        self.assertFalse(any(chart.attrs["downsampled"].values()))
        self.assertEqual(sum(every.attrs["quality"]["vial_A_temp"].values()), every["vial_A_temp"].count())

    def test_a_file_may_say_the_quality_of_each_value(self):
        rows = list(csv.DictReader(io.StringIO(self.export(f"experiment={self.job}&metric=vial_A_temp&quality=columns").decode())))
        self.assertEqual(list(rows[0]), ["time", "elapsed_s", "vial_A_temp [Cel]", "vial_A_temp [quality]"])
        self.assertTrue({row["vial_A_temp [quality]"] for row in rows} <= USABLE)
        self.refused("export?quality=columns&layout=long", 400, "layout=wide only")

    def test_lists_come_in_pages(self):
        names, at = [], 0
        while at is not None:
            page = self.lab.request("GET", f"/api/telemetry/latest?limit=7&offset={at}")
            names += [one["series"] for one in page["latest"]]
            at = page["next"]
        self.assertEqual((len(names), len(set(names))), (page["total"], page["total"]))
        self.refused("latest?limit=5001", 422, "1 to 5000")

    def test_python_gives_tables(self):
        table = self.hub.query(metric="vial_?_temp", experiment=self.job)
        self.assertEqual(sorted(table.columns), [f"vial_{v}_temp" for v in "ABCD"])
        self.assertEqual(str(table.index.tz), "UTC")
        self.assertTrue(table.index.is_monotonic_increasing)
        self.assertEqual(table.attrs["units"]["vial_A_temp"], "Cel")
        self.assertTrue((table.dtypes == float).all())
        rows = self.hub.query("sim-1/vessel/vial_A_temp", experiment=self.job, frame=False)
        self.assertEqual([row["vial_A_temp"] for row in rows], table["vial_A_temp"].dropna().tolist())
        self.assertAlmostEqual(rows[0]["time"], table.index[0].timestamp(), 3)
        steps = self.hub.query("sim-1/vessel/vial_A_temp", start=rows[0]["time"], end=rows[-1]["time"], step=1, aggregate="count")
        self.assertEqual(steps["vial_A_temp"].sum(), len(rows))
        with self.assertRaises(labhub.NotFound) as unknown:
            self.hub.query("sim-1/vessel/vial_X_temp")
        self.assertIn("vial_A_temp", unknown.exception.detail)
        target = self.hub.export(self.lab.folder / "all.zip", experiment=self.job)
        self.assertTrue(zipfile.is_zipfile(target))
        self.assertEqual({one["device"] for one in self.hub.latest()}, {"sim-1/vessel"})

    def test_the_command_line_draws_lists_and_saves(self):
        chart = self.labhub("query", "sim-1/vessel", "vial_?_temp", "--experiment", self.job)
        self.assertEqual(chart.returncode, 0, chart.stderr)
        self.assertIn("vial_D_temp  °C", chart.stdout)
        self.assertNotIn("\x1b", chart.stdout)
        self.assertTrue(all(len(line) <= 90 for line in chart.stdout.splitlines()), chart.stdout)
        self.assertTrue(any(0x2801 <= ord(c) <= 0x28FF for c in chart.stdout), chart.stdout)
        table = self.labhub("query", "stirrer", "--from", "-1m", "--step", "10s", "--table")
        self.assertIn("stirrer %", table.stdout)
        listed = json.loads(self.labhub("series", "--json").stdout)
        self.assertEqual(listed["status"], "success")
        self.assertIn("vial_A_temp", self.labhub("latest", "vial_A_temp").stdout)
        saved = self.labhub("export", "--experiment", self.job, "-o", "run.csv", "--no-units")
        self.assertEqual(saved.returncode, 0, saved.stderr)
        self.assertTrue((self.lab.folder / "run.csv").read_text().startswith("time,elapsed_s,"))
        self.assertEqual(json.loads((self.lab.folder / "run.manifest.json").read_text())["experiment"], self.job)
        self.assertTrue(self.labhub("export", "vial_A_temp", "-o", "-").stdout.startswith("time,vial_A_temp [Cel]\n"))
        followed = self.labhub("stream", "vial_A_temp", "-n", "2", "--json")
        events = [json.loads(line) for line in followed.stdout.splitlines()]
        self.assertEqual([event["event"] for event in events], ["readings", "readings"])
        wrong = self.labhub("query", "vial_Z_temp")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("did you mean", wrong.stderr)

    def test_the_stream_gives_what_is_selected_as_it_comes(self):
        events = Events(self.lab, "?metric=vial_A_temp")
        self.addCleanup(events.close)
        kind, data = events.read()
        self.assertEqual((kind, data["device"]), ("readings", "sim-1/vessel"))
        self.assertEqual([(one["metric"], one["unit"]) for one in data["readings"]], [("vial_A_temp", "Cel")])
        self.assertLess(abs(time.time() * 1000 - data["readings"][0]["time"]), 3000)
        events.close()
        missed_none = Events(self.lab, "?metric=vial_A_temp", last_id=events.last_id)
        self.addCleanup(missed_none.close)
        last = data["readings"][0]["time"]
        kind, data = missed_none.read()
        self.assertEqual(kind, "readings")
        self.assertLess(data["readings"][0]["time"] - last, 450, "the next sample, not a later one")

    def test_a_head_costs_no_export(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.lab.port, timeout=10)
        connection.request("HEAD", "/api/telemetry/export", headers={"Authorization": f"Bearer {self.lab.token}"})
        reply = connection.getresponse()
        self.assertEqual((reply.status, reply.read()), (200, b""))
        self.assertIn("attachment; filename=", reply.getheader("Content-Disposition"))
        connection.close()


class Outages(unittest.TestCase):
    def test_a_stream_goes_on_after_the_hub_was_killed_and_says_what_it_missed(self):
        with Lab() as lab:
            events = Events(lab, "?metric=vial_A_temp")
            before = events.read_until("readings")["readings"][-1]["time"]
            lab.kill("coordinator")
            with self.assertRaises((EOFError, OSError, http.client.HTTPException)):
                while True:
                    events.read()
            events.close()
            time.sleep(1)
            lab.start_coordinator()
            again = Events(lab, "?metric=vial_A_temp", last_id=events.last_id)
            kind, missed = again.read()
            self.assertEqual((kind, missed["reason"], missed["readings"]), ("missed", "restarted", None))
            after = again.read_until("readings")["readings"][0]["time"]
            again.close()
            self.assertLessEqual(missed["from"], before)

            def gapless():
                # The node replays what the hub did not get; the range told of holds all of it.
                series = lab.request("GET", f"/api/telemetry/query?metric=vial_A_temp&from={missed['from']}&to={after}&max_points=20000")["series"]
                points = series[0]["times"] if series else []  # none where nothing of that time is stored yet
                inside = [when for when in points if when >= before - 400]
                return len(inside) > 1 and inside[0] <= before and max(b - a for a, b in zip(inside, inside[1:])) < 450
            wait_for("no gap between the last event before and the first after", gapless)

    def test_a_slow_reader_is_told_what_it_missed_and_slows_nobody(self):
        with Lab(nodes=2, period="50ms") as lab:
            lab.end("coordinator")
            with open(lab.folder / "coordinator.toml", "a") as settings:
                settings.write("[telemetry]\nlive_memory = 65536\n")
            lab.start_coordinator()
            lab.wait_until_online()
            slow = Events(lab, "?metric=vial_A_*", receive_buffer=4096)
            self.addCleanup(slow.close)
            first = slow.read_until("readings")
            quick = Events(lab, "?metric=vial_A_temp")
            self.addCleanup(quick.close)
            began, seen = time.monotonic(), []
            while time.monotonic() < began + 15:
                data = quick.read_until("readings")
                if data["device"] == "sim-1/vessel":
                    seen.extend(one["time"] for one in data["readings"])
            self.assertLess(max(b - a for a, b in zip(seen, seen[1:])), 1000)
            got = {(first["device"], one["metric"], one["time"]) for one in first["readings"]}
            while True:
                kind, data = slow.read()
                if kind == "missed":
                    break
                if kind == "readings":
                    got |= {(data["device"], one["metric"], one["time"]) for one in data["readings"]}
            self.assertEqual(data["reason"], "slow")
            self.assertGreater(data["readings"], 0)
            self.assertEqual(sum(gap["readings"] for gap in data["series"]), data["readings"])
            for gap in data["series"]:
                asked = f"series={gap['series']}&from={gap['from']}&to={gap['to']}&max_points=20000"
                device, metric = gap["series"].rsplit("/", 1)
                stored = lab.request("GET", f"/api/telemetry/query?{asked}")["series"][0]["times"]
                unseen = [when for when in stored if (device, metric, when) not in got]
                self.assertEqual(len(unseen), gap["readings"], "the range told of holds what it missed, and that alone")

    def test_an_export_costs_the_same_memory_however_long_it_is(self):
        with Lab() as lab:
            store_many_readings(lab, days=3)
            for _ in range(3):
                read_export(lab, "from=-30d&series=*/bench_*&layout=long", is_counted=True)
            before = memory_of(lab)
            peak, stop = [before], threading.Event()

            def watch():
                while not stop.is_set():
                    peak.append(memory_of(lab))
                    time.sleep(0.02)
            watcher = threading.Thread(target=watch)
            watcher.start()
            size = sum(read_export(lab, "from=-30d&series=*/bench_*&layout=long", is_counted=True) for _ in range(2))
            stop.set()
            watcher.join()
            self.assertGreater(size, 60_000_000)
            self.assertLess(max(peak) - before, 16 << 20, f"{size} bytes were sent")

    def test_a_client_that_leaves_an_export_or_reads_none_of_it_holds_nothing_up(self):
        with Lab() as lab:
            store_many_readings(lab, days=3)
            request = f"GET /api/telemetry/export?from=-30d&layout=long HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.token}\r\n\r\n".encode()
            idle = []
            for _ in range(12):
                one = socket.create_connection(("127.0.0.1", lab.port))
                one.sendall(request)
                idle.append(one)
            began = time.monotonic()
            self.assertTrue(lab.request("GET", "/api/telemetry/query?metric=vial_A_temp&from=-1m")["series"])
            self.assertTrue(lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 7}})["applied"])
            self.assertLess(time.monotonic() - began, 5)
            stored = lambda: lab.request("GET", "/api/telemetry/series?metric=vial_A_temp")["series"][0]["count"]
            count = stored()
            wait_for("readings go on being stored", lambda: stored() > count + 5)
            for one in idle:
                one.close()
            # Sixteen may be under way: those that left are forgotten.
            for _ in range(20):
                wait_for("room for another export", lambda: read_some(lab, request))


def read_some(lab, request):
    with socket.create_connection(("127.0.0.1", lab.port), timeout=10) as one:
        one.sendall(request)
        return one.recv(15) == b"HTTP/1.1 200 OK"


def read_export(lab, text, is_counted=False):
    """Reads it to its end. With `is_counted` only its length is kept."""
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=60)
    connection.request("GET", f"/api/telemetry/export?{text}", headers={"Authorization": f"Bearer {lab.token}"})
    reply = connection.getresponse()
    assert reply.status == 200, reply.read()
    size, kept = 0, []
    while piece := reply.read(1 << 16):
        size += len(piece)
        if not is_counted:
            kept.append(piece)
    connection.close()
    return size if is_counted else b"".join(kept)


def store_many_readings(lab, days):
    """Four series of so many days at 1 Hz until now, by way of a telemetry.db of the earlier layout, which the hub takes over."""
    lab.end("coordinator")
    with sqlite3.connect(lab.folder / "data/telemetry.db") as database:
        database.executescript("""
            CREATE TABLE series (id INTEGER PRIMARY KEY, device TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL DEFAULT '', UNIQUE (device, metric)) STRICT;
            CREATE TABLE samples (series INTEGER NOT NULL, time_ms INTEGER NOT NULL, quality INTEGER NOT NULL, value ANY, PRIMARY KEY (series, time_ms)) STRICT, WITHOUT ROWID;
        """)
        end = int(time.time()) * 1000
        for series in range(1, 5):
            database.execute("INSERT INTO series VALUES (?, 'old/rig', ?, 'V')", (series, f"bench_{series}"))
            rows = ((series, end - 1000 * n, 192, round(math.sin(n / 500 + series), 4)) for n in range(days * 86400, 0, -1))
            database.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", rows)
    database.close()
    lab.start_coordinator()
    lab.wait_until_online()


if __name__ == "__main__":
    unittest.main()
