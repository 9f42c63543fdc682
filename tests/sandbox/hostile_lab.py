"""Runs the hostile programs of tests/sandbox/hostile and watches, from the host, what they did.

A program's header (lines `# key: value` after its docstring):

    expect    completed (default), failed [REASON] or timed_out: how the job must end
    says      names of errno, one of which every denial must carry
    limits    memory=64m cpus=0.5 pids=64 time=2s grace=500ms output=16m files=100 log=1m tmp=16m
    check     what more must be seen from the host: methods of Seen, with arguments after a colon
    word      denied (default for a completed program), or none: it is ended before it can say anything
    runtimes  crun (the default of this host) and further ones
    through   runner (default) or hub: submitted to a real coordinator, beside a neighbour's experiment
    control   unshare (as root in a throwaway set of namespaces), plain (as root), or none and the reason: the same
              program where nothing denies it must say ESCAPED, which proves that it would notice
"""
import ast
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import tempfile
import time

from hostile_host import leftovers
from hostile_seen import Seen

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LABHUB_BIN", ROOT / "build/dev/bin"))
HERE = pathlib.Path(__file__).resolve().parent
PRELUDE = (HERE / "hostile_prelude.py").read_text()
END_LIMIT_S = 60
CONTROL_LIMIT_S = 20
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "ms": 1, "s": 1000, "": 1}
LIMITS = {"memory": "memory_bytes", "cpus": "cpus", "pids": "pids", "time": "time_limit_ms", "grace": "grace_ms", "output": "output_bytes",
          "files": "output_files", "log": "log_bytes", "tmp": "tmp_bytes"}
USUAL = {"memory_bytes": 256 << 20, "cpus": 1.0, "pids": 128, "time_limit_ms": 20_000, "grace_ms": 500, "output_bytes": 16 << 20,
         "output_files": 500, "log_bytes": 1 << 20, "tmp_bytes": 32 << 20}
# What the hub gives, of what a program's header may name.
HUBS = {**USUAL, "pids": 256, "output_bytes": 64 << 20, "output_files": 20_000, "log_bytes": 16 << 20, "tmp_bytes": 256 << 20}


@dataclasses.dataclass
class Program:
    path: pathlib.Path
    what: str
    head: dict

    @property
    def name(self):
        return self.path.stem

    @property
    def source(self):
        return PRELUDE + "\n" + self.path.read_text()

    @property
    def expect(self):
        return self.head.get("expect", "completed")

    @property
    def limits(self):
        usual = HUBS if self.head.get("through") == "hub" else USUAL
        return {**usual, **{LIMITS[key]: size(value) for key, value in pairs(self.head.get("limits", ""))}}

    @property
    def says_denied(self):
        return self.head.get("word", "denied" if self.expect == "completed" else "none") == "denied"


def pairs(text):
    return [word.split("=", 1) for word in text.split()]


def size(text):
    number, unit = re.fullmatch(r"([\d.]+)(k|m|g|ms|s|)", text).groups()
    value = float(number) * UNITS[unit]
    return int(value) if value == int(value) else value


def programs():
    found = []
    for path in sorted((HERE / "hostile").glob("*.py")):
        text = path.read_text()
        head = dict(re.findall(r"^# (\w+): (.+)$", text, re.MULTILINE))
        unknown = set(head) - {"expect", "says", "limits", "check", "word", "runtimes", "through", "control"}
        if unknown or "control" not in head:
            raise ValueError(f"{path.name}: {f'unknown header {unknown}' if unknown else 'no control'}")
        found.append(Program(path, ast.get_docstring(ast.parse(text)), head))
    return found


