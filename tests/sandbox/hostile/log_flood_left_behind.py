"""A flood from many processes that goes on when the script has ended."""
# limits: log=64k pids=32 time=15s
# word: none
# check: log_within_limit ended_within:40
# control: none it would only print
import time

for _ in range(8):
    if os.fork() == 0:
        while True:
            os.write(1, b"flood\n" * 1000)
time.sleep(0.5)
