"""A script that closes its output, or fills it with control and other bytes, is its own loss."""
# limits: log=64k
# word: none
# check: log_within_limit
# control: none it would only print
os.write(1, bytes(range(256)) * 16 + b"\x1b]0;title\x07\x1b[2J\r\n")
os.close(1)
os.close(2)
os.close(0)
