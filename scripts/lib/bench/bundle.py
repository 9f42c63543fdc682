"""The sandbox the hub made for a job, brought out of its runner's namespaces, so that others can run the same one."""
import json
import pathlib
import shutil
import subprocess
import sys

#: Not the default, so that no sandbox made in advance fits.
OTHER_LIMITS = {"output_limit": "1000m"}
#: Where the runner's own mount namespace has the bundle: the first of these it could use.
WORKPLACES = ("mnt", "media", "srv", "boot", "home", "opt")


class RealBundle:
    """The bundle that the runner made for a job of `lab`, in `folder`, with `script` in place of the job's."""

    def __init__(self, lab, folder, script):
        self.folder = folder
        job = lab.submit("import time\nprint('here', flush=True)\ntime.sleep(60)\n", device=f"{lab.names[0]}/vessel", **OTHER_LIMITS)
        lab.wait_log(job, "here")
        self.runner = json.loads((lab.job_folder(job) / "runner.json").read_text())
        inside = pathlib.Path(f"/proc/{self.runner['pid']}/root")
        workplace = next(inside / name for name in WORKPLACES if (inside / name / "bundle/config.json").exists())
        self.python_path = json.loads((lab.job_folder(job) / "job.json").read_text())["python_path"]
        shutil.copytree(workplace / "bundle/rootfs", folder / "rootfs", symlinks=True)
        shutil.copy(workplace / "init", folder / "init")
        (folder / "script.py").write_text(script)
        config = json.loads((workplace / "bundle/config.json").read_text())
        self._repoint(config)
        (folder / "config.json").write_text(json.dumps(config))
        self.config = config
        lab.request("POST", f"/api/experiments/{job}/stop")
        lab.wait_end(job)

    @property
    def runtime(self):
        return self.runner["runtime_program"]

    def _repoint(self, config):
        """Only what lies in the runner's namespaces gets another place; the network namespace is made by the runtime."""
        output = self.folder / "output"
        output.mkdir()
        places = {"/run/labhub/init": self.folder / "init", "/app/user_script.py": self.folder / "script.py",
                  "/opt/labhub/python": self.python_path, "/app/output": output}
        for mount in config["mounts"]:
            if mount["destination"] in places:
                mount["source"] = str(places[mount["destination"]])
        for namespace in config["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace.pop("path", None)
        user = config["process"]["user"]["uid"]
        for mapping in config["linux"].get("uidMappings", []):
            if mapping["containerID"] == user:
                user = mapping["hostID"]
        shutil.chown(output, user, user)

    def copies(self, count):
        """As many bundles beside it that may run at one time: each has a cgroup of its own, all else is the same."""
        folders = []
        for number in range(count):
            folder = self.folder / f"slot-{number}"
            folder.mkdir()
            shutil.copytree(self.folder / "rootfs", folder / "rootfs", symlinks=True)
            config = json.loads(json.dumps(self.config))
            config["linux"]["cgroupsPath"] = f"{config['linux']['cgroupsPath']}-{number}"
            (folder / "config.json").write_text(json.dumps(config))
            folders.append(folder)
        return folders

    def in_own_mounts(self, *command):
        """`command` in a mount namespace as the runner's is: crun refuses hosts with hybrid cgroups otherwise."""
        program = pathlib.Path(__file__).with_name("bare_runtime.py")
        hidden = "yes" if self.runner.get("hide_unified") else "no"
        return ["unshare", "--mount", "--propagation", "private", sys.executable, program, hidden, *map(str, command)]

    def serve(self):
        """bare_runtime.py over this bundle, as a process that runs it at each line."""
        return subprocess.Popen(self.in_own_mounts("serve", self.runtime, self.folder / "state", self.folder),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
