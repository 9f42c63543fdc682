"""A whole lab on this machine, of the real programs: broker, vessel simulators, agents, coordinator.

Each part is a process that a test can kill. Everything lies in one folder that is removed at the end, and everything
that was started is ended, by its process id.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LABHUB_BIN", ROOT / "build/dev/bin"))
FINAL = {"completed", "failed", "stopped", "timed_out"}


class Refused(Exception):
    """The hub's answer was an error."""

    def __init__(self, status, error, headers):
        super().__init__(f"{status} {error}")
        self.status, self.error, self.headers = status, error, headers
        self.code = error.get("error", {}).get("code")
        self.message = error.get("error", {}).get("message", "")
        self.detail = error.get("error", {}).get("detail", "")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, check, limit=20.0):
    """The first true answer of `check`, asked again and again."""
    until = time.monotonic() + limit
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {limit:g} s: {what}")
        time.sleep(0.02)


class Lab:
    """`with Lab() as lab:` runs one node, sim-1, with one device, vessel. `speed` is the vessel's, `sampling` the agent's."""

    def __init__(self, nodes=1, speed=600, period="200ms", lease_ttl="3s", node_lost_after="2s", dead_man="2s"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="labhub-e2e-"))
        self.names = [f"sim-{i + 1}" for i in range(nodes)]
        self.speed, self.period, self.dead_man = speed, period, dead_man
        self.lease_ttl, self.node_lost_after = lease_ttl, node_lost_after
        self.port, self.broker_port = free_port(), free_port()
        self.ssh_ports = {name: free_port() for name in self.names}
        self.processes = {}
        self.token = None

    # --- starting and ending -----------------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self._configure()
            self.start("broker", "mosquitto", "-c", self.folder / "mosquitto.conf")
            for name in self.names:
                self.start_simulator(name)
                self.start_agent(name)
            self.start_coordinator()
            self.wait_until_online()
        except BaseException:
            self.print_logs()
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in ["coordinator", *[f"agent {n}" for n in self.names], *[f"simulator {n}" for n in self.names], "broker"]:
            self.end(name)
        self._end_runners()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_runners(self):
        """Runners live on without a coordinator, as they should; here they must not."""
        for state in self.folder.glob("data/experiments/*/runner.json"):
            pid = json.loads(state.read_text()).get("pid", 0)
            command = pathlib.Path(f"/proc/{pid}/cmdline")
            if pid and command.exists() and str(self.folder) in command.read_bytes().decode(errors="replace"):
                os.kill(pid, signal.SIGKILL)
                wait_for("the runner's end", lambda: not command.exists() or not command.read_bytes(), 5)
                subprocess.run([BIN / "labhub-runner", "collect", state.parent], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)

    def start(self, name, program, *arguments):
        path = BIN / program if (BIN / program).exists() else shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen([str(path), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()
        return self.processes[name]

    def end(self, name):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def kill(self, name):
        """kill -9, and gone."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(10)

    def start_simulator(self, name, *faults):
        self.start(f"simulator {name}", "labhub-vessel-sim", "--link", self.folder / name / "board", "--speed", self.speed,
                   "--seed", self.names.index(name) + 1, "--events", self.folder / name / "events.jsonl", *faults)
        wait_for("the simulator's line", (self.folder / name / "board").exists)

    def start_agent(self, name):
        self.start(f"agent {name}", "labhub-agent", "--config", self.folder / name / "agent.toml")

    def start_coordinator(self):
        self.start("coordinator", "labhub-coordinator", "--config", self.folder / "coordinator.toml")
        token = self.folder / "data/admin-token"
        wait_for("the coordinator's answer", self.answers)
        self.token = token.read_text().strip()

    def answers(self):
        try:
            return self.request("GET", "/health")
        except (OSError, http.client.HTTPException):
            return None

    def wait_until_online(self):
        wait_for("all nodes online", lambda: self.request("GET", "/health")["status"] == "healthy", 30)
        wait_for("all devices with readings", lambda: all(self.device(n)["metrics"] and self.device(n)["metrics"][0]["time"] for n in self.names), 30)

    def _configure(self):
        write = lambda name, text: (self.folder / name).write_text(text)
        write("mosquitto.conf", f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 10000\n")
        write("coordinator.toml", f"""
[http]
listen = "127.0.0.1:{self.port}"
[data]
dir = "{self.folder}/data"
[mqtt]
port = {self.broker_port}
[nodes]
enrolment = "{self.folder}/nodes.toml"
[jobs]
node_lost_after = "{self.node_lost_after}"
[leases]
time_to_live = "{self.lease_ttl}"
""")
        write("nodes.toml", "")
        key = subprocess.run([BIN / "labhub-coordinator", "ssh-key", "--config", self.folder / "coordinator.toml"], check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "operator"], check=True)
        operator = (self.folder / "operator.pub").read_text().strip()
        enrolments = ""
        for name in self.names:
            (self.folder / name).mkdir()
            write(f"{name}/agent.toml", f"""
[node]
id = "{name}"
data_dir = "{self.folder}/{name}/state"
[mqtt]
port = {self.broker_port}
[ssh]
listen = "127.0.0.1:{self.ssh_ports[name]}"
[[ssh.authorized_key]]
name = "coordinator"
role = "coordinator"
key = "{key}"
[[ssh.authorized_key]]
name = "operator"
role = "operator"
key = "{operator}"
[[device]]
id = "vessel"
driver = "board"
port = "{self.folder}/{name}/board"
period = "{self.period}"
dead_man = "{self.dead_man}"
""")
            printed = subprocess.run([BIN / "labhub-agent", "host-key", "--config", self.folder / name / "agent.toml"], check=True, capture_output=True, text=True).stdout
            fingerprint = next(word for word in printed.split() if word.startswith("SHA256:"))
            enrolments += f'[[node]]\nid = "{name}"\nssh = "127.0.0.1:{self.ssh_ports[name]}"\nhost_key = "{fingerprint}"\n'
        write("nodes.toml", enrolments)

    def print_logs(self):
        for log in sorted(self.folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")

    # --- asking the hub ----------------------------------------------------------------------------------------------

    def request(self, verb, path, body=None, token=True, raw=None, headers=()):
        """The reply's JSON (or bytes, when it is none). Raises Refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = dict(headers)
            if token and self.token:
                sent["Authorization"] = f"Bearer {self.token if token is True else token}"
            data = raw if raw is not None else None if body is None else json.dumps(body)
            connection.request(verb, path, data, sent)
            reply = connection.getresponse()
            payload = reply.read()
            if reply.status >= 400:
                raise Refused(reply.status, json.loads(payload), dict(reply.getheaders()))
            return json.loads(payload) if "json" in reply.getheader("Content-Type", "") else payload
        finally:
            connection.close()

    def device(self, node="sim-1"):
        try:
            return self.request("GET", f"/api/devices/{node}/vessel")["device"]
        except Refused as refused:
            if refused.code == "not_found":
                return {"metrics": []}
            raise

    def value(self, metric, node="sim-1"):
        return next(m["value"] for m in self.device(node)["metrics"] if m["name"] == metric)

    # --- experiments -------------------------------------------------------------------------------------------------

    def submit(self, script, **config):
        body = {"script_content": script}
        if "experiment_id" in config:
            body["experiment_id"] = config.pop("experiment_id")
        if config:
            body["config"] = config
        return self.request("POST", "/api/experiments/start", body)["experiment_id"]

    def experiment(self, job):
        return self.request("GET", f"/api/experiments/{job}/status")["experiment"]

    def wait_status(self, job, *wanted, limit=60):
        def look():
            now = self.experiment(job)
            if now["status"] in FINAL and now["status"] not in wanted:
                raise AssertionError(f"{now['status']} instead of {wanted}: {now} {self.logs(job)}")
            return now if now["status"] in wanted else None
        return wait_for(f"experiment {job} {wanted}", look, limit)

    def wait_end(self, job, limit=60):
        return wait_for(f"the end of experiment {job}", lambda: (e := self.experiment(job))["status"] in FINAL and e, limit)

    def logs(self, job):
        return self.request("GET", f"/api/experiments/{job}/logs?tail=1000")["logs"]

    def wait_log(self, job, text, limit=60):
        wait_for(f"'{text}' in the log of {job}", lambda: text in self.logs(job), limit)

    def results(self, job):
        """The result's files by name."""
        target = self.folder / f"{job}.zip"
        target.write_bytes(self.request("GET", f"/api/experiments/{job}/download"))
        with zipfile.ZipFile(target) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def job_folder(self, job):
        return self.folder / "data/experiments" / job

    # --- the observer beside the wire --------------------------------------------------------------------------------

    def events(self, node="sim-1"):
        lines = (self.folder / node / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]

    def outputs(self, node="sim-1"):
        """The board's outputs as they are now, as the simulator sees them; what isn't named is safe since its start."""
        return {e["metric"]: e["value"] for e in self.events(node) if e["event"] == "output"}

    def is_safe(self, node="sim-1"):
        return all(not value or value == "#000000" for value in self.outputs(node).values())
