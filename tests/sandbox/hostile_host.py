"""What of the host a hostile program might reach, and what it leaves there."""
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import tempfile


def host_user(job):
    """The host's number for the user of a job's script (host_uid of coordinator/runner/oci_config.cpp)."""
    mark = 2166136261
    for byte in job.encode():
        mark = (mark ^ byte) * 16777619 % (1 << 32)
    return 1_900_000_000 + mark % 32768 * 4096 + 1000


class Host:
    """What of the host a program might reach: a file, listeners, a process. Checked after each program."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="labhub-hostile-"))
        self.folder.chmod(0o755)
        self.secret = secrets.token_hex(16)
        self.canary = self.folder / "canary"
        self.canary.write_text(self.secret + "\n")
        self.canary.chmod(0o666)
        self.victim = subprocess.Popen(["sleep", "600"])
        self.name = socket.gethostname()
        self.devices = {f"/dev/{name}": os.stat(f"/dev/{name}").st_mode for name in ("null", "zero", "full", "random", "urandom", "tty")}
        self.listeners = {}
        self._listen("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        with contextlib.suppress(OSError):
            self._listen("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
        self._listen("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self._listen("abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.folder.name)
        self._listen("path", socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o666)
        self.files = sorted(os.listdir(self.folder))
        (self.folder / "host").mkdir()

    def _listen(self, name, family, kind, address):
        listener = socket.socket(family, kind)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen(8)
        listener.setblocking(False)
        self.listeners[name] = listener

    def environment(self, shared=()):
        """What a program is told; `shared`: namespaces that it may have in common with the host."""
        port = lambda name: str(self.listeners[name].getsockname()[1]) if name in self.listeners else "0"
        capabilities = int(re.search(r"CapEff:\t(\w+)", pathlib.Path("/proc/self/status").read_text()).group(1), 16)
        may_raise = {"HOSTILE_MAY_RAISE_LIMITS": "1"} if capabilities >> 24 & 1 else {}
        names = {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup") if kind not in shared}
        return {"HOSTILE_CANARY": str(self.canary), "HOSTILE_TCP": port("tcp"), "HOSTILE_TCP6": port("tcp6"), "HOSTILE_UDP": port("udp"),
                "HOSTILE_ABSTRACT": self.folder.name, "HOSTILE_SOCKET": str(self.folder / "socket"), "HOSTILE_PID": str(self.victim.pid),
                "HOSTILE_NAMESPACES": json.dumps(names), "HOSTILE_SELF": str(os.getpid()), **may_raise}

    def trouble(self, job=None):
        """What has happened to the host, as sentences; `job`: in the sandbox of that name."""
        wrong = self._device_trouble(job)
        if self.canary.read_text() != self.secret + "\n" or self.canary.stat().st_nlink != 1:
            wrong.append("the canary file was changed")
        if sorted(set(os.listdir(self.folder)) - {"host"}) != self.files:
            wrong.append(f"the host's folder was changed: {os.listdir(self.folder)}")
        if self.victim.poll() is not None:
            wrong.append("a process of the host was ended")
        if socket.gethostname() != self.name:
            wrong.append("the host's name was changed")
        for name, listener in self.listeners.items():
            with contextlib.suppress(BlockingIOError):
                listener.recv(1) if name == "udp" else listener.accept()[0].close()
                wrong.append(f"the host's {name} listener was reached")
        return wrong

    def _device_trouble(self, job):
        """The devices that sandboxes are given are the host's own: nobody may come to own one, or change its mode."""
        wrong = []
        for path, mode in self.devices.items():
            now = os.stat(path)
            if now.st_mode != mode:
                wrong.append(f"{path} has mode {now.st_mode:o} now")
                os.chmod(path, mode & 0o7777)
            if job and now.st_uid == host_user(job):
                wrong.append(f"{path} belongs to the script's user now")
                os.chown(path, 0, 0)
        return wrong

    def close(self):
        self.victim.kill()
        self.victim.wait(10)
        for listener in self.listeners.values():
            listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def leftovers(job, folder):
    """What of a job is still on the host after its end."""
    wrong = []
    tree = pathlib.Path("/sys/fs/cgroup")
    for hierarchy in (tree, *tree.iterdir()):
        if (hierarchy / "labhub" / job).exists():
            wrong.append(f"the control group {hierarchy}/labhub/{job} is left")
    mark = f"EXPERIMENT_ID={job}".encode()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes():
                wrong.append(f"process {process.name} is left: {(process / 'cmdline').read_bytes()!r}")
    if str(folder) in pathlib.Path("/proc/mounts").read_text():
        wrong.append("a mount is left")
    for backing in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if str(folder) in backing.read_text():
                wrong.append(f"{backing.parts[3]} is left")
    if (folder / "sandbox").exists():
        wrong.append("the sandbox's folder is left")
    return wrong
