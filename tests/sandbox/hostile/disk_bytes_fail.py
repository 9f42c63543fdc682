"""A script that ends because its output is full: the end says so."""
# expect: failed disk_limit
# limits: output=8m
# check: output_within_limit
# control: none it would fill the machine's disk
with open("large", "wb", buffering=0) as f:
    while True:
        f.write(b"x" * (1 << 20))
