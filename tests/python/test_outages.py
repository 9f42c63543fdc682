"""A hub that goes away and comes back, and connections that break."""

import os
import threading
import time
import unittest

from support import HubTest

import labhub
from labhub import transport


class Outages(HubTest):
    def setUp(self):
        super().setUp()
        quiet, transport.QUIET_FOR = transport.QUIET_FOR, 0.0
        self.addCleanup(setattr, transport, "QUIET_FOR", quiet)
        self.vessel = labhub.vessel()

    def test_a_call_waits_while_connections_are_refused(self):
        timer = self.hub.away_for(0.4)
        began = time.monotonic()
        with self.assertLogs("labhub", "WARNING") as log:
            self.assertEqual(self.vessel.set(stirrer=40), {"stirrer": 40.0})
        timer.join()
        self.assertGreater(time.monotonic() - began, 0.3)
        self.assertIn("waiting up to 10 s", log.output[0])
        self.assertIn("is back", log.output[-1])

    def test_a_command_whose_answer_was_lost_executes_once(self):
        self.hub.lose_answers = 3
        with self.assertLogs("labhub"):
            self.assertEqual(self.vessel.set(stirrer=40), {"stirrer": 40.0})
        self.assertEqual(self.device.changes, [("stirrer", 40)])

    def test_a_command_whose_answer_was_cut_executes_once(self):
        self.hub.cut_answers = 1
        self.assertEqual(self.vessel.set(stirrer=40), {"stirrer": 40.0})
        self.assertEqual(self.device.changes, [("stirrer", 40)])

    def test_two_like_commands_execute_twice(self):
        self.vessel.set(stirrer=40)
        self.vessel.set(stirrer=40)
        self.assertEqual(self.device.changes, [("stirrer", 40)] * 2)

    def test_a_request_that_was_reset_is_sent_again(self):
        self.hub.lose_requests = 2
        with self.assertLogs("labhub"):
            self.assertEqual(self.vessel.read("stirrer"), 0.0)

    def test_a_short_gap_is_not_worth_a_line(self):
        transport.QUIET_FOR = 5.0
        self.hub.lose_requests = 2
        with self.assertNoLogs("labhub"):
            self.vessel.read("stirrer")

    def test_an_idle_connection_that_was_closed_is_replaced_at_once(self):
        self.vessel.read()
        self.hub.stop()
        self.hub.start()
        began = time.monotonic()
        self.vessel.read()
        self.assertLess(time.monotonic() - began, 1.0)

    def test_gives_up_in_the_end_and_says_why(self):
        self.hub.stop()
        hub = labhub.connect(retry_for=0.3)
        began = time.monotonic()
        with self.assertLogs("labhub"), self.assertRaises(labhub.Unavailable) as caught:
            hub.devices()
        self.assertGreater(time.monotonic() - began, 0.1)
        self.assertLess(time.monotonic() - began, 3.0)
        self.assertIn("refused", caught.exception.detail)
        self.assertIsInstance(caught.exception, ConnectionError)
        self.hub.start()

    def test_gives_up_at_once_where_no_time_is_given(self):
        self.hub.stop()
        with self.assertRaises(labhub.Unavailable):
            labhub.connect(retry_for=0).devices()
        self.hub.start()

    def test_gives_up_at_once_on_a_host_that_does_not_exist(self):
        began = time.monotonic()
        with self.assertRaises(labhub.Unavailable):
            labhub.connect("http://no-such-host.invalid:1").devices()
        self.assertLess(time.monotonic() - began, 9.0)

    def test_a_silent_hub_is_asked_again(self):
        timeout, transport.ANSWER_TIMEOUT = transport.ANSWER_TIMEOUT, 0.2
        self.addCleanup(setattr, transport, "ANSWER_TIMEOUT", timeout)
        release = threading.Event()
        describe, calls = self.device.describe, []

        def slow_once():
            calls.append(1)
            if len(calls) == 1:
                release.wait(5)
            return describe()

        self.device.describe = slow_once
        self.assertEqual(self.vessel.read("stirrer"), 0.0)
        release.set()
        self.assertEqual(len(calls), 2)

    def test_a_node_that_is_away_for_a_moment_is_waited_for_in_a_sandbox(self):
        self.hub.say_unavailable = 3
        self.assertEqual(self.vessel.set(stirrer=40), {"stirrer": 40.0})
        self.assertEqual(self.device.changes, [("stirrer", 40)])

    def test_a_node_that_is_away_is_an_error_outside(self):
        self.use(LABHUB_RETRY_FOR="10")
        hub = labhub.connect()
        self.hub.say_unavailable = 1
        with self.assertRaises(labhub.Unavailable) as caught:
            hub.devices()
        self.assertEqual(caught.exception.detail, "last seen 5 s ago")

    def test_an_experiment_is_never_started_twice(self):
        hub = labhub.connect()
        self.hub.lose_answers = 1
        with self.assertRaisesRegex(labhub.Unavailable, "look before asking again"):
            hub.start_experiment("pass")
        self.assertEqual(len(self.hub.experiments), 1)

    def test_an_experiment_is_started_once_the_hub_is_there(self):
        hub = labhub.connect()
        timer = self.hub.away_for(0.3)
        with self.assertLogs("labhub"):
            hub.start_experiment("pass")
        timer.join()
        self.assertEqual(len(self.hub.experiments), 1)

    def test_a_stream_goes_on_after_an_outage_without_a_gap(self):
        self.device.run(0.01)
        seen = []
        timer = None
        with self.assertLogs("labhub"):
            for sample in self.vessel.stream():
                seen.append(int(round(sample.time * 1000)))
                if len(seen) == 5:
                    timer = self.hub.away_for(0.3)
                if timer and not timer.is_alive() and len(seen) > 60:
                    break
        timer.join()
        measured = [entry["time"] for entry in self.device.samples]
        first = measured.index(seen[0])
        self.assertEqual(seen, measured[first : first + len(seen)])

    def test_a_download_that_broke_begins_anew(self):
        hub = labhub.connect()
        name = hub.start_experiment("x = 1\n" * 1000)
        self.hub.cut_answers = 1
        whole = hub.download(name, self.output / "r.zip").read_bytes()
        self.assertEqual(whole[:2], b"PK")
        self.assertEqual([path.name for path in self.output.iterdir()], ["r.zip"])

    def test_a_download_that_failed_leaves_nothing(self):
        with self.assertRaises(labhub.NotFound):
            labhub.connect().download("unheard-of", self.output / "r.zip")
        self.assertEqual(list(self.output.iterdir()), [])


class Connections(HubTest):
    def test_one_is_kept_for_each_thread(self):
        vessel = labhub.vessel()
        for _ in range(5):
            vessel.read()
        self.assertEqual(self.hub.connections, 1)
        threads = [threading.Thread(target=lambda: [vessel.set(stirrer=n) for n in range(20)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.hub.connections, 5)
        self.assertEqual(len(self.device.changes), 80)

    def test_a_forked_process_opens_its_own(self):
        vessel = labhub.vessel()
        vessel.read()
        child = os.fork()
        if child == 0:
            try:
                vessel.set(stirrer=7)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        self.assertEqual(self.device.changes, [("stirrer", 7)])
        vessel.read()
        self.assertEqual(self.hub.connections, 2)

    def test_an_answer_that_is_not_a_hubs_is_an_error(self):
        with self.assertRaisesRegex(labhub.NotFound, "no such route"):
            labhub.connect(self.hub.url + "/elsewhere").devices()


if __name__ == "__main__":
    unittest.main()
