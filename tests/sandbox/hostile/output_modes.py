"""Set-user-id programs, folders that nobody may enter, files that nobody may read, in the outputs."""
# check: output_is_plain output_holds:tool:shut/inside:secret
# control: none the harness reads what is kept
open("tool", "w").write("#!/bin/sh\n")
os.chmod("tool", 0o6777)
os.mkdir("shut")
open("shut/inside", "w").write("kept")
os.chmod("shut", 0)
open("secret", "w").write("kept")
os.chmod("secret", 0)
os.mkdir("sticky")
os.chmod("sticky", 0o7777)
denied("modes", "replaced by plain ones")
