"""An executor that takes a few processes, and then submits one for another executor.

together.py COUNT
"""

import sys

from common import DEV, USER, colonies, executor
from pycolonies import Colonies, func_spec

key = executor("py", "py")
print("ready", flush=True)
for _ in range(int(sys.argv[1])):
    taken = colonies.assign(DEV, 60, key)
    colonies.close(taken.processid, ["hello " + taken.spec.args[0]], key)
process = colonies.submit_func_spec(func_spec("echo", ["from Python"], DEV, "cli"), USER)
assert colonies.wait(process, 60, USER).state == Colonies.SUCCESSFUL
