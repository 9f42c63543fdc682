"""Reads the include graph of the tree and fails on an edge that docs/architecture.md, "Folders", forbids."""
import os
import pathlib
import re
import unittest
from dataclasses import dataclass

ROOT = pathlib.Path(os.environ.get("LABHUB_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
SOURCE_FOLDERS = ("shared", "firmware-bridge", "agent", "coordinator")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
ADAPTERS = ("config", "http", "mqtt", "sparkplug", "sqlite", "ssh")


@dataclass(frozen=True)
class Rule:
    """Files under `room` include nothing under `forbidden`, but for what is under `allowed`."""
    room: str
    forbidden: tuple
    reason: str
    allowed: tuple = ()


RULES = [
    Rule("shared/", ("agent/", "coordinator/", "firmware-bridge/"),
         "shared holds mechanism only; what knows a program's policy belongs to that program"),
    Rule("shared/base/", ("shared/",), "base is below everything", allowed=("shared/base/",)),
    Rule("shared/alarm/", ("shared/",), "alarms are decided by value and time alone", allowed=("shared/base/", "shared/alarm/")),
    Rule("shared/runtime/", ("shared/",), "runtime stands on base alone", allowed=("shared/base/", "shared/runtime/")),
    *(Rule(f"shared/{room}/", tuple(f"shared/{other}/" for other in ADAPTERS if other != room),
           "adapters stand beside each other: one that needs another is two rooms in one") for room in ADAPTERS),
    Rule("firmware-bridge/", ("agent/", "coordinator/", "shared/mqtt/", "shared/ssh/", "shared/http/", "shared/sqlite/",
                              "shared/sparkplug/"),
         "the bridge knows the wire to the hardware and nothing of who asks"),
    Rule("agent/", ("coordinator/",), "agent and coordinator meet on the wire only"),
    Rule("coordinator/", ("agent/", "firmware-bridge/"), "agent and coordinator meet on the wire only"),
    Rule("coordinator/domain/", ("coordinator/api/", "coordinator/loops/", "coordinator/daemon/",
                                 "shared/http/", "shared/sqlite/"),
         "the rules of the lab know no HTTP and no SQL, so that they can be tested and kept when those change"),
    Rule("coordinator/store/", ("coordinator/api/", "coordinator/loops/", "coordinator/daemon/", "shared/http/", "shared/mqtt/",
                                "shared/ssh/"),
         "a store keeps what it is given; it calls nobody"),
    Rule("coordinator/api/", ("coordinator/loops/", "coordinator/daemon/", "shared/sqlite/", "shared/mqtt/", "shared/ssh/"),
         "a route decodes, calls the domain and encodes, nothing more"),
    Rule("coordinator/notify/", ("coordinator/api/", "coordinator/loops/", "coordinator/daemon/", "shared/http/", "shared/mqtt/", "shared/ssh/"),
         "it carries what the outbox holds and knows nobody else"),
    Rule("coordinator/images/", ("coordinator/api/", "coordinator/domain/", "coordinator/store/", "coordinator/loops/",
                                 "coordinator/daemon/", "coordinator/runner/", "shared/http/", "shared/sqlite/"),
         "images are files and programs: who may use which is the domain's"),
    *(Rule(f"coordinator/{room}/", ("coordinator/dry_run/",), "a dry run is made of the hub's parts; only the daemon makes one")
      for room in ("api", "domain", "store", "loops", "link", "runner", "notify", "ingest", "mirror")),
    Rule("coordinator/dry_run/", ("coordinator/daemon/", "coordinator/loops/", "coordinator/mirror/", "coordinator/cli/"),
         "a hub in miniature has no part of the real one"),
    Rule("coordinator/loops/", ("coordinator/api/", "shared/http/"), "a reconciler drives the domain and serves nobody"),
    Rule("coordinator/broker/", ("coordinator/domain/", "coordinator/api/", "coordinator/store/", "coordinator/daemon/"),
         "the broker's own affairs: a connection to it and its configuration, whatever is said over it"),
    Rule("coordinator/mirror/", ("coordinator/api/", "coordinator/store/", "coordinator/daemon/", "shared/http/", "shared/sqlite/"),
         "the mirror is a second face of the domain, beside the REST API"),
    Rule("coordinator/cli/", ("coordinator/",), "the command line is a client like any other: it knows the REST API alone",
         allowed=("coordinator/cli/",)),
    Rule("coordinator/runner/", ("coordinator/api/", "coordinator/domain/", "coordinator/store/", "coordinator/loops/",
                                 "coordinator/daemon/"),
         "the runner outlives the coordinator: what they share is the job's specification and the job socket"),
]


@dataclass(frozen=True)
class Wall:
    """Headers of a library that only one folder may include."""
    header: str
    room: str
    reason: str


WALLS = [
    Wall(r"boost/beast", "shared/http/", "a Beast unit costs half a minute; our own request and response types stand in front"),
    Wall(r"mosquitto\.h", "shared/mqtt/", "one place knows libmosquitto's callbacks and reconnect traps"),
    Wall(r"libssh/", "shared/ssh/", "one place knows libssh's re-entrant callbacks"),
    Wall(r"(zstd|xxhash)\.h", "coordinator/store/telemetry/", "one place packs readings and proves them sound"),
    Wall(r"sqlite3\.h", "shared/sqlite/", "one place knows statements, locks and result codes"),
    Wall(r"openssl/", "shared/base/", "one place computes checksums"),
    Wall(r"curl/", "coordinator/notify/", "one place knows libcurl's options and threads"),
    Wall(r"toml\+\+", "shared/config/", "options are described in a table, not read from a tree"),
    Wall(r"CLI/", "", "only programs have a command line"),
    Wall(r"zlib\.h", "coordinator/ingest/", "one place unpacks what strangers send, within a bound"),
    Wall(r"systemd/", "coordinator/runner/", "one place knows libsystemd's bus and its callbacks"),
    Wall(r"termios\.h", "firmware-bridge/", "the only place that knows a wire to hardware"),
]
# A program reads its own command line; the simulator and the terminal client are programs too.
COMMAND_LINES = re.compile(r"(^|/)(cli|sim)/|(^|/)main(\.cpp|/)|(^|/)runner_main\.cpp$|/main_\w+\.cpp$")


def sources():
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".hpp", ".cpp", ".h", ".c"):
                yield path.relative_to(ROOT).as_posix(), path


def edges():
    """(including file, line, included header, whether in quotes)"""
    for name, path in sources():
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            yield name, text.count("\n", 0, match.start()) + 1, match.group(2), match.group(1) == '"'


def broken_rules(name, header):
    return [rule for rule in RULES if name.startswith(rule.room) and header.startswith(rule.forbidden)
            and not header.startswith(rule.allowed or ("\0",))]


class Layers(unittest.TestCase):
    def test_every_include_goes_the_way_the_architecture_allows(self):
        wrong = [f"{name}:{line}: includes {header}: {rule.reason}"
                 for name, line, header, in_quotes in edges() if in_quotes for rule in broken_rules(name, header)]
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_each_library_from_outside_is_included_in_its_one_room(self):
        wrong = []
        for name, line, header, _ in edges():
            for wall in WALLS:
                if not re.match(wall.header, header):
                    continue
                is_home = name.startswith(wall.room) if wall.room else COMMAND_LINES.search(name)
                if not is_home:
                    wrong.append(f"{name}:{line}: includes <{header}>: {wall.reason}")
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_own_headers_are_included_from_the_root_and_exist(self):
        wrong = []
        generated = re.compile(r"\.pb\.h$|/migrations\.hpp$")
        for name, line, header, in_quotes in edges():
            if in_quotes and not generated.search(header) and not header.startswith("pb") and not (ROOT / header).is_file():
                wrong.append(f'{name}:{line}: includes "{header}", which is no path from the root of the tree')
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_every_source_is_built(self):
        """A .cpp or .c that no CMakeLists.txt above it names is dead, and its tests test nothing."""
        wrong = []
        for name, path in sources():
            if path.suffix not in (".cpp", ".c"):
                continue
            folder = path.parent
            while folder != ROOT.parent:
                lists = folder / "CMakeLists.txt"
                listed = path.relative_to(folder).as_posix()
                if lists.is_file() and re.search(r"(?<![\w/])" + re.escape(listed) + r"(?![\w])", lists.read_text()):
                    break
                folder = folder.parent
            else:
                wrong.append(f"{name}: no CMakeLists.txt names it")
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_rules_catch_what_they_forbid(self):
        """Guards the guard: a forbidden edge for each rule is seen as one."""
        for rule in RULES:
            with self.subTest(rule.room):
                header = next(f for f in rule.forbidden if not f.startswith(rule.allowed or ("\0",)) or rule.allowed)
                self.assertIn(rule, broken_rules(rule.room + "x.cpp", header + "nothing/y.hpp"))


if __name__ == "__main__":
    unittest.main()
