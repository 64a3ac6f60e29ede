"""Every call of pycolonies 1.0.25, against a development colony of one node."""

import threading
import time

import objects
from common import DEV, OWNER, SERVER, USER, colonies, executor, refused
from crypto import Crypto
from model import Workflow
from pycolonies import Colonies, func_spec


def the_colony():
    assert [one["name"] for one in colonies.list_colonies(SERVER)] == [DEV]
    assert colonies.get_colony(DEV, USER)["name"] == DEV
    refused(lambda: colonies.get_colony("nowhere", USER), "does not exists")
    assert colonies.stats(DEV, USER)["colonies"] == 1
    owner = Crypto().prvkey()
    other = {"colonyid": Crypto().id(owner), "name": "other"}
    refused(lambda: colonies.add_colony(other, owner), "Access denied")
    assert colonies.add_colony(other, SERVER) == other
    assert sorted(one["name"] for one in colonies.list_colonies(SERVER)) == [DEV, "other"]
    # Whoever is in one colony has no part in another.
    refused(lambda: colonies.stats("other", USER), "Access denied")
    colonies.del_colony("other", SERVER)
    refused(lambda: colonies.del_colony("other", SERVER), "not found")


def members():
    key = executor("rejected", "x")
    colonies.reject_executor(DEV, "rejected", OWNER)
    refused(lambda: colonies.assign(DEV, 1, key), "Access denied")
    colonies.remove_executor(DEV, "rejected", OWNER)
    alice = Crypto().prvkey()
    user = {"colonyname": DEV, "userid": Crypto().id(alice), "name": "alice", "email": "a@x", "phone": "1"}
    assert colonies.add_user(user, OWNER)["name"] == "alice"
    assert [one["name"] for one in colonies.get_users(DEV, alice)] == ["alice"]
    colonies.remove_user(DEV, "alice", OWNER)
    refused(lambda: colonies.get_users(DEV, alice), "Access denied")


def work(key):
    spec = func_spec("echo", ["hi"], DEV, "py", kwargs={"k": "v"}, code="print()")
    colonies.add_function(DEV, "py", "echo", key)
    process = colonies.submit_func_spec(spec, USER)
    assert process.state == 0
    assert [one["processid"] for one in colonies.list_processes(DEV, 10, Colonies.WAITING, USER)] == [process.processid]
    taken = colonies.assign(DEV, 10, key)
    assert taken.processid == process.processid and taken.spec.args == ["hi"]
    refused(lambda: colonies.remove_process(process.processid, USER))
    attribute = colonies.add_attribute(taken.processid, "k", "v", key)
    assert colonies.get_attribute(attribute["attributeid"], USER)["value"] == "v"
    colonies.add_log(taken.processid, "one\n", key)
    colonies.add_log(taken.processid, "two\n", key)
    said = colonies.get_process_log(DEV, taken.processid, 100, -1, USER)
    assert [line["message"] for line in said] == ["one\n", "two\n"], said
    since = colonies.get_process_log(DEV, taken.processid, 100, said[0]["timestamp"], USER)
    assert [line["message"] for line in since] == ["two\n"], since
    assert [line["message"] for line in colonies.get_executor_log(DEV, "py", 100, -1, USER)] == ["one\n", "two\n"]
    colonies.set_output(taken.processid, ["so far"], key)

    def close():
        time.sleep(0.5)
        colonies.close(taken.processid, ["done"], key)

    threading.Thread(target=close).start()
    ended = colonies.wait(process, 20, USER)
    assert ended.state == Colonies.SUCCESSFUL and ended.output == ["done"], ended
    assert [f["counter"] for f in colonies.get_functions_by_executor(DEV, "py", USER)] == [1]
    assert len(colonies.get_functions_by_colony(DEV, USER)) == 1
    refused(lambda: colonies.fail(taken.processid, ["late"], key), "Tried to set successful process as failed")

    # Ten equal pieces are ten pieces.
    for _ in range(10):
        colonies.submit_func_spec(spec, USER)
    assert len(colonies.list_processes(DEV, 100, Colonies.WAITING, USER)) == 10
    failing = colonies.assign(DEV, 10, key)
    colonies.fail(failing.processid, ["broken"], key)
    assert colonies.get_process(failing.processid, USER).errors == ["broken"]
    colonies.remove_process(failing.processid, USER)
    colonies.remove_all_processes(DEV, OWNER, state=0)
    refused(lambda: colonies.assign(DEV, 1, key), "No process available for assignment")


