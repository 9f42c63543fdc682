"""Processes of the host: none is seen."""
# control: plain
host = os.environ["HOSTILE_PID"]
attempt("process", os.stat, f"/proc/{host}") if int(host) > 100 else denied("process", "a small number")
others = [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid())]
escaped(f"{len(others)} other processes") if others else denied("others", "none")
attempt("signal", os.kill, int(host), 0)
attempt("priority", os.getpriority, os.PRIO_PROCESS, int(host))
attempt("handle", os.pidfd_open, int(host))
