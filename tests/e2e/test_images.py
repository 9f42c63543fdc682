"""Images on a whole lab: built by the real mmdebstrap, imported by skopeo and umoci, run by the real OCI runtime."""
import os
import pathlib
import shutil
import subprocess
import unittest

from lab import BIN, Lab, Refused, wait_for

# Python alone, so that a build takes seconds.
TINY = """
name = "tiny"
packages = ["python3-minimal", "python3-requests"]
leave_out = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/lib/x86_64-linux-gnu/perl-base"]
"""
LOOK = """
import os, sys, json, labhub
print("python", sys.version_info[0], sys.executable, flush=True)
print("packages", "numpy" in sys.modules, os.path.exists("/usr/lib/python3/dist-packages/numpy"))
print("host", sorted(set(os.listdir("/")) - {"bin", "sbin", "lib", "lib64", "lib32", "libx32"}))
print("hub", labhub.vessel().name)
for path in ("/usr/mine", "/etc/mine", "/mine"):
    try:
        open(path, "w")
        print("wrote", path)
    except OSError as error:
        print("refused", path)
print("setuid", [f for f in os.listdir("/usr/bin") if os.path.isfile("/usr/bin/" + f) and os.stat("/usr/bin/" + f).st_mode & 0o6000])
"""


class ImageLab(Lab):
    def _configure(self):
        super()._configure()
        declared = self.folder / "declared/tiny"
        declared.mkdir(parents=True)
        (declared / "image.toml").write_text(TINY)
        with open(self.folder / "coordinator.toml", "a") as file:
            file.write(f'[images]\ndeclarations = "{self.folder}/declared"\n')

    def make(self, name, how, body=None, limit=300):
        self.request("POST", f"/api/images/{name}/{how}", body or {})
        return wait_for(f"image {name}", lambda: (w := self.request("GET", "/api/images")["work"])["state"] != "running" and w, limit)

    def image(self, name, query=""):
        return self.request("GET", f"/api/images/{name}{query}")

    def root(self, name):
        return self.folder / "data/images/sha256" / self.image(name)["image"]["digest"] / "root"


