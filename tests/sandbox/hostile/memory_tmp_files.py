"""Memory through empty files in /tmp, which hold no bytes but cost the kernel some each."""
# expect: failed
# limits: memory=48m tmp=512m time=15s
# check: peak_within_memory
# control: none it would fill the machine's memory
for n in range(10_000_000):
    os.close(os.open(f"/tmp/{n}", os.O_CREAT | os.O_WRONLY))
