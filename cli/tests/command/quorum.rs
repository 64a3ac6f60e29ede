//! Three homes on this machine, joined by tickets: a colony that outlives any one of them.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    time::Duration,
};

use serde_json::Value;

use super::{
    lab::{Home, done},
    machine::Machine,
};

/// alpha founds, beta and gamma join; returns when all three vote.
fn three() -> Vec<Machine> {
    let alpha = Machine::founder(&[]);
    let beta = Machine::joined(&alpha, "beta", &[]);
    let gamma = Machine::joined(&alpha, "gamma", &[]);
    alpha.until_status(|status| names(&status["voters"]) == ["alpha", "beta", "gamma"]);
    // Now that all of them are known, the founder's home knows them too.
    alpha.ticket(&[]);
    vec![alpha, beta, gamma]
}

fn names(members: &Value) -> Vec<String> {
    let mut names: Vec<String> = members
        .as_array()
        .map(|all| all.iter().filter_map(|member| member["name"].as_str().map(ToOwned::to_owned)).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// Takes the machine with this name out of the others.
fn take(machines: &mut Vec<Machine>, name: &Value) -> Machine {
    let at = machines.iter().position(|machine| machine.ready["name"] == *name).unwrap();
    machines.remove(at)
}

#[test]
fn a_command_goes_on_when_the_coordinator_is_killed() {
    let mut machines = three();
    let user = Home::new();
    let ticket = machines[0].ticket(&["--role", "user", "--name", "bob"]);
    user.run(&["join", &ticket]).exits(0);
    let lender = Home::new();
    let ticket = machines[0].ticket(&["--role", "executor", "--name", "muscle"]);
    let mut executor = lender.command(&["join", &ticket]).spawn().unwrap();

    let script = "echo begin; sleep 3; echo end";
    let mut exec = user.command(&["exec", "--", "sh", "-c", script]).spawn().unwrap();
    let mut out = BufReader::new(exec.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "begin\n");
    // Others look on: one reads along, one waits for the end.
    let logs = user.command(&["logs", "-f", "last"]).spawn().unwrap();
    let wait = user.command(&["wait", "last"]).spawn().unwrap();

    let status = user.run(&["status", "-o", "json"]).exits(0).json();
    let coordinator = status["coordinator"]["name"].clone();
    let home = take(&mut machines, &coordinator).kill();

    // Only a pause: the same command goes on at another node, to its end.
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "end\n");
    done(exec).exits(0).says("succeeded in").says("on muscle");
    assert_eq!(done(logs).exits(0).out, "begin\nend\n");
    done(wait).exits(0).says("succeeded in");
    let status = machines[0].until_status(|status| status["coordinator"]["name"].is_string());
    assert_ne!(status["coordinator"]["name"], coordinator);

    // New work finds its way too, and the killed node comes back and votes.
    user.run(&["exec", "--", "echo", "again"]).exits(0).prints("again");
    let back = Machine::up(home, &[]);
    back.until_status(|status| names(&status["voters"]) == ["alpha", "beta", "gamma"]);
    executor.kill().unwrap();
    executor.wait().unwrap();
}

#[test]
fn without_a_quorum_only_stale_questions_are_answered() {
    let mut machines = three();
    let gamma = machines.pop().unwrap();
    for machine in machines {
        machine.kill();
    }
    gamma.run(&["ps", "--stale"]).exits(0).says("stale: answered by gamma from its own state");
    let members = gamma.run(&["members", "--stale", "-o", "json"]).exits(0).json();
    assert_eq!(names(&members), ["alpha", "beta", "gamma", "operator"]);
    gamma.run(&["ps"]).exits(3);
}

#[test]
fn a_node_leaves_and_another_is_removed() {
    let mut machines = three();
    let gamma = machines.pop().unwrap();
    gamma.run(&["leave"]).exits(0).says("gamma leaves lab");
    let (code, home) = gamma.ended();
    assert_eq!(code, Some(0));
    home.run(&["up"]).exits(2).says("member of no colony");

    let beta = machines.pop().unwrap();
    let alpha = machines.pop().unwrap();
    alpha.run(&["members", "remove", "beta"]).exits(0).says("beta removed");
    let (code, _home) = beta.ended();
    assert_eq!(code, Some(4));
    alpha.until_status(|status| names(&status["voters"]) == ["alpha"]);
}

#[test]
fn who_leaves_is_gone_and_serves_no_more() {
    let mut machines = three();
    let ticket = machines[0].ticket(&["--role", "observer"]);
    let delta = Machine::joined_with_name(&ticket, "delta");
    machines[0].until_status(|status| names(&status["learners"]) == ["delta"]);
    let lender = Home::new();
    let ticket = machines[0].ticket(&["--role", "executor", "--name", "muscle"]);
    let mut executor = lender.command(&["join", &ticket]).spawn().unwrap();
    machines[0].run(&["exec", "--", "true"]).exits(0).says("on muscle");

    let gamma = machines.pop().unwrap();
    gamma.run(&["leave"]).exits(0).says("gamma leaves lab");
    delta.run(&["leave"]).exits(0).says("delta leaves lab");
    lender.run(&["leave"]).exits(0).says("left lab");
    executor.kill().unwrap();
    executor.wait().unwrap();

    let status = machines[0].until_status(|status| {
        names(&status["voters"]) == ["alpha", "beta"] && names(&status["learners"]).is_empty()
    });
    assert!(status["coordinator"]["name"].is_string(), "{status}");
    let members = machines[0].run(&["members", "-o", "json"]).exits(0).json();
    for name in ["gamma", "delta", "muscle"] {
        let member = members.as_array().unwrap().iter().find(|member| member["name"] == name).unwrap();
        assert_eq!(member["state"], "left", "{member}");
    }
    for machine in [gamma, delta] {
        let (code, home) = machine.ended();
        assert_eq!(code, Some(0));
        home.run(&["up"]).exits(2).says("member of no colony").says("`colony init");
    }
    lender.run(&["up"]).exits(2).says("member of no colony");
}

#[test]
fn a_removed_voter_stays_while_its_vote_is_needed() {
    let mut machines = three();
    let gamma = machines.pop().unwrap().kill();
    let beta = machines.pop().unwrap();
    let alpha = machines.pop().unwrap();
    alpha.run(&["members", "remove", "beta"]).exits(0).says("beta removed");
    // Longer than a node takes to notice that it was removed.
    std::thread::sleep(Duration::from_secs(6));
    alpha.run(&["ps"]).exits(0);
    let gamma = Machine::up(gamma, &[]);
    let (code, _home) = beta.ended();
    assert_eq!(code, Some(4));
    gamma.until_status(|status| names(&status["voters"]) == ["alpha", "gamma"]);
}

#[test]
fn a_node_on_another_disk_says_so_and_comes_back_with_a_new_ticket() {
    let mut machines = three();
    let home = machines.pop().unwrap().kill();
    std::fs::remove_dir_all(home.path("home/data")).unwrap();
    // Somebody made another colony, and its disk is here now.
    let other = Home::new();
    other.run(&["init", "--name", "other", "--listen", "/ip4/127.0.0.1/tcp/0"]).exits(0);
    std::fs::rename(other.path("home/data"), home.path("home/data")).unwrap();
    for _ in 0..2 {
        home.run(&["up"])
            .exits(1)
            .says("must not vote")
            .says("colony join TICKET")
            .says("`colony invite --role voter --name gamma`");
    }
    let ticket = machines[0].ticket(&["--role", "voter", "--name", "gamma"]);
    let gamma = Machine::joined_with(home, &ticket);
    gamma.until_status(|status| names(&status["voters"]) == ["alpha", "beta", "gamma"]);
}

#[test]
fn a_wiped_node_comes_back_with_a_new_ticket_only() {
    let mut machines = three();
    let home = machines.pop().unwrap().kill();
    std::fs::remove_dir_all(home.path("home/data")).unwrap();
    home.run(&["up"]).exits(1).says("must not vote").says("`colony invite --role voter --name gamma`");
    let ticket = machines[0].ticket(&["--role", "voter", "--name", "gamma"]);
    let gamma = Machine::joined_with(home, &ticket);
    gamma.until_status(|status| names(&status["voters"]) == ["alpha", "beta", "gamma"]);
}

#[test]
fn a_development_colony_of_three_is_kept_and_started_again() {
    let home = Home::new();
    let data = home.path("data").display().to_string();
    let lab = super::lab::Lab::start_with(home, &["--nodes", "3", "--data", &data]);
    assert_eq!(lab.ready["members"], 3);
    lab.run(&["exec", "--", "echo", "kept"]).exits(0);
    let status = lab.run(&["status", "-o", "json"]).exits(0).json();
    assert_eq!(names(&status["voters"]), ["dev-1", "dev-2", "dev-3"]);
    let home = lab.kill();
    home.run(&["dev", "--data", &data])
        .exits(2)
        .says("of 3 nodes, not of 1")
        .says("`colony dev --nodes 3 --data");
    let lab = super::lab::Lab::start_with(home, &["--nodes", "3", "--data", &data]);
    lab.run(&["ps"]).exits(0).prints("kept");
    lab.stop();
}
