"""What measures an OCI runtime alone, in a mount namespace of its own (unshare --mount).

    bare_runtime.py yes|no serve RUNTIME STATE_DIR BUNDLE    runs the bundle at each line of standard input
    bare_runtime.py yes|no exec COMMAND…                     becomes the command

The first argument says whether /sys/fs/cgroup/unified is hidden first, as labhub-runner does where crun refuses a hybrid
host. Each run is answered by one line of JSON: spawned, printed (the line's own text, as the script takes it from the
clock), arrived; all in nanoseconds since 1970.
"""
import json
import os
import subprocess
import sys
import time


def hide_unified():
    subprocess.run(["umount", "--lazy", "/sys/fs/cgroup/unified"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "labhub", "/sys/fs/cgroup/unified"], check=True)


def run(command):
    spawned = time.time_ns()
    # Not /dev/null: crun gives a container's user its standard input, which would be the host's device.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.close()
        line = process.stdout.readline()
        arrived = time.time_ns()
        process.stdout.read()
    if process.returncode != 0:
        sys.exit(f"the bare runtime ended with {process.returncode}")
    return {"spawned": spawned, "printed": int(line), "arrived": arrived}


def serve(runtime, state, bundle):
    for number, _ in enumerate(sys.stdin):
        command = [runtime, "--root", state, "run", "--bundle", bundle, f"labhub-bench-{number}"]
        print(json.dumps(run(command)), flush=True)


def main():
    hidden, what, *arguments = sys.argv[1:]
    if hidden == "yes":
        hide_unified()
    if what == "exec":
        os.execvp(arguments[0], arguments)
    serve(*arguments)


if __name__ == "__main__":
    main()
