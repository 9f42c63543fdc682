"""A machine with a real systemd as its first process, booted by systemd-nspawn in about a second: the programs, units and
rules of an installation run in it as they would on a lab's hub.

Its root is made anew each time and holds what a Debian host has below /etc as far as the programs need it. /usr is this
host's own with an installation of labhub laid over it (`cmake --install`), so what scripts/setup installs is what the
machine has, and nothing is downloaded. The container is undone where nspawn makes it less than a machine: control
groups writable, /proc whole, loop devices there. Everything it needs of the kernel (namespaces, its control groups)
goes with it.
"""
import concurrent.futures
import ctypes
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LABHUB_BIN", ROOT / "build/dev/bin"))
CGROUPS = pathlib.Path("/sys/fs/cgroup")
BOOT_LIMIT_S = 60
CLONE_NEWNET = 0x40000000
OF_ETC = ["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "pam.d", "nsswitch.conf", "mke2fs.conf", "dbus-1", "polkit-1",
          "login.defs", "localtime", "python3", "python3.11", "mime.types", "fonts", "ssl", "apt"]
AS_ON_METAL = """#!/bin/sh
# Undoes what a container has less than a machine.
for controller in /sys/fs/cgroup /sys/fs/cgroup/*/; do mount -o remount,bind,rw "$controller"; done 2>/dev/null
while grep -q ' /proc/' /proc/self/mounts; do
    grep -o ' /proc/[^ ]*' /proc/self/mounts | while read -r over; do umount -l "$over" 2>/dev/null; done
done
mknod /dev/loop-control c 10 237
for number in $(seq 0 63); do mknod "/dev/loop$number" b 7 "$number"; done
ip link set lo up
exit 0
"""


def why_not_here():
    """Empty when such a machine can be booted here."""
    if os.geteuid() != 0:
        return "booting a machine with systemd-nspawn needs root"
    if not shutil.which("systemd-nspawn"):
        return "systemd-nspawn is not installed (package systemd-container)"
    if not pathlib.Path("/usr/lib/polkit-1/polkitd").exists():
        return "polkitd is not installed"
    if not pathlib.Path("/bin").is_symlink():
        return "/bin is no part of /usr here, and the machine has this host's /usr"
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "overlay", "overlay", "-o", "lowerdir=/usr:/etc", "/mnt"], capture_output=True, text=True)
    return f"no overlay can be mounted here: {probe.stderr.strip()}" if probe.returncode else ""


def wait_for(what, check, limit=60.0):
    until = time.monotonic() + limit
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {limit:g} s: {what}")
        time.sleep(0.05)


class Refused(Exception):
    def __init__(self, status, error):
        super().__init__(f"{status} {error}")
        self.code = error.get("error", {}).get("code")
        self.message = error.get("error", {}).get("message", "") + error.get("error", {}).get("detail", "")


