"""`labhub up` as a person uses it: the real programs, a real broker, real sandboxes."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[4]
BIN = pathlib.Path(os.environ.get("LABHUB_BIN") or ROOT / "build" / "dev" / "bin")
PROGRAMS = ("labhub", "labhub-agent", "labhub-coordinator", "labhub-runner", "labhub-image", "labhub-vessel-sim")
START_LIMIT_S = 60


def wait_until(is_met, limit_s=START_LIMIT_S):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        value = is_met()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {limit_s} s")


def processes_of(folder):
    """{pid: arguments} of every process whose command line, or standard input, names the folder."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            named = [*arguments, os.fsencode(os.readlink(entry / "fd" / "0"))]
        except OSError:
            continue
        if any(name.startswith(os.fsencode(folder)) for name in named):
            found[int(entry.name)] = [os.fsdecode(argument) for argument in arguments]
    return found


@unittest.skipUnless(all((BIN / name).exists() for name in PROGRAMS), f"the programs are not all built in {BIN}")
class Up(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="labhub-up-")
        self.addCleanup(shutil.rmtree, self.data, ignore_errors=True)
        self.running = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def begin(self, *more):
        port = [] if "--port" in more else ["--port", "0"]
        command = [str(BIN / "labhub"), "up", "--data", self.data, *port, *more]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.running.append(process)
        return process

    def begin_and_wait(self, *more):
        process = self.begin(*more)
        url = pathlib.Path(self.data, "url")
        wait_until(lambda: process.poll() is not None or url.exists() and url.read_text())
        self.assertIsNone(process.poll(), process.stdout.read() if process.poll() is not None else "")
        return process

    def end(self, process, number=signal.SIGINT):
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
        return said

    def environment(self):
        return dict(os.environ, LABHUB_URL=pathlib.Path(self.data, "url").read_text().strip(),
                    LABHUB_TOKEN_FILE=str(pathlib.Path(self.data, "admin-token")))

    def labhub(self, *arguments):
        return subprocess.run([str(BIN / "labhub"), *arguments], env=self.environment(), cwd=self.data, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)

    def nodes(self):
        answer = self.labhub("nodes", "--json")
        return json.loads(answer.stdout)["nodes"] if answer.returncode == 0 else []

    def pid_of(self, program):
        return next((pid for pid, arguments in processes_of(self.data).items() if arguments[0].endswith(program)), None)

    def start_run(self, script, name):
        path = pathlib.Path(self.data, name + ".py")
        path.write_text(script)
        run = subprocess.Popen([str(BIN / "labhub"), "run", path.name, "--id", name], env=self.environment(), cwd=self.data,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.running.append(run)
        return run

    def test_starts_everything_and_stops_everything(self):
        process = self.begin_and_wait("--simulate", "2", "--speed", "600")
        nodes = self.nodes()
        self.assertEqual([node["node"] for node in nodes], ["sim-1", "sim-2"])
        self.assertTrue(all(node["state"] == "online" for node in nodes), nodes)
        self.assertEqual(self.labhub("set", "sim-2/vessel", "stirrer=40").returncode, 0)
        self.assertEqual(os.stat(self.data).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(pathlib.Path(self.data, "admin-token")).st_mode & 0o777, 0o600)
        said = self.end(process)
        self.assertEqual(process.returncode, 0, said)
        self.assertIn("labhub is ready at http://127.0.0.1:", said)
        self.assertEqual(processes_of(self.data), {})
        self.assertFalse(pathlib.Path(self.data, "url").exists())

    def test_the_openssh_client_works_with_the_files_it_leaves(self):
        self.begin_and_wait()
        done = subprocess.run(["ssh", "-F", str(pathlib.Path(self.data, "ssh_config")), "sim-1", "set", "stirrer=40"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("stirrer", done.stdout)

    def test_starts_again_on_the_same_folder_with_the_same_addresses(self):
        process = self.begin_and_wait()
        first = pathlib.Path(self.data, "url").read_text(), pathlib.Path(self.data, "ssh_config").read_text()
        self.end(process)
        self.begin_and_wait()
        self.assertEqual((pathlib.Path(self.data, "url").read_text(), pathlib.Path(self.data, "ssh_config").read_text()), first)

    def test_refuses_a_folder_that_is_in_use(self):
        process = self.begin_and_wait()
        second = self.begin()
        said, _ = second.communicate(timeout=30)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"is in use by another `labhub up`, process {process.pid}", said)
        self.assertTrue(self.nodes())

    def test_refuses_a_port_that_is_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            process = self.begin("--port", str(other.getsockname()[1]))
            said, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 1)
        self.assertIn("is in use by another program", said)

    def test_starts_again_what_is_killed(self):
        process = self.begin_and_wait()
        for program in ("labhub-coordinator", "labhub-agent", "labhub-vessel-sim", "mosquitto"):
            with self.subTest(program):
                killed = wait_until(lambda program=program: self.pid_of(program))
                os.kill(killed, signal.SIGKILL)
                wait_until(lambda program=program, killed=killed: (self.pid_of(program) or killed) != killed)
        wait_until(lambda: any(node["state"] == "online" and node["link"] == "connected" and
                               all(device["connected"] for device in node["devices"]) for node in self.nodes()))
        said = self.end(process)
        self.assertIn("coordinator ended unasked: signal 9 (Killed)", said)
        self.assertEqual(process.returncode, 0)

    def test_children_end_when_it_is_killed(self):
        process = self.begin_and_wait()
        self.assertTrue(processes_of(self.data))
        process.kill()
        process.communicate()
        wait_until(lambda: not processes_of(self.data), 30)

    @unittest.skipUnless(os.geteuid() == 0, "sandboxes need root")
    def test_stops_the_experiments_before_the_hub(self):
        process = self.begin_and_wait()
        run = self.start_run("import time\nprint('begun', flush=True)\ntime.sleep(600)\n", "long")
        self.assertEqual(run.stdout.readline(), "begun\n")
        self.end(process)
        self.assertEqual(processes_of(self.data), {})
        self.begin_and_wait()
        experiments = json.loads(self.labhub("experiments", "--json").stdout)["experiments"]
        self.assertEqual([(each["experiment_id"], each["status"]) for each in experiments], [("long", "stopped")])

    @unittest.skipUnless(os.geteuid() == 0, "sandboxes need root")
    def test_run_waits_for_a_coordinator_that_was_killed(self):
        self.begin_and_wait()
        coordinator = self.pid_of("labhub-coordinator")
        run = self.start_run("import time\nfor i in range(40):\n    print(i, flush=True)\n    time.sleep(0.2)\n", "steady")
        self.assertEqual(run.stdout.readline(), "0\n")
        os.kill(coordinator, signal.SIGKILL)
        # communicate() would lose what readline() has taken into its buffer beyond the line.
        watchdog = threading.Timer(90, run.kill)
        watchdog.start()
        rest, said = run.stdout.read(), run.stderr.read()
        watchdog.cancel()
        self.assertEqual(run.wait(), 0, said)
        self.assertEqual(rest.split(), [str(i) for i in range(1, 40)])
        self.assertIn("the hub does not answer", said)


if __name__ == "__main__":
    unittest.main()
