"""Runs a bundle by the OCI runtime alone, again and again, and says when each run began and when its first line came.

    bare_runtime.py RUNTIME STATE_DIR BUNDLE yes|no     in a mount namespace of its own (unshare --mount)

Each line on standard input is one run, answered by one line of JSON: spawned, printed (the line's own text, as the
script takes it from the clock), arrived; all in nanoseconds since 1970. The fourth argument says whether
/sys/fs/cgroup/unified is hidden first, as labhub-runner does where crun refuses a hybrid host.
"""
import json
import subprocess
import sys
import time


def hide_unified():
    subprocess.run(["umount", "--lazy", "/sys/fs/cgroup/unified"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "labhub", "/sys/fs/cgroup/unified"], check=True)


def run(command):
    spawned = time.time_ns()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline()
        arrived = time.time_ns()
        process.stdout.read()
    if process.returncode != 0:
        sys.exit(f"the bare runtime ended with {process.returncode}")
    return {"spawned": spawned, "printed": int(line), "arrived": arrived}


def main():
    runtime, state, bundle, hidden = sys.argv[1:]
    if hidden == "yes":
        hide_unified()
    for number, _ in enumerate(sys.stdin):
        command = [runtime, "--root", state, "run", "--bundle", bundle, f"labhub-bench-{number}"]
        print(json.dumps(run(command)), flush=True)


if __name__ == "__main__":
    main()
