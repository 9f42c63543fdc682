"""What a script knows of its pauses, and that the time it was frozen for is nobody's fault."""

import os
import signal
import subprocess
import sys
import threading
import time

from support import CLIENT, HubTest, environment_of, until

import labhub

CALLS = """
import labhub, sys
hub = labhub.connect(retry_for=3)
print('up', flush=True)
sys.stdin.readline()
print(len(hub.devices()), flush=True)
"""


class Pausing(HubTest):
    def test_tells_how_often_and_for_how_long(self):
        self.hub.pauses = [
            {"since": 1000, "until": 3500, "actuators": "hold", "who": "user:ada", "reason": ""},
            {"since": 5000, "until": None, "actuators": "safe", "who": "user:bob", "reason": "foam"},
        ]
        self.assertEqual(labhub.paused_for(), 2.5)
        first, last = labhub.pauses()
        self.assertEqual((first.since, first.until, first.actuators, first.who), (1.0, 3.5, "hold", "user:ada"))
        self.assertEqual((last.until, last.actuators, last.reason), (None, "safe", "foam"))
        self.assertIn("2.5 s", repr(first))
        self.assertIn("lasts", repr(last))

    def test_an_experiment_that_was_never_paused(self):
        self.assertEqual((labhub.paused_for(), labhub.pauses()), (0.0, []))

    def test_outside_an_experiment_there_is_nothing_to_tell(self):
        del os.environ["EXPERIMENT_ID"]
        for ask in (labhub.pauses, labhub.paused_for):
            with self.assertRaises(labhub.Conflict):
                ask()

    def test_the_time_a_script_is_frozen_for_does_not_use_up_its_patience(self):
        self.hub.stop()
        environment = environment_of(self.hub.url, EXPERIMENT_ID="exp-1", PYTHONPATH=str(CLIENT))
        script = subprocess.Popen(
            [sys.executable, "-c", CALLS], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(script.stdout.close)
        self.addCleanup(script.kill)
        self.assertEqual(script.stdout.readline(), "up\n")
        script.stdin.write("\n")
        script.stdin.close()
        time.sleep(0.5)  # it is trying by now
        script.send_signal(signal.SIGSTOP)
        threading.Timer(5, lambda: script.send_signal(signal.SIGCONT)).start()
        time.sleep(5)
        self.hub.start()
        self.assertEqual(script.stdout.readline(), "1\n")
        until(lambda: script.poll() == 0)
