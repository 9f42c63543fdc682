"""Symbolic links in the outputs that lead out: what they point at must not come out with the result."""
# check: output_is_plain output_holds:kept
# runtimes: crun runc
# control: none the harness reads what is kept
os.symlink(os.environ["HOSTILE_CANARY"], "canary")
os.symlink("/etc/shadow", "shadow")
os.symlink("/", "root")
os.symlink("../../job.json", "job")
os.symlink("/proc/self/root", "proc")
os.symlink("..", "up")
os.symlink("loop", "loop")
os.makedirs("folder")
os.symlink(os.environ["HOSTILE_CANARY"], "folder/canary")
open("kept", "w").write("kept")
denied("links", "left out")
