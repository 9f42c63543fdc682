"""Virtual time for scripts: what waits takes no time, clocks go by it, and threads take turns by it."""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest

from support import CLIENT

START = 1_764_500_000_000  # 2025-11-30T10:53:20Z
PYTHON = sys.executable


class Hub(http.server.ThreadingHTTPServer):
    """Notes what it is told; a request that waits is answered a second of the script's time later."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.told, self.asked, self.is_over = [], [], False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append(body)
        self._answer({"time_ms": min(body["time_ms"], START + 10**9), "is_over": self.server.is_over})

    def do_GET(self):
        now, until = int(self.headers["Labhub-Time"]), int(self.headers["Labhub-Until"])
        self.server.asked.append((self.path, now, until, int(self.headers.get("Labhub-Line", 0))))
        self._answer({}, min(now + 1000, until) if "wait=" in self.path else now)

    def _answer(self, body, now=None):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        if now is not None:
            self.send_header("Labhub-Time", str(now))
        self.end_headers()
        self.wfile.write(data)


class VirtualTime(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.server_close)
        self.addCleanup(self.hub.shutdown)

    def run_script(self, text, expect=0, limit=60):
        """What the script printed. It must end within `limit` real seconds."""
        path = os.path.join(self.folder(), "script.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(CLIENT / "labhub_dry_run" / "site"), str(CLIENT)]),
            "LABHUB_DRY_RUN_START": str(START),
            "LABHUB_URL": self.hub.url,
            "TZ": "UTC",
        }
        ended = subprocess.run([PYTHON, path], env=environment, capture_output=True, text=True, timeout=limit)
        self.assertEqual(ended.returncode, expect, ended.stdout + ended.stderr)
        return ended.stdout.split("\n")[:-1]

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    # --- clocks and sleeps ---------------------------------------------------------------------------------------------

    def test_eight_hours_of_sleep_take_no_time(self):
        began = time.monotonic()
        printed = self.run_script("""
            import time
            a, b = time.time(), time.monotonic()
            for _ in range(8 * 3600):
                time.sleep(1)
            print(time.time() - a, round(time.monotonic() - b, 3))
        """)
        self.assertEqual(printed, ["28800.0 28800.0"])
        self.assertLess(time.monotonic() - began, 45)
        self.assertEqual(self.hub.told[-1]["time_ms"], START + 28_800_000)

    def test_all_clocks_show_the_same_time(self):
        printed = self.run_script("""
            import time, datetime
            time.sleep(60)
            now = datetime.datetime.now(datetime.timezone.utc)
            print(now.isoformat(), datetime.datetime.utcnow().isoformat(), datetime.date.today().isoformat())
            print(int(time.time()), time.time_ns() // 10**9, time.strftime("%H:%M:%S"), time.gmtime().tm_min)
            a = time.perf_counter(), time.perf_counter_ns(), time.clock_gettime(time.CLOCK_MONOTONIC)
            time.sleep(2.5)
            print(round(time.perf_counter() - a[0], 3), (time.perf_counter_ns() - a[1]) / 1e9, round(time.clock_gettime(time.CLOCK_MONOTONIC) - a[2], 3))
        """)
        self.assertEqual(printed[0], "2025-11-30T10:54:20+00:00 2025-11-30T10:54:20 2025-11-30")
        self.assertEqual(printed[1], "1764500060 1764500060 10:54:20 54")
        self.assertEqual(printed[2], "2.5 2.5 2.5")

    def test_dates_are_of_the_types_everybody_knows(self):
        printed = self.run_script("""
            import datetime, pickle, logging
            class Mine(datetime.datetime): pass
            now = datetime.datetime.now()
            print(type(now) is datetime.datetime, isinstance(now, datetime.date), type(Mine.now()).__name__)
            print(pickle.loads(pickle.dumps(now)) == now, datetime.datetime(2020, 1, 2).isoformat())
            logging.basicConfig(format="%(asctime)s %(message)s", stream=__import__("sys").stdout)
            logging.warning("here")
        """)
        self.assertEqual(printed, ["True True Mine", "True 2020-01-02T00:00:00", "2025-11-30 10:53:20,000 here"])

    def test_pandas_and_numpy_go_on_working(self):
        try:
            import pandas  # noqa: F401
        except ImportError:
            self.skipTest("pandas is not installed")
        printed = self.run_script("""
            import datetime, time
            import numpy as np, pandas as pd
            rows = []
            for i in range(3):
                rows.append({"time": datetime.datetime.now(), "value": np.sin(i)})
                time.sleep(60)
            table = pd.DataFrame(rows).set_index("time")
            print(len(table.resample("1min").mean()), (table.index[-1] - table.index[0]).total_seconds(), pd.Timestamp.now())
        """)
        self.assertEqual(printed, ["3 120.0 2025-11-30 10:56:20"])

    def test_a_script_that_waits_by_asking_for_the_time_gets_on(self):
        printed = self.run_script("""
            import time
            began = time.time()
            while time.time() - began < 3600:
                pass
            print(3600 <= time.time() - began < 3600.2)
        """)
        self.assertEqual(printed, ["True"])

    def test_measuring_how_long_something_takes_costs_no_time(self):
        printed = self.run_script("""
            import time
            began = time.time()
            for _ in range(50):
                time.perf_counter()
            print(time.time() - began)
        """)
        self.assertEqual(printed, ["0.0"])

    def test_wrong_sleeps_are_refused_as_ever(self):
        printed = self.run_script("""
            import time
            for wrong in (-1, float("nan"), "x", None):
                try:
                    time.sleep(wrong)
                    print("slept")
                except (ValueError, TypeError) as fault:
                    print(type(fault).__name__)
        """)
        self.assertEqual(printed[0], "ValueError")
        self.assertNotIn("slept", printed)

    # --- threads ---------------------------------------------------------------------------------------------------------

    def test_threads_wake_in_the_order_of_their_times(self):
        printed = self.run_script("""
            import threading, time
            seen, began = [], time.time()
            def job(period, times):
                for _ in range(times):
                    time.sleep(period)
                    seen.append((round(time.time() - began, 2), period))
            threads = [threading.Thread(target=job, args=each) for each in ((1, 6), (2.5, 2), (0.7, 5))]
            [t.start() for t in threads]
            [t.join() for t in threads]
            print(seen == sorted(seen), len(seen), round(time.time() - began, 2))
        """)
        self.assertEqual(printed, ["True 13 6.0"])

    def test_events_conditions_queues_and_joins_wait_in_virtual_time(self):
        printed = self.run_script("""
            import queue, threading, time
            began = time.time()
            at = lambda: round(time.time() - began, 2)
            event = threading.Event()
            threading.Timer(100, event.set).start()
            print(event.wait(50), at(), event.wait(1000), at())
            q = queue.Queue()
            def produce():
                for i in range(2):
                    time.sleep(10)
                    q.put(i)
            threading.Thread(target=produce).start()
            print(q.get(timeout=15), at(), q.get(), at())
            try:
                q.get(timeout=5)
            except queue.Empty:
                print("empty", at())
            slow = threading.Thread(target=time.sleep, args=(30,))
            slow.start()
            slow.join(10)
            print(slow.is_alive(), at())
            slow.join()
            print(slow.is_alive(), at())
            condition = threading.Condition()
            with condition:
                print(condition.wait(3), at())
            barrier = threading.Barrier(2)
            threading.Thread(target=lambda: (time.sleep(4), barrier.wait())).start()
            barrier.wait()
            print(at())
        """)
        self.assertEqual(printed, ["False 50.0 True 100.0", "0 110.0 1 120.0", "empty 125.0", "True 135.0", "False 155.0", "False 158.0", "162.0"])

    def test_a_lock_that_is_held_while_its_holder_sleeps_lets_time_pass(self):
        printed = self.run_script("""
            import threading, time
            began, lock = time.time(), threading.Lock()
            def hold():
                with lock:
                    time.sleep(20)
            threading.Thread(target=hold).start()
            time.sleep(1)
            print(lock.acquire(timeout=5), round(time.time() - began, 1))
            with lock:
                print(round(time.time() - began, 1))
            nested = threading.RLock()
            with nested, nested:
                print("twice")
        """)
        self.assertEqual(printed, ["False 6.0", "20.0", "twice"])

    def test_pools_and_event_loops_wait_in_virtual_time(self):
        printed = self.run_script("""
            import asyncio, concurrent.futures, time
            began = time.time()
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                print(list(pool.map(lambda s: (time.sleep(s), s)[1], [30, 10, 20])), round(time.time() - began, 1))
            async def both():
                await asyncio.gather(asyncio.sleep(50), asyncio.sleep(70))
            asyncio.run(both())
            print(round(time.time() - began))
        """)
        self.assertEqual(printed, ["[30, 10, 20] 30.0", "100"])

    def test_the_end_waits_for_threads_and_tells_the_last_time(self):
        self.run_script("""
            import threading, time
            threading.Thread(target=time.sleep, args=(500,)).start()
        """)
        self.assertEqual(self.hub.told[-1]["time_ms"], START + 500_000)

    def test_a_thousand_short_threads_leave_nothing_behind(self):
        printed = self.run_script("""
            import threading, time
            for _ in range(1000):
                t = threading.Thread(target=lambda: None)
                t.start()
                t.join()
            time.sleep(5)
            print(round(time.time() - 1764500000.0, 1))
        """)
        self.assertEqual(printed, ["5.0"])

    def test_threads_that_wait_for_each_other_for_ever_are_told(self):
        self.hub.is_over = True
        path = os.path.join(self.folder(), "script.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write("import threading\nthreading.Lock().acquire() or 0\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CLIENT / "labhub_dry_run" / "site"), str(CLIENT)]),
                       "LABHUB_DRY_RUN_START": str(START), "LABHUB_URL": self.hub.url}
        process = subprocess.Popen([PYTHON, path], env=environment)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        until = time.monotonic() + 30
        while not self.hub.told and time.monotonic() < until:
            time.sleep(0.02)
        self.assertGreater(self.hub.told[0]["time_ms"], START + 10**12)
        self.assertIsNone(process.poll())  # it waits for what stops it

    # --- signals ---------------------------------------------------------------------------------------------------------

    def test_a_signal_reaches_a_script_that_sleeps_and_its_handler_may_sleep(self):
        printed = self.run_script("""
            import os, signal, sys, threading, time
            began = time.time()
            def handle(*_):
                time.sleep(2)
                print("handled", round(time.time() - began))
                sys.exit(3)
            signal.signal(signal.SIGTERM, handle)
            print(signal.getsignal(signal.SIGTERM) is not None)
            def stop():
                time.sleep(100)
                os.kill(os.getpid(), signal.SIGTERM)
            threading.Thread(target=stop, daemon=True).start()
            threading.Event().wait()
        """, expect=3)
        self.assertEqual(printed, ["True", "handled 102"])

    # --- the wire --------------------------------------------------------------------------------------------------------

    def test_requests_carry_time_horizon_and_line(self):
        self.run_script("""
            import threading, time, urllib.request
            import os
            url = os.environ["LABHUB_URL"]
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            time.sleep(30)
            urllib.request.urlopen(url + "/a").read()
        """)
        path, now, until, line = self.hub.asked[0]
        self.assertEqual((path, now, until, line), ("/a", START + 30_000, START + 1_000_000, 7))

    def test_a_request_that_waits_lets_time_pass(self):
        printed = self.run_script("""
            import os, time, urllib.request
            for _ in range(3):
                urllib.request.urlopen(os.environ["LABHUB_URL"] + "/readings?wait=10").read()
            print(time.time() - 1764500000.0)
        """)
        self.assertEqual(printed, ["3.0"])

    def test_a_request_that_waits_lets_no_other_thread_oversleep(self):
        printed = self.run_script("""
            import os, threading, time, urllib.request
            woken = []
            def beat():
                for _ in range(10):
                    time.sleep(0.25)
                    woken.append(time.time() - 1764500000.0)
            thread = threading.Thread(target=beat)
            thread.start()
            for _ in range(12):
                urllib.request.urlopen(os.environ["LABHUB_URL"] + "/readings?wait=10").read()
            thread.join()
            print(woken)
        """)
        self.assertEqual(printed, [str([0.25 * i for i in range(1, 11)])])

    def test_long_silence_is_told_now_and_then(self):
        self.run_script("""
            import time
            for _ in range(10):
                time.sleep(59)
        """)
        told = [each["time_ms"] - START for each in self.hub.told]
        self.assertEqual(told, [118_000, 236_000, 354_000, 472_000, 590_000, 590_000])

    def test_exceptions_are_told_with_their_line(self):
        self.run_script("""
            import threading, time
            def bad():
                raise KeyError("gone")
            thread = threading.Thread(target=bad, name="feed")
            thread.start()
            thread.join()
            time.sleep(9)
            1 / 0
        """, expect=1)
        failures = [each["failure"] for each in self.hub.told if "failure" in each]
        self.assertEqual([(f["type"], f["line"], f["thread"]) for f in failures], [("KeyError", 4, "feed"), ("ZeroDivisionError", 9, "")])

    def test_without_a_dry_run_nothing_changes(self):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CLIENT / "labhub_dry_run" / "site"), str(CLIENT)])}
        environment.pop("LABHUB_DRY_RUN_START", None)
        shown = subprocess.run([PYTHON, "-c", "import time; print(time.sleep)"], env=environment, capture_output=True, text=True, check=True)
        self.assertIn("built-in", shown.stdout)


if __name__ == "__main__":
    unittest.main()
