"""To run before others: negative niceness, real-time scheduling, disk priority, spared when memory ends."""
# says: EPERM EACCES EINVAL
# control: unshare
attempt("nice", os.setpriority, os.PRIO_PROCESS, 0, -10)
for name in ("SCHED_FIFO", "SCHED_RR"):
    attempt(name, os.sched_setscheduler, 0, getattr(os, name), os.sched_param(1))
def spare():
    with open("/proc/self/oom_score_adj", "w", buffering=1) as f:
        f.write("-1000")
attempt("spared", spare)
def spare_a_little():
    with open("/proc/self/oom_score_adj", "w", buffering=1) as f:
        f.write("0")
if "HOSTILE_MAY_RAISE_LIMITS" in os.environ:  # else no lowest score can be set for anybody
    attempt("spared a little", spare_a_little)
