//! A running development colony: `colony dev -o json`.

use std::ops::{Deref, DerefMut};

use crate::{
    home::Home,
    served::{READY, Served},
};

/// A running `colony dev`.
#[derive(Debug)]
pub struct Dev(Served);

impl Dev {
    /// Starts one on a free port and waits until it serves.
    ///
    /// # Panics
    /// If it ends or stays silent instead.
    #[must_use]
    #[track_caller]
    pub fn start(home: &Home, args: &[&str]) -> Self {
        match Self::try_start(home, args) {
            Ok(dev) => dev,
            Err(said) => panic!("colony dev did not become ready:\n{said}"),
        }
    }

    /// Starts one; if it does not come to serve, gives what it said on standard error.
    ///
    /// # Errors
    /// The text of standard error.
    ///
    /// # Panics
    /// If the binary cannot be started at all.
    pub fn try_start(home: &Home, args: &[&str]) -> Result<Self, String> {
        let mut command = home.colony(["dev", "-o", "json"]);
        if !args.contains(&"--listen") {
            command.args(["--listen", "/ip4/127.0.0.1/tcp/0"]);
        }
        command.args(args);
        Served::try_start(command, READY).map(Self)
    }
}

impl Deref for Dev {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.0
    }
}

impl DerefMut for Dev {
    fn deref_mut(&mut self) -> &mut Served {
        &mut self.0
    }
}
