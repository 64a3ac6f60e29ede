//! `colony init`, `up`, `invite`, `join` and `members` as far as one node goes, and every way to get them wrong.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use super::{
    lab::{Done, Home},
    machine::{ANYWHERE, Machine},
};

fn init(home: &Home, name: &str) -> Done {
    home.run(&[&["init", "--name", name, "--node-name", "alpha"][..], &ANYWHERE].concat())
}

#[test]
fn a_colony_is_founded_served_and_served_again() {
    let home = Home::new();
    // Founding makes keys and says what to type next.
    init(&home, "lab").exits(0).prints("colony up").prints("colony invite").prints("lab-owner.key");
    for key in ["lab.key", "lab-owner.key", "node.key"] {
        let mode = fs::metadata(home.path("home/keys").join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    init(&home, "lab").exits(2).says("member of lab already").says("`colony up`");

    let machine = Machine::up(home, &["--executor", "cli"]);
    let ready = &machine.ready;
    assert_eq!(
        (&ready["event"], &ready["colony"], &ready["members"]),
        (&"ready".into(), &"lab".into(), &1.into())
    );
    machine.run(&["exec", "--", "echo", "hi"]).exits(0).prints("hi").says("on alpha");
    let status = machine.run(&["status", "-o", "json"]).exits(0).json();
    assert_eq!(status["coordinator"]["name"], "alpha");
    assert_eq!(status["voters"][0]["name"], "alpha");

    // The port stays, and so does the work.
    let listen = ready["listen"].clone();
    let machine = Machine::up(machine.kill(), &[]);
    assert_eq!(machine.ready["listen"], listen);
    machine.run(&["ps"]).exits(0).prints("echo");
    machine.stop();
}

#[test]
fn a_node_that_cannot_do_what_was_asked_ends_and_says_why() {
    let machine = Machine::founder(&["--executor", "cli"]);
    machine.run(&["exec", "--", "true"]).exits(0);
    machine.run(&["executor", "reject", "alpha"]).exits(0);
    let home = machine.stop();
    home.run(&["up", "--executor", "cli"])
        .exits(4)
        .says("the executor alpha cannot run")
        .says("`colony executor approve alpha`");
    let machine = Machine::up(home, &[]);
    machine.run(&["ps"]).exits(0);

    // A colony that cannot be served because its key is gone.
    let home = machine.stop();
    fs::remove_file(home.path("home/keys/lab.key")).unwrap();
    home.run(&["up"]).exits(1).says("lab.key");
}

#[test]
fn one_node_serves_two_colonies_and_commands_switch_between_them() {
    let lab = Machine::founder(&["--executor", "cli"]);
    let other = Home::new();
    let init = ["init", "--name", "mill", "--node-name", "miller"];
    other.run(&[&init[..], &ANYWHERE].concat()).exits(0);
    let mill = Machine::up(other, &["--executor", "cli"]);

    let both = Machine::joined(&lab, "both", &[]);
    let both = Machine::joined_with(both.stop(), &mill.ticket(&["--role", "observer", "--name", "guest"]));
    lab.run(&["exec", "--", "echo", "tested"]).exits(0).prints("tested").says("on alpha");
    mill.run(&["exec", "--", "echo", "ground"]).exits(0).prints("ground").says("on miller");
    // The colony that was joined last is the one that commands talk to.
    both.run(&["ps"]).exits(0).prints("ground");
    both.run(&["ctx", "use", "lab"]).exits(0);
    both.run(&["ps"]).exits(0).prints("tested");
    both.run(&["ps", "--context", "mill"]).exits(0).prints("ground");

    // One process, one store, one start for both.
    let both = Machine::up(both.stop(), &[]);
    both.run(&["members", "--context", "mill"]).exits(0).prints("guest").prints("miller");
    both.run(&["members", "--context", "lab"]).exits(0).prints("both").prints("alpha");
    both.stop();
}

#[test]
fn members_are_listed_and_unknown_ones_guessed() {
    let machine = Machine::founder(&["--executor", "cli"]);
    machine.run(&["exec", "--", "true"]).exits(0);
    let table = machine.run(&["members"]).exits(0).prints("alpha").prints("voter").prints("coordinator");
    assert!(table.out.lines().all(|line| line.chars().count() <= 80), "{}", table.out);
    let listed = machine.run(&["members", "ls", "-o", "json"]).exits(0).json();
    let alpha = listed.as_array().unwrap().iter().find(|member| member["name"] == "alpha").unwrap();
    for key in ["id", "name", "roles", "peerid", "state", "path", "rtt_ms", "lastheard"] {
        assert!(alpha.get(key).is_some(), "{key} is missing: {alpha}");
    }
    assert_eq!((&alpha["roles"][0], &alpha["state"]), (&"voter".into(), &"active".into()));
    assert!(alpha["roles"].as_array().unwrap().contains(&"executor".into()));

    machine
        .run(&["members", "promote", "alhpa"])
        .exits(1)
        .says("did you mean alpha?")
        .says("`colony members`");
    machine.run(&["members", "demote", "alpha"]).exits(1).says("only voter").says("`colony members`");
    machine.run(&["members", "remove", "alpha"]).exits(1).says("only voter");
    machine.run(&["leave"]).exits(1).says("only voter");
}

#[test]
fn stale_answers_say_whose_they_are() {
    let machine = Machine::founder(&[]);
    for args in [&["ps"][..], &["members"], &["executor", "ls"], &["user", "ls"], &["workflow", "ls"]] {
        let done = machine.run(&[args, &["--stale"]].concat()).exits(0);
        assert!(done.err.contains("stale: answered by alpha from its own state"), "{done:#?}");
    }
    let status = machine.run(&["status", "--stale", "-o", "json"]).exits(0).json();
    assert_eq!(status["stale"], true);
    assert!(machine.run(&["status", "-o", "json"]).exits(0).json().get("stale").is_none());
    assert!(machine.run(&["ps", "--stale", "-o", "json"]).exits(0).json().is_array());
}

#[test]
fn a_user_and_an_executor_join_by_ticket() {
    let machine = Machine::founder(&[]);
    let ticket = machine.ticket(&["--role", "user", "--name", "bob"]);
    let bob = Home::new();
    bob.run(&["join", &ticket]).exits(0).says("bob is user of lab");
    bob.run(&["ps"]).exits(0).says("no processes");

    let ticket = machine.ticket(&["--role", "executor"]);
    let lender = Home::new();
    let mut executor = lender.command(&["join", &ticket, "--name", "muscle"]).spawn().unwrap();
    bob.run(&["exec", "--", "echo", "lent"]).exits(0).prints("lent").says("on muscle");
    executor.kill().unwrap();
    executor.wait().unwrap();

    // Who is removed is refused from then on.
    machine.run(&["members", "remove", "bob"]).exits(0).says("bob removed");
    bob.run(&["ps"]).exits(4).says("removed");
    let listed = machine.run(&["members", "-o", "json"]).exits(0).json();
    let bob = listed.as_array().unwrap().iter().find(|member| member["name"] == "bob").unwrap();
    assert_eq!(bob["state"], "removed");
}

#[test]
fn tickets_that_are_no_good_are_refused_with_the_reason() {
    let machine = Machine::founder(&[]);
    let ticket = machine.ticket(&["--role", "user"]);
    let join = |ticket: &str| Home::new().run(&["join", ticket]);

    join("hello").exits(2).says("this is no ticket").says("`colony invite --role voter`");
    // Exactly this letter: the same one may also stand in the word that all tickets begin with.
    let mut slip = ticket.clone();
    slip.replace_range(40..41, if &ticket[40..41] == "a" { "b" } else { "a" });
    join(&slip).exits(2).says("damaged in copying");
    join(&ticket[..ticket.len() - 3]).exits(2).says("damaged in copying");

    // One use, then no more; the same home may ask again, its first answer may have been lost.
    join(&ticket).exits(0);
    join(&ticket).exits(4).says("used up").says("`colony invite --role");

    let late = machine.ticket(&["--role", "user", "--ttl", "1s"]);
    std::thread::sleep(Duration::from_millis(1_500));
    join(&late).exits(4).says("expired");

    machine.run(&["invite", "--name", "x", "--uses", "2"]).exits(2).says("--name fits one member");
    machine.run(&["invite", "--ttl", "soon"]).exits(2).says("90s, 10m, 1h or 7d");
}

#[test]
fn names_that_are_taken_or_given_are_told() {
    let machine = Machine::founder(&[]);
    let ticket = machine.ticket(&["--role", "user", "--uses", "2"]);
    Home::new().run(&["join", &ticket, "--name", "ann"]).exits(0);
    let taken = Home::new().run(&["join", &ticket, "--name", "ann"]).exits(1);
    taken.says("ann cannot be your name in lab").says("--name ann-2`");
    let named = machine.ticket(&["--role", "user", "--name", "carl"]);
    Home::new()
        .run(&["join", &named, "--name", "dora"])
        .exits(2)
        .says("for a member named carl")
        .says("--name carl`");
}

#[test]
fn only_a_home_with_the_owners_key_decides() {
    let machine = Machine::founder(&[]);
    let ticket = machine.ticket(&["--role", "user", "--name", "bob"]);
    let bob = Home::new();
    bob.run(&["join", &ticket]).exits(0);
    bob.run(&["invite"]).exits(4).says("only the owner of lab may do this").says("`colony ctx ls`");
    bob.run(&["members", "remove", "alpha"]).exits(4);
    bob.run(&["up"]).exits(2).says("no node of its own").says("`colony init");
    bob.run(&["leave"]).exits(0).says("left lab");
    bob.run(&["ps"]).exits(3);
    Home::new().run(&["up"]).exits(2).says("member of no colony").says("`colony init");
}

#[test]
fn a_data_directory_has_one_user() {
    let machine = Machine::founder(&[]);
    let done =
        machine.run(&["up"]).exits(1).says("is in use by `colony up`, process").says("`colony status`");
    assert!(!done.err.contains("address already in use"), "{done:#?}");
    let ticket = machine.ticket(&[]);
    machine.run(&["join", &ticket]).exits(2).says("member of lab already, as alpha").says("`colony up`");
}

#[test]
fn a_disk_that_forgot_or_lies_does_not_vote() {
    let home = Machine::founder(&[]).kill();
    let store = home.path("home/data/store.redb");
    let whole = fs::read(&store).unwrap();
    let mut broken = whole.clone();
    broken[..4096].fill(0xa5);
    fs::write(&store, &broken).unwrap();
    home.run(&["up"])
        .exits(1)
        .says("must not vote")
        .says("join again")
        .says("`colony invite --role voter --name alpha`");

    fs::remove_dir_all(home.path("home/data")).unwrap();
    home.run(&["up"])
        .exits(1)
        .says("has forgotten must not vote")
        .says("`colony invite --role voter --name alpha`");

    fs::create_dir_all(home.path("home/data")).unwrap();
    fs::write(&store, &whole).unwrap();
    Machine::up(home, &[]).stop();
}

#[test]
fn places_to_listen_at_are_checked() {
    let home = Home::new();
    home.run(&["init", "--name", "lab", "--listen", "/dns4/x/tcp/1"]).exits(2).says("not of the form");
    home.run(&["init", "--name", "a/b"]).exits(2).says("letters, digits");
    let secure = ["init", "--name", "lab", "--listen", "/ip4/127.0.0.1/tcp/0/tls/ws"];
    home.run(&secure).exits(2).says("--tls-cert FILE --tls-key FILE");
    let nothing = [&secure[..], &["--tls-cert", "absent.pem", "--tls-key", "absent.pem"]].concat();
    home.run(&nothing).exits(2).says("absent.pem").says("No such file");
    home.run(&[&secure[..], &["--tls-cert", "absent.pem"]].concat()).exits(2).says("--tls-key");
    let machine = Machine::founder(&[]);
    let taken = machine.ready["listen"][0].as_str().unwrap().split("/p2p/").next().unwrap().to_owned();
    init(&home, "other").exits(0);
    home.run(&["up", "--listen", &taken]).exits(1).says("address already in use").says("colony up --listen");
}
