"""A flood of lines: head and tail are kept, the middle is counted."""
# limits: log=64k
# word: none
# check: log_within_limit log_holds:bytes_are_left_out log_begins_and_ends:0000000:tried
# control: none it would only print
import sys

for n in range(20_000):
    sys.stdout.write(f"{n:07} " + "y" * 100 + "\n")