class Runners:
    """Programs in sandboxes of labhub-runner itself, without a hub."""

    def __init__(self, host, runtime="auto"):
        self.host, self.runtime = host, runtime
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="labhub-hostile-jobs-"))
        self.shared = set()
        self.cache = self.folder / "host"
        self.cache.mkdir(mode=0o700)

    def why_not(self):
        """Empty when sandboxes can be made here."""
        if os.geteuid() != 0:
            return "making sandboxes needs root"
        if self.runtime != "auto" and not shutil.which(self.runtime, path="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"):
            return f"{self.runtime} is not installed"
        return ""

    def forbid_user_namespaces(self):
        """As on a host without them: what the first sandbox found out is changed. False where there were none anyway."""
        self.run(Program(HERE / "hostile_prelude.py", "", {}))
        found = self.cache / "sandbox-host.json"
        known = json.loads(found.read_text())
        found.write_text(json.dumps({**known, "user_namespace": False}))
        self.shared = {"user"}
        return known["user_namespace"]

    def run(self, program):
        job = f"hostile-{secrets.token_hex(6)}"
        folder = self.folder / job
        folder.mkdir(mode=0o700)
        (folder / "script.py").write_text(program.source)
        spec = {"job_id": job, "secret": "-", "socket": str(self.folder / "none.sock"), "argv": ["/usr/bin/python3", "-u", "/app/user_script.py"],
                "environment": self.host.environment(self.shared), "limits": program.limits, "python_path": "", "root": "",
                "runtime": self.runtime, "api_port": 8000, "cache_folder": str(self.cache)}
        (folder / "job.json").write_text(json.dumps(spec))
        began = time.monotonic()
        with open(folder / "runner.log", "wb") as log:
            runner = subprocess.Popen([BIN / "labhub-runner", "run", folder], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            state = self._await_end(folder, runner)
            took = time.monotonic() - began
            # Without a hub to take the end it would wait for one.
            self._await_cleared(folder)
        finally:
            runner.kill()
            runner.wait(10)
        ended = state["ended"]
        read = lambda name: (folder / name).read_bytes() if (folder / name).exists() else b""
        seen = Seen(program, folder, how(ended), ended["exit_code"], ended["peak_memory_bytes"], ended["cpu_ms"], took, read("stdout.txt"), read("stderr.txt"), job)
        return seen, leftovers(job, folder)

    def _await_end(self, folder, runner):
        until = time.monotonic() + END_LIMIT_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError, ValueError):
                state = json.loads((folder / "runner.json").read_text())
                if state["phase"] == "ended":
                    return state
            if runner.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no end within {END_LIMIT_S} s: {(folder / 'runner.log').read_text(errors='replace')[-2000:]}")

    @staticmethod
    def _await_cleared(folder):
        until = time.monotonic() + 10
        while (folder / "sandbox").exists() and time.monotonic() < until:
            time.sleep(0.02)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def how(ended):
    if ended["reason"] == "time_limit":
        return "timed_out"
    if ended["exit_code"] == 0 and not ended["reason"]:
        return "completed"
    return "failed " + (ended["reason"] or ("signal" if ended["signal"] else "exit_status"))


def control(program, host):
    """The program's word outside of any sandbox, and why it proves nothing here where it doesn't."""
    way, _, why = program.head["control"].partition(" ")
    if way == "none":
        return "", why
    with tempfile.TemporaryDirectory(prefix="labhub-control-", dir=host.folder / "host") as folder:
        script = pathlib.Path(folder) / "script.py"
        script.write_text(program.source)
        command = ["/usr/bin/python3", "-u", str(script)]
        if way == "unshare":
            command = ["unshare", "-mpnui", "--fork", "--kill-child", "--mount-proc", *command]
        environment = {"PATH": os.environ["PATH"], "HOSTILE_CONTROL": "1", **host.environment()}
        done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=CONTROL_LIMIT_S)
    return done.stdout.decode(errors="replace").strip(), done.stderr.decode(errors="replace").strip()


def judge(program, seen, left, trouble, secret):
    """Everything that is wrong, as sentences; none is the pass."""
    wrong = [*left, *trouble]
    wanted = program.expect
    if seen.ended != wanted and not (wanted == "failed" and seen.ended.startswith("failed")):
        wrong.append(f"it ended as '{seen.ended}' (exit code {seen.exit_code}), not as '{wanted}'")
    lines = [line for line in seen.out.decode(errors="replace").splitlines() if line.startswith(("denied: ", "ESCAPED: ", "nothing was"))]
    if any(line.startswith("ESCAPED") for line in lines) or (program.says_denied and len(lines) != 1):
        wrong.append(f"it says {lines}")
    if program.says_denied and len(lines) == 1 and "says" in program.head:
        for denial in lines[0].removeprefix("denied: ").split("; "):
            if not any(f" {name} " in denial for name in program.head["says"].split()):
                wrong.append(f"denied for another reason than {program.head['says']}: {denial}")
    for words in program.head.get("check", "").split():
        name, *arguments = words.split(":")
        wrong.append(getattr(seen, name)(*arguments))
    hidden = [seen.out, seen.err, *(f.read_bytes() for f in (seen.folder / "output").rglob("*") if f.is_file() and f.stat().st_size < 1 << 20)]
    if any(secret.encode() in text for text in hidden):
        wrong.append("the canary's secret came out")
    return [each for each in wrong if each]
