"""from the script's HTTP call to the board's acknowledgement, against exec over an SSH session that is open already"""
import json
import subprocess
import time

from lab import BIN, Lab

from .measuring import milliseconds, say

ROUNDS = 60
WARM_UP = 4
#: Each way has the lab for itself this long (seconds), then the next one: within a second, all have met the same machine.
TURN = 0.1
WAYS = ("client", "http", "ssh_exec", "board")
#: At a turn's ends nothing is begun, so that two ways don't overlap.
GUARD = 0.015

SCRIPT = """
import http.client, json, time
import labhub

TURN, WAYS, GUARD, UNTIL = {turn}, {ways}, {guard}, {until}
vessel = labhub.vessel()
vessel.set(stirrer=1)
path = "/api/devices/" + vessel.name + "/set"
connection = http.client.HTTPConnection("127.0.0.1", 8000)

def by_client(value):
    vessel.set(stirrer=value)

def by_http(value):
    connection.request("POST", path, json.dumps({{"values": {{"stirrer": value}}}}), {{"Content-Type": "application/json"}})
    reply = connection.getresponse()
    body = reply.read()
    if reply.status != 200:
        raise SystemExit(body)

def turn_of(now):
    return int(now / TURN) % len(WAYS)

ways = {{0: by_client, 1: by_http}}
value = 10
while time.time() < UNTIL:
    turn = turn_of(time.time())
    if turn not in ways or turn_of(time.time() - GUARD) != turn:
        time.sleep(0.002)
        continue
    took = []
    while turn_of(time.time() + GUARD) == turn:
        value = 10 + (value + 1) % 50
        begun = time.perf_counter_ns()
        ways[turn](value)
        took.append(time.perf_counter_ns() - begun)
    if took:
        print(json.dumps([time.time(), WAYS[turn], took]), flush=True)
    time.sleep(GUARD)
"""


class Peer:
    """labhub_bench_ssh_exec: `once(line)` is how long one command took, in nanoseconds, by its own clock."""

    def __init__(self, *arguments):
        program = BIN.parent / "tests/labhub_bench_ssh_exec"
        self.process = subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer("ready")

    def _answer(self, wanted=None):
        line = self.process.stdout.readline().strip()
        if line.isdigit() or line == wanted:
            return line
        raise RuntimeError(f"the peer says: {line or 'nothing'}")

    def once(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return int(self._answer())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def turn_of(now):
    return WAYS[int(now / TURN) % len(WAYS)]


def take_turns(ways, begin, until):
    """Calls each way's function in its turns; how long each call took, by way."""
    took = {way: [] for way in ways}
    value = 10
    while (now := time.time()) < until:
        way = turn_of(now)
        if way not in ways or turn_of(now - GUARD) != way or turn_of(now + GUARD) != way:
            time.sleep(0.002)
            continue
        value = 10 + (value + 1) % 50
        nanoseconds = ways[way](value)
        if now >= begin:
            took[way].append(nanoseconds)
    return took


def results_of(lab, job, begin):
    """The script's own times, by way."""
    ended = lab.wait_end(job)
    if ended["status"] != "completed":
        raise RuntimeError(f"the measuring script is {ended['status']}: {lab.logs(job)}")
    took = {"client": [], "http": []}
    for line in (lab.job_folder(job) / "stdout.txt").read_text().splitlines():
        when, way, nanoseconds = json.loads(line)
        if when >= begin:
            took[way] += nanoseconds
    return took


def fingerprint_of(lab, node):
    shown = subprocess.run([BIN / "labhub-agent", "host-key", "--config", lab.folder / node / "agent.toml"], check=True, capture_output=True, text=True).stdout
    return next(word for word in shown.split() if word.startswith("SHA256:"))


def wait_for_lease(lab, job):
    lab.wait_status(job, "running")
    return lab.device()["lease"]["id"]


def measure():
    with Lab(speed=1, period="1s", lease_ttl="30s") as lab:
        (lab.folder / "alone").mkdir()
        lab.start("simulator alone", "labhub-vessel-sim", "--link", lab.folder / "alone/board", "--speed", 1, "--seed", 1)
        ssh = board = None
        try:
            ssh = Peer("ssh", lab.ssh_ports["sim-1"], "operator", lab.folder / "operator", fingerprint_of(lab, "sim-1"))
            board = Peer("board", lab.folder / "alone/board")
            round_time = TURN * len(WAYS)
            until = time.time() + 3 + (WARM_UP + ROUNDS) * round_time
            job = lab.submit(SCRIPT.format(turn=TURN, ways=WAYS, guard=GUARD, until=until))
            lease = wait_for_lease(lab, job)
            begin = time.time() + WARM_UP * round_time
            say(f"{until - time.time():.0f} s of turns of {TURN * 1000:.0f} ms: {', '.join(WAYS)}")
            peers = take_turns({"ssh_exec": lambda value: ssh.once(f"set --lease {lease} stirrer={value}"),
                                "board": lambda value: board.once(str(value))}, begin, until)
            took = {**results_of(lab, job, begin), **peers}
        finally:
            for peer in (ssh, board):
                if peer:
                    peer.close()
            lab.end("simulator alone")
    client, http, exec_, alone = (milliseconds(took[way]) for way in WAYS)
    figures = {"unit": "ms", "client": client, "http": http, "peer_ssh_exec": exec_, "limit_board_alone": alone,
               "http_vs_open_ssh_exec": round(http["p50"] / exec_["p50"], 3), "client_p99_vs_ssh_exec_p99": round(client["p99"] / exec_["p99"], 3)}
    return figures, [("vs_open_ssh_exec", client["p50"] / exec_["p50"], "<=", 2)]
