"""A core dump, as a file in the outputs or through the host's handler."""
# expect: failed signal
# check: no_core_file
# runtimes: crun runc
# control: none it would leave a dump
import resource

for limit in (0, 1 << 20, resource.RLIM_INFINITY):
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
        print(f"ESCAPED: the limit of core dumps is {limit}")
    except (OSError, ValueError):
        pass
if resource.getrlimit(resource.RLIMIT_CORE) != (1, 1):
    print("ESCAPED: core dumps are", resource.getrlimit(resource.RLIMIT_CORE))
os.chdir("/app/output")
os.abort()
