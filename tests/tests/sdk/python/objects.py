"""Files, snapshots, channels and blueprints: what a colony keeps beside work."""

import json
import os
import threading

from common import DEV, OWNER, USER, colonies, executor, refused
from crypto import Crypto
from pycolonies import func_spec
from store import Store


def files():
    store = Store()
    os.environ.update(store.environment())
    first = colonies.upload_data(DEV, USER, filename="a.txt", data=b"one", label="/d")
    assert (first["name"], first["label"], first["size"]) == ("a.txt", "/d", 3), first
    second = colonies.upload_data(DEV, USER, filename="a.txt", data=b"two!", label="/d")
    assert second["sequencenr"] > first["sequencenr"] and second["fileid"] != first["fileid"]
    colonies.upload_data(DEV, USER, filename="b.txt", data=b"", label="/d/sub")
    assert colonies.download_data(DEV, USER, label="/d", filename="a.txt") == b"two!"
    assert colonies.download_data(DEV, USER, fileid=first["fileid"]) == b"one"
    both = colonies.get_file(DEV, USER, label="/d", filename="a.txt", latest=False)
    assert [one["fileid"] for one in both] == [second["fileid"], first["fileid"]], both
    # Whoever reads the record finds no keys in it.
    assert both[0]["ref"]["s3object"]["accesskey"] == "" == both[0]["ref"]["s3object"]["secretkey"]
    listed = colonies.get_files("/d", DEV, USER)
    assert [(one["name"], one["size"], one["checksum"]) for one in listed] == [("a.txt", 4, second["checksum"])]
    labels = colonies.get_file_labels(DEV, USER)
    assert [(one["name"], one["files"]) for one in labels] == [("/d", 2), ("/d/sub", 1)], labels
    assert [one["name"] for one in colonies.get_file_labels(DEV, USER, name="/d/sub", exact=True)] == ["/d/sub"]
    colonies.delete_file(DEV, USER, label="/d/sub", filename="b.txt")
    refused(lambda: colonies.get_file(DEV, USER, label="/d/sub", filename="b.txt"))
    refused(lambda: colonies.get_files("/d", DEV, Crypto().prvkey()), "Access denied")
    store.close()


def snapshots():
    kept = colonies.get_file(DEV, USER, label="/d", filename="a.txt")[0]
    snapshot = colonies.create_snapshot(DEV, "/d", "s1", USER)
    assert snapshot["fileids"] == [kept["fileid"]], snapshot
    refused(lambda: colonies.create_snapshot(DEV, "/d", "s1", USER))
    assert colonies.get_snapshot_by_name(DEV, "s1", USER)["snapshotid"] == snapshot["snapshotid"]
    assert colonies.get_snapshot_by_id(DEV, snapshot["snapshotid"], USER)["name"] == "s1"
    assert [one["name"] for one in colonies.get_snapshots(DEV, USER)] == ["s1"]
    refused(lambda: colonies.get_snapshot_by_name(DEV, "s2", USER))


def channels(key):
    spec = func_spec("talk", [], DEV, "py")
    spec.channels = ["words"]
    process = colonies.submit_func_spec(spec, USER)
    taken = colonies.assign(DEV, 10, key)
    assert taken.processid == process.processid and taken.spec.channels == ["words"], taken
    colonies.channel_append(taken.processid, "words", 1, "what?", USER)
    asked = colonies.channel_read(taken.processid, "words", 0, 0, key)
    assert [(one["sequence"], one["payload"]) for one in asked] == [(1, b"what?")], asked

    heard = []

    def listen():
        heard.extend(colonies.subscribe_channel(taken.processid, "words", USER, after_seq=1, timeout=120))

    listener = threading.Thread(target=listen)
    listener.start()
    for number, word in enumerate(["this", "and", bytes(range(256))], start=1):
        colonies.channel_append(taken.processid, "words", number, word, key, in_reply_to=1)
    # As large as a message may be.
    large = bytes(range(256)) * (10 * 1024 * 4)
    colonies.channel_append(taken.processid, "words", 4, large, key)
    colonies.channel_append(taken.processid, "words", 5, "", key, payload_type="end")
    refused(lambda: colonies.channel_append(taken.processid, "words", 1, "me too", executor("third", "x")))
    refused(lambda: colonies.channel_append(taken.processid, "other", 1, "", key))
    colonies.close(taken.processid, ["done"], key)
    listener.join(60)
    assert not listener.is_alive(), "the end of the process ends the channel"
    assert [one["payload"] for one in heard[:3]] == [b"this", b"and", bytes(range(256))], heard[:3]
    assert heard[3]["payload"] == large and heard[4]["payload"] == "", [len(one["payload"]) for one in heard]
    assert heard[0]["inreplyto"] == 1 and heard[4]["type"] == "end", heard[4]
    refused(lambda: colonies.channel_append(taken.processid, "words", 9, "late", USER))
    # Whoever was away still gets the end.
    assert len(colonies.channel_read(taken.processid, "words", 1, 2, USER)) == 2
    assert colonies.channel_read(taken.processid, "words", 4, 1, USER)[0]["payload"] == large


