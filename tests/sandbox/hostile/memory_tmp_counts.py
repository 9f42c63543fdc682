"""Files in /tmp count as the job's memory."""
# expect: failed out_of_memory
# limits: memory=48m tmp=512m
# check: peak_within_memory
# control: none it would fill the machine's memory
with open("/tmp/fill", "wb", buffering=0) as f:
    for _ in range(400):
        f.write(b"x" * (1 << 20))
