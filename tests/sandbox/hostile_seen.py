"""One hostile program's end as the host saw it, and the checks that a program's header may name."""
import dataclasses
import pathlib


@dataclasses.dataclass
class Seen:
    """One program's end, as the host saw it. Each method below is a check that a header may name; it gives the trouble."""
    program: object  # hostile_lab.Program
    folder: pathlib.Path
    ended: str  # completed, failed REASON, timed_out
    exit_code: int
    peak: int
    cpu_ms: int
    took: float
    out: bytes
    err: bytes
    sandbox: str = None  # its name, where it is known
    zipped: dict = None
    slowest: float = 0  # of the hub's answers meanwhile, in seconds
    driven: set = dataclasses.field(default_factory=set)  # nodes whose outputs are no longer at rest

    def peak_within_memory(self, slack="8"):
        most = self.program.limits["memory_bytes"] + (int(slack) << 20)
        return None if self.peak <= most else f"{self.peak} bytes of memory were used, {most} allowed"

    def ended_within(self, seconds):
        return None if self.took <= float(seconds) else f"it took {self.took:.1f} s"

    def cpu_within(self, milliseconds):
        return None if self.cpu_ms <= int(milliseconds) else f"{self.cpu_ms} ms of processor time were used"

    def log_within_limit(self):
        most = self.program.limits["log_bytes"] + 500
        return None if len(self.out) <= most and len(self.err) <= most + 500 else f"logs of {len(self.out)} and {len(self.err)} bytes"

    def log_holds(self, words):
        text = words.replace("_", " ")
        return None if text.encode() in self.out + self.err else f"'{text}' is not in the logs"

    def log_begins_and_ends(self, begin, end):
        lines = self.out.strip().splitlines()
        return None if lines[0].startswith(begin.encode()) and lines[-1].endswith(end.encode()) else f"{lines[0][:80]} … {lines[-1][-80:]}"

    def output_within_limit(self):
        used = sum(f.lstat().st_blocks * 512 for f in (self.folder / "output").rglob("*"))
        files = sum(1 for _ in (self.folder / "output").rglob("*"))
        limits = self.program.limits
        # The image's own rounding: a quarter and 2 MiB are given freely, never a multiple.
        too_much = used > limits["output_bytes"] * 1.25 + (2 << 20) or files > limits["output_files"]
        return f"{used} bytes in {files} files were kept" if too_much else None

    def output_holds(self, *names):
        missing = [name for name in names if not (self.folder / "output" / name).is_file()]
        return f"not in the outputs: {missing}" if missing else None

    def output_is_plain(self):
        """Nothing but files and folders, nobody's privileges, nothing from outside."""
        for found in (self.folder / "output").rglob("*"):
            facts = found.lstat()
            if not (found.is_dir() or found.is_file()) or found.is_symlink() or facts.st_mode & 0o7000 or (found.is_file() and facts.st_nlink != 1):
                return f"{found.name!r} is kept as {facts.st_mode:o} with {facts.st_nlink} links"
        return None

    def no_core_file(self):
        found = [f.name for f in (self.folder / "output").rglob("*") if f.name.startswith("core")]
        return f"a core dump was kept: {found}" if found else None

    def hub_answered(self, seconds="2"):
        return None if self.slowest <= float(seconds) else f"the hub took {self.slowest:.1f} s to answer"

    def untouched(self, node):
        return f"{node} was driven" if node in self.driven else None

    def zip_is_plain(self):
        for name in self.zipped:
            if name.startswith("/") or ".." in name.split("/") or "\0" in name:
                return f"results.zip holds {name!r}"
        return None

    def zip_holds(self, *names):
        missing = [name for name in names if f"output/{name}" not in self.zipped]
        return f"not in results.zip: {missing}" if missing else None

    def zip_lacks(self, *names):
        there = [name for name in names if any(f"output/{name}" == kept or kept.startswith(f"output/{name}/") for kept in self.zipped)]
        return f"in results.zip: {there}" if there else None
