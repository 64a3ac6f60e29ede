"""Submits, takes and closes work, one after the other, and says each one's id when it is closed.

cycles.py URL COLONY PRVKEY COUNT
"""

import sys

from pycolonies import Colonies, func_spec

url, colony, key, count = sys.argv[1:]
host, port = url.removeprefix("http://").split(":")
colonies = Colonies(host, int(port))
for number in range(int(count)):
    submitted = colonies.submit_func_spec(func_spec("cycle", [number], colony, "rs"), key)
    taken = colonies.assign(colony, 20, key)
    assert taken.processid == submitted.processid, (submitted, taken)
    colonies.close(taken.processid, [], key)
    print(taken.processid, flush=True)
