"""The page cache of a large file: it is the job's own memory that makes room."""
# limits: memory=32m output=128m
# check: peak_within_memory
# control: none a limit of memory is not to be seen from within
with open("large", "wb", buffering=0) as f:
    for _ in range(96):
        f.write(b"x" * (1 << 20))
with open("large", "rb", buffering=0) as f:
    while f.read(1 << 20):
        pass
os.unlink("large")
denied("page cache", "within the job's memory")
