"""That a sandbox stands at all: its own namespaces, another user, no capability, a filter, no new privileges. Runs first."""
# control: unshare
# runtimes: crun runc
import json

status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    escaped(f"{capabilities} {status[capabilities]}") if int(status[capabilities], 16) else denied(capabilities, "none")
denied("seccomp", "filtered") if status["Seccomp"] == "2" else escaped("no filter")
denied("privileges", "none new") if status["NoNewPrivs"] == "1" else escaped("new privileges")
denied("user", status["Uid"].split()[0]) if os.getuid() != 0 else escaped("root")
for kind, host in json.loads(os.environ["HOSTILE_NAMESPACES"]).items():
    own = os.stat(f"/proc/self/ns/{kind}").st_ino
    denied(f"{kind} namespace", "another than the host's") if own != host else escaped(f"the host's {kind} namespace")
