//! A small file system of its own, to run out of space on, or to be read-only. Only root can have one.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A mounted `tmpfs`, unmounted at the end.
#[derive(Debug)]
pub struct Mount {
    path: PathBuf,
}

impl Mount {
    /// Mounts one at a directory that exists. `None`, said loudly, where this is not allowed.
    #[must_use]
    pub fn tmpfs(path: &Path, options: &str) -> Option<Self> {
        let target = path.display();
        if mount(&["-t", "tmpfs", "-o", options, "colony-test", &target.to_string()]) {
            return Some(Self { path: path.to_owned() });
        }
        eprintln!("NOT CHECKED: this user may not mount a file system with `{options}` at {target}");
        None
    }

    /// Changes its options: `size=64m`, `ro`.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(mount(&["-o", &options, &self.path.display().to_string()]), "cannot mount with {options}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process killed a moment ago may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(&self.path).stderr(Stdio::null()).status();
    }
}

fn mount(args: &[&str]) -> bool {
    Command::new("mount").args(args).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
