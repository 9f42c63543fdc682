"""A kernel with version 2 of control groups and no other, on any host: Debian's cloud kernel in QEMU, in software, with
this host's own root as its root (by virtiofs, read-only, under a layer in memory). Boots in some seconds; nothing of the
host's is changed.

    print(Guest("build/guest").run("cat /sys/fs/cgroup/cgroup.controllers").text)
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = "linux-image-cloud-amd64"
VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
MODULES = ["drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci_legacy_dev",
           "drivers/virtio/virtio_pci", "fs/fuse/fuse", "fs/fuse/virtiofs", "fs/overlayfs/overlay", "drivers/block/loop"]
MEMORY = "3G"
# In a mount namespace of its own: the share is the host's root with the script laid into it.
AROUND = """set -e
mount --make-rprivate /
mount --bind / "$FOLDER/share"
mount -t tmpfs tmpfs "$FOLDER/share/srv"
cp "$FOLDER/script" "$FOLDER/share/srv/run"
"$VIRTIOFSD" --socket-path="$FOLDER/socket" -o source="$FOLDER/share" -o sandbox=chroot -o cache=auto -o xattr >"$FOLDER/virtiofsd.log" 2>&1 &
while [ ! -S "$FOLDER/socket" ]; do kill -0 $!; sleep 0.05; done
exec timeout "$LIMIT" "$@" </dev/null
"""


def why_not_here():
    if os.geteuid() != 0:
        return "serving the host's root to a guest needs root"
    if os.uname().machine != "x86_64":
        return "the guest's kernel is for x86-64"
    if not shutil.which("qemu-system-x86_64"):
        return "QEMU is not installed (package qemu-system-x86)"
    if not any(os.access(path, os.X_OK) for path in VIRTIOFSD):
        return "virtiofsd is not installed (package qemu-system-common)"
    return ""


@dataclass
class Ended:
    status: int
    text: str


class Guest:
    """`cache` keeps the kernel, which is fetched with apt but not installed, and the initial file system."""

    def __init__(self, cache):
        self.cache = pathlib.Path(cache)
        self.cache.mkdir(parents=True, exist_ok=True)

    def kernel(self):
        """The folder that a kernel package was unpacked to; fetched when it isn't there. Raises OSError without a network."""
        unpacked = self.cache / "kernel"
        if unpacked.exists():
            return unpacked
        shown = subprocess.run(["apt-cache", "depends", PACKAGE], capture_output=True, text=True).stdout
        version = re.search(r"Depends: (linux-image-\S+)", shown)
        if not version:
            raise OSError(f"apt knows no {PACKAGE}")
        with tempfile.TemporaryDirectory(dir=self.cache) as folder:
            fetched = subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", version[1]], cwd=folder, capture_output=True, text=True)
            debs = list(pathlib.Path(folder).glob("*.deb"))
            if fetched.returncode or not debs:
                raise OSError(f"{version[1]} can't be fetched: {fetched.stderr.strip()[-500:]}")
            subprocess.run(["dpkg-deb", "-x", debs[0], f"{folder}/root"], check=True)
            pathlib.Path(folder, "root").rename(unpacked)
        return unpacked

    def initial(self, kernel):
        """The first file system: our init and the modules it needs, as a cpio archive."""
        files = {}
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["gcc", "-static", "-O1", "-Wall", "-o", f"{folder}/init", HERE / "guest/init.c"], check=True)
            files["init"] = pathlib.Path(folder, "init").read_bytes()
        base = next((kernel / "lib/modules").iterdir()) / "kernel"
        for module in MODULES:
            files[module.rsplit("/", 1)[1] + ".ko"] = (base / f"{module}.ko").read_bytes()
        files["modules"] = "".join(f"/{module.rsplit('/', 1)[1]}.ko\n" for module in MODULES).encode()
        archive = self.cache / "initial"
        archive.write_bytes(b"".join(cpio_entry(name, data) for name, data in files.items()) + cpio_entry("TRAILER!!!", b""))
        return archive

    def run(self, script, limit_s=600):
        """Boots, runs the shell script in it, and tells how that ended; -1 when the machine never got there."""
        kernel = self.kernel()
        image = next((kernel / "boot").glob("vmlinuz-*"))
        with tempfile.TemporaryDirectory(prefix="labhub-guest-") as folder:
            pathlib.Path(folder, "script").write_text(script)
            pathlib.Path(folder, "share").mkdir()
            qemu = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", MEMORY,
                    "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on", "-numa", "node,memdev=memory",
                    "-chardev", f"socket,id=host,path={folder}/socket", "-device", "vhost-user-fs-pci,chardev=host,tag=host", "-nic", "none",
                    "-kernel", image, "-initrd", self.initial(kernel), "-append", "console=ttyS0 quiet panic=-1 mitigations=off", "-nographic", "-no-reboot", "-monitor", "none"]
            environment = dict(os.environ, FOLDER=folder, LIMIT=str(limit_s), VIRTIOFSD=next(path for path in VIRTIOFSD if os.access(path, os.X_OK)))
            done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", AROUND, "bash", *map(str, qemu)], env=environment, capture_output=True,
                                  text=True, errors="replace")
        text = done.stdout.split("guest: begins\n", 1)[-1].replace("\r", "")
        status = re.search(r"^guest: status (\d+)$", text, re.MULTILINE)
        return Ended(int(status[1]) if status else -1, text + done.stderr)


def cpio_entry(name, data):
    """In the `newc` form, which the kernel reads."""
    path = name.encode() + b"\0"
    fields = (1, 0o100755, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
