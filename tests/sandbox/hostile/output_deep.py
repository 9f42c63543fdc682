"""Folders without end, one in the other, past every path's length."""
# check: output_is_plain output_holds:kept ended_within:40
# limits: files=3000 output=16m
# control: none the harness reads what is kept
open("kept", "w").write("kept")
top = os.open(".", os.O_RDONLY)
for n in range(2000):
    os.mkdir("d" * 100)
    os.chdir("d" * 100)
open("bottom", "w").write("deep")
os.fchdir(top)
denied("deep folders", "left out from a depth on")
