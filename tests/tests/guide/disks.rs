//! Disks that cannot be written to: a clear error, nothing acknowledged is lost, no panic.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use colony_tests::{dev::Dev, home::Home, mount::Mount};
use serde_json::json;

#[test]
fn a_read_only_data_directory_is_named() {
    let home = Home::new();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    // Root writes wherever permissions say no, but not on a read-only file system.
    let is_root = fs::metadata(&data).unwrap().uid() == 0;
    let _mount = if is_root {
        let Some(mount) = Mount::tmpfs(&data, "ro,size=1m") else { return };
        Some(mount)
    } else {
        fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).unwrap();
        None
    };

    let said = Dev::try_start(&home, &["--data", &data.display().to_string()]).unwrap_err();
    assert!(said.contains(&data.display().to_string()), "the directory is not named:\n{said}");
    assert!(!said.contains("panicked at"), "{said}");
}

#[test]
fn on_a_full_disk_work_is_refused_and_what_was_acknowledged_stays() {
    let home = Home::new();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    let Some(mount) = Mount::tmpfs(&data, "size=8m") else { return };
    let data = data.display().to_string();
    let mut dev = Dev::start(&home, &["--data", &data, "--no-executor"]);

    // Each process carries an argument near the largest allowed, so the disk is full after a few.
    let spec = json!({
        "func": "true", "args": ["x".repeat(200 * 1024)], "conditions": { "executortype": "cli" }
    });
    home.write("large.json", spec.to_string());
    let mut acknowledged = Vec::new();
    let refused = loop {
        let outcome = home.run(["submit", "large.json", "-o", "quiet"]).without_panic();
        if outcome.code != Some(0) {
            break outcome;
        }
        acknowledged.push(outcome.stdout.trim().to_owned());
        assert!(acknowledged.len() < 100, "20 MiB on a disk of 8");
    };
    assert!(!acknowledged.is_empty(), "not even the first fitted:\n{refused:#?}");
    let why = refused.stderr.to_lowercase();
    assert!(["space", "disk", "storage"].iter().any(|word| why.contains(word)), "{refused:#?}");
    assert!(!dev.stderr().contains("panicked at"), "{}", dev.stderr());

    // With room again, after a restart, everything acknowledged is there.
    dev.kill();
    mount.remount("size=64m");
    let mut dev = Dev::start(&home, &["--data", &data, "--no-executor"]);
    for id in &acknowledged {
        drop(home.run(["get", id]).ok());
    }
    drop(home.run(["submit", "large.json"]).ok());
    dev.assert_healthy();
}
