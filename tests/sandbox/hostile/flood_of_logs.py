"""A flood of lines, while the hub goes on answering and lets the log be followed."""
# through: hub
# word: none
# limits: log=16m time=30s
# check: hub_answered log_within_limit log_holds:bytes_are_left_out
# control: none it would only print
for _ in range(400):
    os.write(1, b"flood of lines without an end\n" * 3000)
