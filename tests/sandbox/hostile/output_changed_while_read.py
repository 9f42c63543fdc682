"""To change the outputs while they are brought out: nothing of the script lives then."""
# check: output_is_plain output_holds:kept
# control: none the harness reads what is kept
import signal

open("kept", "w").write("kept")
os.mkdir("flip")
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            try:
                os.rename("flip", "flop")
                os.symlink(os.path.dirname(os.environ["HOSTILE_CANARY"]), "flip")
                os.unlink("flip")
                os.rename("flop", "flip")
            except OSError:
                pass
denied("changes", "ended before the outputs are read")
