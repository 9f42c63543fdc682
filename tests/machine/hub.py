"""A machine with a hub and one simulated vessel, installed and configured as the guide says."""
import machine
from machine import Refused, wait_for

FINAL = {"completed", "failed", "stopped", "timed_out"}
BROKER = """[Service]
ExecStart=/usr/sbin/mosquitto -c /etc/labhub-broker.conf
"""
VESSEL = """[Service]
User=labhub
RuntimeDirectory=vessel
ExecStart=/usr/bin/labhub-vessel-sim --link /run/vessel/board --speed 600 --seed 1
"""
COORDINATOR = """
[nodes]
enrolment = "/etc/labhub/nodes.toml"
[jobs]
node_lost_after = "60s"
"""
AGENT = """
[node]
data_dir = "/var/lib/labhub-agent"
id = "sim-1"
[ssh]
listen = "127.0.0.1:2222"
[[ssh.authorized_key]]
name = "coordinator"
role = "coordinator"
key = "{key}"
[[device]]
id = "vessel"
driver = "board"
port = "/run/vessel/board"
period = "200ms"
"""


class Hub(machine.Machine):
    def prepare(self):
        self.write("etc/labhub-broker.conf", "listener 1883 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self.unit("broker.service", BROKER)
        self.unit("vessel.service", VESSEL)
        self.write("etc/labhub/coordinator.toml", COORDINATOR)
        self.write("etc/labhub/nodes.toml", "")

    def __enter__(self):
        super().__enter__()
        try:
            self._enrol()
            self.run("systemctl", "start", "labhub-agent.service", "labhub-coordinator.service")
            self.token = wait_for("the admin token", lambda: self.run("cat", "/var/lib/labhub/admin-token", check=False).stdout.strip())
            wait_for("a healthy hub", self.is_healthy)
            wait_for("readings", self._has_readings)
        except BaseException:
            print(self.journal("labhub-coordinator", "labhub-agent", "vessel", "broker"))
            print(self._health_text())
            self.__exit__()
            raise
        return self

    def _has_readings(self):
        try:
            return self.request("GET", "/api/devices/sim-1/vessel")["device"]["metrics"]
        except Refused:
            return None

    def _health_text(self):
        try:
            return self.request("GET", "/health")
        except (OSError, Refused) as error:
            return error

    def _enrol(self):
        self.run("install", "-d", "-o", "labhub", "-g", "labhub", "-m", "700", "/var/lib/labhub", "/var/lib/labhub-agent")
        key = self.run("labhub-coordinator", "ssh-key", "--config", "/etc/labhub/coordinator.toml", user="labhub").stdout.strip()
        self.write("etc/labhub/agent.toml", AGENT.format(key=key))
        printed = self.run("labhub-agent", "host-key", "--config", "/etc/labhub/agent.toml", user="labhub").stdout
        fingerprint = next(word for word in printed.split() if word.startswith("SHA256:"))
        self.write("etc/labhub/nodes.toml", f'[[node]]\nid = "sim-1"\nssh = "127.0.0.1:2222"\nhost_key = "{fingerprint}"\n')

    def is_healthy(self):
        try:
            return self.request("GET", "/health")["status"] == "healthy"
        except (OSError, Refused):
            return False

    def submit(self, script, job=None, **config):
        body = {"script_content": script}
        if job:
            body["experiment_id"] = job
        if config:
            body["config"] = config
        return self.request("POST", "/api/experiments/start", body)["experiment_id"]

    def experiment(self, job):
        return self.request("GET", f"/api/experiments/{job}/status")["experiment"]

    def wait_status(self, job, *wanted, limit=120):
        def look():
            now = self.experiment(job)
            if now["status"] in FINAL and now["status"] not in wanted:
                raise AssertionError(f"{now} {self.journal('labhub-coordinator', f'labhub-job@{job}', f'labhub-collect@{job}')}")
            return now if now["status"] in wanted else None
        return wait_for(f"{job}: {wanted}", look, limit)

    def wait_for_output(self, job, text):
        path = f"/var/lib/labhub/experiments/{job}/stdout.txt"
        wait_for(f"'{text}' in {path}", lambda: text in self.run("cat", path, check=False).stdout)
