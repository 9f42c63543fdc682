"""Files that claim more than they hold: one of a terabyte, and many that each fit."""
# limits: output=8m
# check: output_within_limit
# says: EFBIG
# control: none it would make large files
def claim(name, bytes):
    with open(name, "wb") as f:
        f.truncate(bytes)
attempt("terabyte", claim, "terabyte", 1 << 40)
os.unlink("terabyte")
for n in range(50):
    claim(f"sparse-{n}", 6 << 20)