def blueprints():
    # Where a blueprint is, its reconciler must be.
    key = executor("keeper", "keeper", "home")
    definition = {
        "kind": "BlueprintDefinition",
        "metadata": {"name": "lamp-definition", "colonyname": DEV},
        "spec": {
            "group": "g",
            "version": "v1",
            "names": {"kind": "Lamp", "listKind": "LampList", "singular": "lamp", "plural": "lamps"},
            "scope": "Namespaced",
            "schema": {
                "type": "object",
                "properties": {"power": {"type": "boolean"}, "level": {"type": "integer"}},
                "required": ["power"],
            },
            "handler": {"executorType": "keeper", "functionName": "reconcile"},
        },
    }
    assert colonies.add_blueprint_definition(definition, OWNER)["spec"]["names"]["kind"] == "Lamp"
    refused(lambda: colonies.add_blueprint_definition(definition, USER), "Access denied")
    assert colonies.get_blueprint_definition(DEV, "lamp-definition", USER)["metadata"]["name"] == "lamp-definition"
    assert len(colonies.get_blueprint_definitions(DEV, USER)) == 1

    lamp = {
        "kind": "Lamp",
        "metadata": {"name": "hall", "colonyname": DEV, "locationname": "home"},
        "handler": {"executortype": "keeper"},
        "spec": {"power": True},
    }
    refused(lambda: colonies.add_blueprint({**lamp, "spec": {"power": "on"}}, USER), "power")
    refused(lambda: colonies.add_blueprint({**lamp, "kind": "Door"}, USER), "Door")
    added = colonies.add_blueprint(lamp, USER)
    assert "generation" not in added["metadata"] and added["spec"] == {"power": True}, added
    refused(lambda: colonies.add_blueprint(lamp, USER), "already exists")
    reconcile(key, "hall")

    changed = colonies.update_blueprint({**added, "spec": {"power": False, "level": 3}}, USER)
    assert changed["metadata"]["generation"] == 1, changed
    reconcile(key, "hall")
    same = colonies.update_blueprint(changed, USER, force_generation=True)
    assert same["metadata"]["generation"] == 2, same
    reconcile(key, "hall")
    colonies.update_blueprint_status(DEV, "hall", {"power": False}, key)
    assert colonies.get_blueprint(DEV, "hall", USER)["status"] == {"power": False}
    assert [one["metadata"]["name"] for one in colonies.get_blueprints(DEV, USER, kind="Lamp")] == ["hall"]
    assert len(colonies.get_blueprints(DEV, USER, kind="Lamp", location="HOME")) == 1
    assert colonies.get_blueprints(DEV, USER, kind="Door") == []
    process = colonies.reconcile_blueprint(DEV, "hall", USER, force=False)
    assert process["spec"]["funcname"] == "reconcile", process
    reconcile(key, "hall")
    history = colonies.get_blueprint_history(added["blueprintid"], USER)
    assert [(one["generation"], one["changetype"]) for one in history] == [(2, "update"), (1, "update"), (0, "create")]
    assert len(colonies.get_blueprint_history(added["blueprintid"], USER, limit=1)) == 1
    refused(lambda: colonies.remove_blueprint_definition(DEV, "lamp-definition", OWNER))
    colonies.remove_blueprint(DEV, "hall", USER)
    refused(lambda: colonies.get_blueprint(DEV, "hall", USER), "")
    colonies.remove_all_processes(DEV, OWNER, state=0)
    colonies.remove_blueprint_definition(DEV, "lamp-definition", OWNER)
    assert colonies.get_blueprint_definitions(DEV, USER) == []


def reconcile(key, name):
    """What a reconciler does: it takes the work, and finds the blueprint named in it."""
    taken = colonies.assign(DEV, 10, key)
    assert taken.spec.funcname == "reconcile", taken
    assert name in json.dumps(taken.spec.kwargs), taken
    colonies.close(taken.processid, [], key)
