//! Ways in that need more than an address: TLS, and a key that somebody else has too.

use std::{fs, path::Path};

use super::{
    lab::Home,
    machine::{ANYWHERE, Machine},
};

#[test]
fn a_node_behind_tls_is_joined_and_used_by_whoever_believes_its_certificate() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let home = Home::new();
    let certificate = home.file("cert.pem", &made.cert.pem());
    let key = home.file("key.pem", &made.key_pair.serialize_pem());
    let listen = ["--listen", "/ip4/127.0.0.1/tcp/0/tls/ws", "--tls-cert", &certificate, "--tls-key", &key];
    home.run(&[&["init", "--name", "lab", "--node-name", "alpha"], &listen[..]].concat()).exits(0);
    // The files are remembered with the place.
    let machine = Machine::up(home, &[]);
    assert!(machine.ready["listen"][0].as_str().unwrap().contains("/tls/ws/p2p/"), "{}", machine.ready);

    // A colony is there: what is in the way is for the doctor, and no other one need be started.
    machine.run(&["status"]).exits(3).says("certificate").says("`colony doctor`");
    let believing = [("SSL_CERT_FILE", certificate.as_str())];
    let ticket =
        machine.home.run_with(&believing, &["invite", "--role", "user"]).exits(0).out.trim().to_owned();
    let bob = Home::new();
    bob.run_with(&believing, &["join", &ticket, "--name", "bob"]).exits(0);
    bob.run_with(&believing, &["ps"]).exits(0);
    bob.run(&["ps"]).exits(3).says("certificate");
}

#[test]
fn a_copy_of_a_home_stops_when_the_original_is_there() {
    let alpha = Machine::founder(&[]);
    let home = Machine::joined(&alpha, "beta", &[]).kill();
    let copy = Home::new();
    copy_all(&home.path("home"), &copy.path("home"));
    let beta = Machine::up(home, &[]);
    alpha.until_status(|status| status["paths"][0]["name"] == "beta");
    let up = [&["up"], &ANYWHERE[..]].concat();
    copy.run(&up).exits(1).says("another process with this node's key").says("must not vote twice");
    // The original goes on.
    beta.run(&["ps"]).exits(0);
    beta.stop();
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