def why_no_build():
    if os.geteuid() != 0:
        return "building an image needs root"
    if not shutil.which("mmdebstrap"):
        return "mmdebstrap is not installed"
    return None


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if why := why_no_build():
            raise unittest.SkipTest(why)
        cls.lab = ImageLab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)
        work = cls.lab.make("tiny", "build")
        if work["state"] != "done" and any(word in work["error"] for word in ("Unable to fetch", "Failed to fetch", "Could not", "no package source")):
            raise unittest.SkipTest(f"no package archive can be reached: {work['error']}")
        if work["state"] != "done":
            raise AssertionError(work)

    def refusal(self, *arguments, **named):
        with self.assertRaises(Refused) as caught:
            self.lab.submit(*arguments, **named)
        return caught.exception

    def run_to_end(self, script, **config):
        job = self.lab.submit(script, **config)
        return self.lab.wait_end(job), self.lab.results(job)

    def test_script_runs_in_the_image_and_finds_nothing_of_the_host(self):
        ended, files = self.run_to_end(LOOK, image="tiny")
        out = files["stdout.txt"].decode()
        self.assertEqual(ended["status"], "completed", files["stderr.txt"].decode())
        self.assertEqual(ended["image"], "tiny")
        self.assertEqual(len(ended["image_digest"]), 64)
        self.assertIn("python 3 /usr/bin/python3", out)
        self.assertIn("packages False False", out)
        self.assertIn("setuid []", out)
        self.assertIn("hub sim-1/vessel", out)
        self.assertNotIn("wrote", out)
        self.assertIn("host ['app', 'dev', 'etc', 'opt', 'proc', 'run', 'tmp', 'usr', 'var']", out)

    def test_image_has_no_pip_and_no_setuid_file(self):
        shown = self.lab.image("tiny")
        self.assertNotIn("pip", shown["modules"])
        self.assertIn("requests", shown["modules"])
        self.assertIn("labhub", shown["modules"])
        self.assertTrue(any(p.startswith("python3-requests ") for p in shown["packages"]), shown["packages"])
        privileged = [p for p in self.lab.root("tiny").rglob("*") if not p.is_symlink() and p.stat().st_mode & 0o6000]
        self.assertEqual(privileged, [])

    def test_script_that_imports_what_the_image_has_not_is_refused_with_its_line(self):
        refused = self.refusal("import os\nimport numpy\n", image="tiny")
        self.assertEqual(refused.code, "malformed")
        self.assertEqual(refused.message, "line 2: the image 'tiny' has no module 'numpy'")
        self.assertIn("requests", refused.detail)
        refused = self.refusal("import reqests\n", image="tiny")
        self.assertTrue(refused.detail.startswith("closest: requests"), refused.detail)
        self.assertIn("syntax error: line 1", self.refusal("if x\n", image="tiny").message)
        ended, files = self.run_to_end("try:\n    import numpy\nexcept ImportError:\n    print('without')\n", image="tiny")
        self.assertEqual(files["stdout.txt"].decode(), "without\n")

    def test_unknown_image_is_refused_with_those_there_are(self):
        refused = self.refusal("x = 1\n", image="nowhere")
        self.assertEqual(refused.code, "not_found")
        self.assertIn("host", refused.detail)

    def test_image_for_others_is_refused(self):
        self.lab.request("POST", "/api/images/tiny/roles", {"roles": ["staff"]})
        self.addCleanup(self.lab.request, "POST", "/api/images/tiny/roles", {"roles": []})
        self.assertEqual(self.refusal("x = 1\n", image="tiny").code, "forbidden")

    def test_damage_is_found_before_a_script_meets_it_and_mended_by_another_build(self):
        victim = self.lab.root("tiny") / "usr/lib/python3/dist-packages/requests/api.py"
        good = victim.read_bytes()
        victim.chmod(0o644)
        victim.write_bytes(b"#" + good[1:])
        victim.chmod(0o444)
        job = self.lab.submit("import requests\n", image="tiny")
        ended = self.lab.wait_end(job)
        self.assertEqual((ended["status"], ended["reason"]), ("failed", "sandbox_failed"))
        self.assertIn("requests/api.py has other contents", ended["message"])
        self.assertIn("api.py", self.lab.image("tiny", "?verify=true")["image"]["damage"])
        self.assertEqual(self.refusal("x = 1\n", image="tiny").code, "corrupt")
        before = self.lab.image("tiny")["image"]["digest"]
        work = self.lab.make("tiny", "build")
        self.assertEqual((work["state"], work["digest"]), ("done", before), "the same packages are the same image")
        self.assertTrue(self.lab.image("tiny", "?verify=true")["verified"])
        self.assertEqual(self.run_to_end("import requests\n", image="tiny")[0]["status"], "completed")

    def test_build_is_cancelled_and_leaves_nothing(self):
        self.lab.request("POST", "/api/images/tiny/build", {})
        with self.assertRaises(Refused) as again:
            self.lab.request("POST", "/api/images/tiny/build", {})
        self.assertEqual(again.exception.code, "conflict")
        self.lab.request("POST", "/api/images/tiny/cancel", {})
        work = wait_for("the end", lambda: (w := self.lab.request("GET", "/api/images")["work"])["state"] != "running" and w)
        self.assertEqual(work["state"], "cancelled")
        left = self.lab.folder / "data/images/new"
        wait_for("an empty folder", lambda: not left.exists() or not any(left.iterdir()))
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        self.assertNotIn(str(self.lab.folder / "data/images"), mounts)

    def test_waiting_sandbox_and_default_image_go_together(self):
        answer = self.lab.request("GET", "/api/images")["images"]
        self.assertEqual([i["name"] for i in answer if i["is_default"]], ["host"])
        ended, files = self.run_to_end("import sys\nprint(sys.executable)\n")
        self.assertEqual((ended["image"], ended["image_digest"]), ("host", ""))

    def layout(self):
        """The tiny image as an OCI layout, as a lab might bring its own."""
        if not shutil.which("skopeo") or not shutil.which("umoci"):
            self.skipTest("skopeo or umoci is not installed")
        work = self.lab.folder / self.id().rsplit(".", 1)[1]
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["umoci", "init", "--layout", work / "layout"], **quiet)
        subprocess.run(["umoci", "new", "--image", f"{work}/layout:mine"], **quiet)
        subprocess.run(["umoci", "unpack", "--image", f"{work}/layout:mine", work / "bundle"], **quiet)
        shutil.copytree(self.lab.root("tiny"), work / "bundle/rootfs", symlinks=True, dirs_exist_ok=True)
        (work / "bundle/rootfs/opt/lab").mkdir(parents=True)
        (work / "bundle/rootfs/opt/lab/marker").write_text("ours")
        (work / "bundle/rootfs/usr/bin/su").write_text("x")
        (work / "bundle/rootfs/usr/bin/su").chmod(0o6755)
        subprocess.run(["umoci", "repack", "--image", f"{work}/layout:mine", work / "bundle"], **quiet)
        return work

    def test_oci_layout_and_archives_are_imported(self):
        work = self.layout()
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["skopeo", "--insecure-policy", "copy", f"oci:{work}/layout:mine", f"oci-archive:{work}/oci.tar"], **quiet)
        subprocess.run(["skopeo", "--insecure-policy", "copy", f"oci:{work}/layout:mine", f"docker-archive:{work}/docker.tar:mine:1"], **quiet)
        digests = set()
        for name, source in (("folder", "layout"), ("oci", "oci.tar"), ("docker", "docker.tar")):
            made = self.lab.make(name, "import", {"path": str(work / source)})
            self.assertEqual(made["state"], "done", made)
            digests.add(made["digest"])
        self.assertEqual(len(digests), 1, "the same files are the same image")
        ended, files = self.run_to_end("import os\nprint(open('/opt/lab/marker').read(), oct(os.stat('/usr/bin/su').st_mode))\n", image="docker")
        self.assertEqual(files["stdout.txt"].decode(), "ours 0o100555\n", files["stderr.txt"].decode())
        self.lab.request("DELETE", "/api/images/folder")
        self.assertTrue(self.lab.root("oci").exists())

    def test_what_is_no_image_is_refused(self):
        path = self.lab.folder / "coordinator.toml"
        made = self.lab.make("bad", "import", {"path": str(path)})
        self.assertEqual(made["state"], "failed")
        self.assertIn("is no image", made["error"])
        self.assertIn("is no", self.lab.make("bad", "import", {"path": "/nowhere/x.tar"})["error"].replace("there is no", "is no"))

    def test_image_named_by_a_running_experiment_stays(self):
        job = self.lab.submit("import time\nprint('up', flush=True)\ntime.sleep(600)\n", image="tiny")
        self.addCleanup(self.lab.wait_end, job)
        self.addCleanup(self.lab.request, "POST", f"/api/experiments/{job}/stop", {})
        self.lab.wait_log(job, "up")
        with self.assertRaises(Refused) as refused:
            self.lab.request("DELETE", "/api/images/tiny")
        self.assertEqual(refused.exception.code, "conflict")
        self.assertIn(job, refused.exception.detail)

    def test_command_line_shows_and_uses_images(self):
        environment = dict(os.environ, LABHUB_URL=f"http://127.0.0.1:{self.lab.port}", LABHUB_TOKEN=self.lab.token)
        run = lambda *words: subprocess.run([BIN / "labhub", *words], env=environment, capture_output=True, text=True, timeout=120)
        self.assertIn("tiny", run("images", "list").stdout)
        shown = run("images", "show", "tiny", "--verify")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("every file is as it was made", shown.stderr)
        script = self.lab.folder / "cli.py"
        script.write_text("import sys\nprint(sys.version_info[0])\n")
        ran = run("run", str(script), "--image", "tiny", "--out", str(self.lab.folder / "cli-out"))
        self.assertEqual(ran.returncode, 0, ran.stderr)
        script.write_text("import torch\n")
        refused = run("run", str(script), "--image", "tiny")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("has no module 'torch'", refused.stderr)


if __name__ == "__main__":
    unittest.main()