def long_poll(key):
    begun = time.time()
    threading.Timer(0.5, lambda: colonies.submit_func_spec(func_spec("late", [], DEV, "py"), USER)).start()
    taken = colonies.assign(DEV, 20, key)
    assert time.time() - begun < 10
    colonies.close(taken.processid, [], key)


def node(name, *parents):
    spec = func_spec(name, [name], DEV, "py")
    spec.nodename = name
    spec.conditions.dependencies = list(parents)
    return spec


def workflows(key):
    graph = Workflow(colonyname=DEV)
    graph.functionspecs = [node("a"), node("b", "a"), node("c", "a"), node("d", "b", "c")]
    graph = colonies.submit_workflow(graph, USER)
    taken = colonies.assign(DEV, 10, key)
    child = node("e")
    added = colonies.add_child(graph.processgraphid, taken.processid, "", child, "e", False, key)
    assert added.processid if hasattr(added, "processid") else added["processid"]
    assert colonies.find_process("d", graph.processids, USER).spec.nodename == "d"
    seen = []
    while True:
        seen.append(taken.spec.nodename)
        colonies.close(taken.processid, [taken.spec.nodename], key)
        if len(seen) == 5:
            break
        taken = colonies.assign(DEV, 10, key)
        if taken.spec.nodename == "d":
            assert sorted(taken.input) == ["b", "c"], taken.input
    assert seen[0] == "a" and sorted(seen) == list("abcde"), seen
    shown = colonies.get_processgraph(graph.processgraphid, USER)
    assert shown.state == Colonies.SUCCESSFUL and len(shown.nodes) == 5, shown
    assert len(colonies.get_processes_for_workflow(graph.processgraphid, DEV, USER)) == 5
    assert len(colonies.get_processgraphs(DEV, 10, USER, state=2)) == 1
    colonies.remove_processgraph(graph.processgraphid, USER)
    assert colonies.get_processgraphs(DEV, 10, USER, state=2) == []
    waiting = Workflow(colonyname=DEV)
    waiting.functionspecs = [node("a")]
    colonies.submit_workflow(waiting, USER)
    colonies.remove_all_processgraphs(DEV, OWNER, state=0)
    assert colonies.get_processgraphs(DEV, 10, USER, state=0) == []


def crons_and_generators(key):
    graph = Workflow(colonyname=DEV)
    graph.functionspecs = [node("tick")]
    cron = colonies.add_cron("c", "* * * * * *", True, graph, DEV, USER)
    assert cron["waitforprevprocessgraph"] is True, cron
    taken = colonies.assign(DEV, 10, key)
    assert taken.spec.nodename == "tick"
    colonies.close(taken.processid, [], key)
    assert colonies.get_cron(cron["cronid"], USER)["name"] == "c"
    assert len(colonies.get_crons(DEV, 10, USER)) == 1
    assert colonies.run_cron(cron["cronid"], USER)["cronid"] == cron["cronid"]
    colonies.del_cron(cron["cronid"], USER)
    assert colonies.get_crons(DEV, 10, USER) == []
    # What it had started by then.
    colonies.remove_all_processgraphs(DEV, OWNER, state=0)
    text = graph.model_dump_json(by_alias=True)
    row = {"colonyname": DEV, "name": "g", "workflowspec": text, "trigger": 2, "timeout": -1}
    refused(lambda: colonies.add_generator({**row, "trigger": 0}, USER), "trigger")
    generator = colonies.add_generator(row, USER)
    assert colonies.get_generator(generator["generatorid"], USER)["queuesize"] == 0
    assert len(colonies.get_generators(DEV, USER)) == 1
    colonies.remove_generator(generator["generatorid"], USER)


if __name__ == "__main__":
    the_colony()
    members()
    key = executor("py", "py")
    work(key)
    long_poll(key)
    workflows(key)
    crons_and_generators(key)
    objects.files()
    objects.snapshots()
    objects.channels(key)
    objects.blueprints()
    print("all calls worked")
