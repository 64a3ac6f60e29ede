//! What carries the bytes of connections in place of this machine's sockets: an emulated network.
//!
//! A node whose platform gives one dials and listens by it alone; encryption and everything above stay as shipped. The
//! carrier is asked for addresses of IP and TCP and answers for them: an address that is taken, or nobody there.

use std::{fmt, sync::Arc};

use libp2p::core::{muxing::SubstreamBox, transport::Boxed};

/// Dials and listens, with plain streams of bytes.
pub type Carrying = Boxed<SubstreamBox>;

/// Makes a transport for each swarm of a machine.
#[derive(Clone)]
pub struct Carrier(Arc<dyn Fn() -> Carrying + Send + Sync>);

impl Carrier {
    /// A carrier whose transports `make` makes.
    #[must_use]
    pub fn new(make: impl Fn() -> Carrying + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// The transport for one swarm.
    pub(super) fn transport(&self) -> Carrying {
        (self.0)()
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").finish_non_exhaustive()
    }
}