class Machine:
    """`with Machine() as machine:` has booted when it begins. `run` runs a program in it, `request` asks its hub."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="labhub-machine-"))
        self.root, self.stage = self.folder / "root", self.folder / "stage"
        self.name = self.folder.name
        self.nspawn, self.pid, self.token, self.caller = None, 0, None, None

    # --- made and booted ---------------------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self._install()
            self._make_root()
            self.prepare()
            self._boot()
        except BaseException:
            print(self.console())
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.nspawn:
            self.nspawn.send_signal(signal.SIGTERM)
            try:
                self.nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        if self.caller:
            self.caller.shutdown()
        self._remove_cgroups()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self):
        """What a test wants in the machine's root before it boots."""

    def _install(self):
        environment = dict(os.environ, DESTDIR=str(self.stage))
        done = subprocess.run(["cmake", "--install", BIN.parent, "--prefix", "/usr"], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"the installation failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _make_root(self):
        for folder in ["usr/lib", "etc/systemd/system", "etc/labhub", "var", "run", "tmp", "proc", "sys", "dev", "root", "home", "mnt", "opt", "srv"]:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        # nspawn looks for it before it mounts anything.
        shutil.copy("/usr/lib/os-release", self.root / "usr/lib/os-release")
        for link in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]:
            if pathlib.Path("/usr", link).exists():
                (self.root / link).symlink_to(f"usr/{link}")
        for name in OF_ETC:
            if pathlib.Path("/etc", name).exists():
                subprocess.run(["cp", "-a", f"/etc/{name}", self.root / "etc"], check=True)
        for name in ["passwd", "group"]:
            lines = pathlib.Path("/etc", name).read_text().splitlines()
            system = [line for line in lines if int(line.split(":")[2]) < 1000 or int(line.split(":")[2]) >= 65534]
            self.write(f"etc/{name}", "\n".join(line for line in system if not line.startswith("labhub:")) + "\n")
        self.write("etc/shadow", "root:*:19000::::::\n", 0o600)
        self.write("etc/machine-id", os.urandom(16).hex() + "\n")
        self.write("etc/fstab", "")
        self.write("etc/as-on-metal", AS_ON_METAL, 0o755)
        self.unit("as-on-metal.service", """[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/etc/as-on-metal
[Install]
WantedBy=sysinit.target
""", "sysinit.target")
        (self.root / "etc/systemd/system/default.target").symlink_to("/lib/systemd/system/multi-user.target")
        for masked in ["console-getty.service", "getty.target", "systemd-logind.service", "systemd-tmpfiles-clean.timer", "apt-daily.timer",
                       "apt-daily-upgrade.timer", "man-db.timer", "dpkg-db-backup.timer"]:
            (self.root / "etc/systemd/system" / masked).symlink_to("/dev/null")

    def _boot(self):
        join = 'for group in "$@"; do echo $$ > "$group/cgroup.procs" || exit 1; done'
        command = ["systemd-nspawn", "-D", self.root, "--boot", "--register=no", "--keep-unit", "--private-network", f"--machine={self.name[-20:].replace('_', '-')}",
                   "--link-journal=no", "--console=read-only", "--system-call-filter=@keyring bpf", f"--overlay-ro=/usr:{self.stage}/usr:/usr"]
        groups = self._make_cgroups()
        words = " ".join(f"'{word}'" for word in command)
        log = open(self.folder / "console.log", "wb")
        self.nspawn = subprocess.Popen(["sh", "-c", f"{join}; exec {words}", "sh", *map(str, groups)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        log.close()
        self.pid = wait_for("the machine's first process", self._first_process, BOOT_LIMIT_S)
        wait_for("the machine's boot", self._has_booted, BOOT_LIMIT_S)
        self.caller = concurrent.futures.ThreadPoolExecutor(1, initializer=self._enter_network)

    def _make_cgroups(self):
        """Its own in every hierarchy, which becomes the root of all that it sees."""
        unified = (CGROUPS / "cgroup.controllers").exists()
        groups = [CGROUPS / self.name] if unified else [h / self.name for h in CGROUPS.iterdir() if (h / "cgroup.procs").exists() and not h.is_symlink()]
        for group in groups:
            group.mkdir(exist_ok=True)
            for needed in ["cpuset.cpus", "cpuset.mems"]:
                if (group / needed).exists() and not unified:
                    (group / needed).write_text((group.parent / needed).read_text())
        return groups

    def _remove_cgroups(self):
        for top in [CGROUPS / self.name, *CGROUPS.glob(f"*/{self.name}")]:
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass

    def _first_process(self):
        if self.nspawn.poll() is not None:
            raise AssertionError("systemd-nspawn has ended")
        for child in pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split():
            status = pathlib.Path(f"/proc/{child}/status")
            # The first of its namespace: nspawn has others on the way.
            if status.exists() and re.search(r"^NSpid:.*\t1$", status.read_text(), re.MULTILINE):
                return int(child)
        return 0

    def _has_booted(self):
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        if state in ("degraded", "maintenance"):
            raise AssertionError(self.run("systemctl", "--failed", "--no-pager", check=False).stdout)
        return state == "running"

    # --- in it -------------------------------------------------------------------------------------------------------

    def write(self, path, text, mode=0o644):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def unit(self, name, text, wanted_by="multi-user.target"):
        self.write(f"etc/systemd/system/{name}", text)
        wants = self.root / f"etc/systemd/system/{wanted_by}.wants"
        wants.mkdir(exist_ok=True)
        (wants / name).symlink_to(f"/etc/systemd/system/{name}")

    def run(self, *command, user=None, check=True, limit=60):
        """Runs a program in the machine, as root or as `user` (with that user's groups and no rights)."""
        words = [str(word) for word in command]
        if user:
            words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--bounding-set=-all", "--inh-caps=-all", "env", "-i",
                     "PATH=/usr/bin:/usr/sbin", *words]
        done = subprocess.run(["nsenter", "-t", str(self.pid), "-a", *words], capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
                              timeout=limit)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def shell(self, script, **options):
        return self.run("sh", "-c", script, **options).stdout

    def properties(self, unit, *names):
        shown = self.run("systemctl", "show", unit, *[f"--property={name}" for name in names]).stdout
        return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)

    def console(self):
        log = self.folder / "console.log"
        return re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))[-4000:] if log.exists() else ""

    def journal(self, *units):
        chosen = [word for unit in units for word in ("-u", unit)]
        return self.run("journalctl", "--no-pager", "-o", "cat", "-n", "60", *chosen, check=False).stdout

    # --- asking its hub ----------------------------------------------------------------------------------------------

    def _enter_network(self):
        """The one thread that talks to the hub is in the machine's network; this process is not."""
        handle = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(handle)

    def request(self, verb, path, body=None):
        return self.caller.submit(self._request, verb, path, body).result()

    def _request(self, verb, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", 8700, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(verb, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            payload = reply.read()
            if reply.status >= 400:
                raise Refused(reply.status, json.loads(payload))
            return json.loads(payload) if "json" in reply.getheader("Content-Type", "") else payload
        finally:
            connection.close()
