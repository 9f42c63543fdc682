"""kill(-1): everything in sight, which must be the sandbox alone. NEVER to be run outside of one."""
# control: none it would end the machine
import signal

assert os.getuid() != 0 and "2" in open("/proc/self/status").read().split("Seccomp:")[1].split("\n")[0], "not in a sandbox"
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    signal.pause()
os.kill(-1, signal.SIGKILL)
ended = os.WTERMSIG(os.waitpid(child, 0)[1])
denied("kill(-1)", "reached the sandbox alone") if ended == signal.SIGKILL else escaped("kill(-1) does not even reach its own")
