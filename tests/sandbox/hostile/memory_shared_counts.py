"""POSIX shared memory counts as the job's memory, and goes with it."""
# expect: failed out_of_memory
# limits: memory=40m
# check: peak_within_memory
# control: none it would fill the machine's memory
from multiprocessing import shared_memory

block = shared_memory.SharedMemory(create=True, size=60 << 20)
for at in range(0, 60 << 20, 4096):
    block.buf[at] = 1
