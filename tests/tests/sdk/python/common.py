"""What all parts of the suite share: the development colony's keys, and a client of it."""

import os

from crypto import Crypto
from pycolonies import Colonies, ColoniesConnectionError

SERVER = "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d"
OWNER = "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514"
USER = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05"
DEV = "dev"

colonies = Colonies(os.environ["COLONIES_SERVER_HOST"], int(os.environ["COLONIES_SERVER_PORT"]))


def refused(call, text=""):
    try:
        call()
    except ColoniesConnectionError as error:
        assert text in str(error), f"{error!r} does not say {text!r}"
        return
    raise AssertionError("it was not refused")


def executor(name, kind, location=""):
    key = Crypto().prvkey()
    row = {"executorname": name, "executorid": Crypto().id(key), "colonyname": DEV, "executortype": kind}
    row["locationname"] = location
    added = colonies.add_executor(row, OWNER)
    assert added["state"] == 0, added
    refused(lambda: colonies.assign(DEV, 1, key), "Access denied")
    colonies.approve_executor(DEV, name, OWNER)
    assert colonies.get_executor(DEV, name, USER)["state"] == 1
    return key
