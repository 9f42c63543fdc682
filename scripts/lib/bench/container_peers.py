"""podman and docker as peers: the same root, script, user and limits as a bundle of the hub, started by their own commands."""
import contextlib
import shutil
import subprocess
import time

from .measuring import say

IMAGE = "labhub-bench:root"
#: What the daemon must not do to this machine: no bridge, no rule of a firewall, no address of the host.
DAEMON = ["dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
          "--userland-proxy=false", "--log-level=error"]


def confined_run(bundle):
    """`run` with the bundle's mounts and limits, up to the root; both programs take the same words. It says nothing of
    open files but their bound: more would raise it, which a root without CAP_SYS_RESOURCE may not."""
    limits = bundle.config["linux"]["resources"]
    soft = {each["type"]: each["soft"] for each in bundle.config["process"]["rlimits"]}
    mounts = [(mount["source"], mount["destination"]) for mount in bundle.config["mounts"]
              if mount["type"] == "bind" and mount["destination"] != "/run/labhub/init"]
    volumes = [word for source, destination in mounts
               for word in ("--volume", f"{source}:{destination}" + ("" if destination == "/app/output" else ":ro"))]
    return ["run", "--rm", "--network", "none", "--read-only", "--memory", str(limits["memory"]["limit"]),
            "--pids-limit", str(limits["pids"]["limit"]), "--ulimit", f"nofile={soft['RLIMIT_NOFILE']}:{soft['RLIMIT_NOFILE']}", "--ulimit", "nproc=4096:4096",
            "--cap-drop", "all", "--security-opt", "no-new-privileges", *volumes]


SCRIPT = ["/usr/bin/python3", "-u", "/app/user_script.py"]


def podman_command(bundle):
    return ["podman", "--log-level=error", "--runtime", "runc", *confined_run(bundle), "--rootfs", str(bundle.folder / "rootfs"), *SCRIPT]


@contextlib.contextmanager
def docker_command(bundle, folder):
    """The command against a daemon of its own, which ends with the block; None where there is no dockerd, or it won't start."""
    if not shutil.which("dockerd") or not shutil.which("docker"):
        say("no dockerd here (package docker.io): docker is not measured")
        yield None
        return
    folder.mkdir()
    host = f"unix://{folder}/docker.sock"
    docker = ["docker", "--host", host]
    with open(folder / "log", "wb") as log:
        daemon = subprocess.Popen([*DAEMON, "--host", host, "--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "docker.pid"],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        if not await_daemon(docker, daemon):
            say(f"dockerd won't start here, docker is not measured: {(folder / 'log').read_text()[-300:]}")
            yield None
            return
        with subprocess.Popen(["tar", "-C", bundle.folder / "rootfs", "-c", "."], stdout=subprocess.PIPE) as packed:
            subprocess.run([*docker, "import", "-", IMAGE], stdin=packed.stdout, stdout=subprocess.DEVNULL, check=True)
        yield [*docker, *confined_run(bundle), IMAGE, *SCRIPT]
    finally:
        daemon.terminate()
        daemon.wait(60)


def await_daemon(docker, daemon, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until and daemon.poll() is None:
        if subprocess.run([*docker, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            return True
        time.sleep(0.2)
    return False


def start(command):
    """One start: when it was spawned, what the script printed, when that arrived; nanoseconds since 1970."""
    spawned = time.time_ns()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline()
        arrived = time.time_ns()
        process.stdout.read()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return {"spawned": spawned, "printed": int(line), "arrived": arrived}
