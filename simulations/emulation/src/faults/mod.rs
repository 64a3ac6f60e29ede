//! What can go wrong, by name.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A node loses its power, and what it had not synced; it comes back.
    Crash,
    /// The same in the middle of a transaction.
    PowerCut,
    /// A node is stopped in an orderly way, and started again.
    Restart,
    /// The nodes fall into two groups that do not hear each other; clients fall with them.
    Split,
    /// One node does not reach another, which reaches it.
    OneWay,
    /// Two groups that do not hear each other both hear one node.
    Bridge,
    /// A link comes and goes.
    Flapping,
    /// The coordinator hears no other node.
    LeaderIsolated,
    /// A node stands still and goes on.
    Pause,
    /// Syncs take up to a second.
    SlowDisk,
    /// Writes fail until the node is restarted.
    DiskError,
    /// The disk is full until the node is restarted.
    FullDisk,
    /// Connections break.
    Storm,
    /// A clock is set wrong.
    ClockJump,
    /// A clock runs fast or slow.
    ClockDrift,
    /// Clients are cut off from all nodes and come back: executors lose their leases, or keep them.
    ClientsCut,
    /// A bit of a node's store flips while it is off; the node is sent away and joins again with an empty disk.
    BitFlip,
    /// A node is sent away, and joins again by a ticket with an empty disk.
    Membership,
    /// The same; then it comes to coordinate, while another node is off that went before it was back.
    Succession,
    /// The relay loses its power, and with it all circuits and places; it comes back.
    Relay,
    /// The coordinator answers somebody and is heard by no other node after that; clients ask both it and its successor.
    LastWord,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Crash,
        Self::PowerCut,
        Self::Restart,
        Self::Split,
        Self::OneWay,
        Self::Bridge,
        Self::Flapping,
        Self::LeaderIsolated,
        Self::Pause,
        Self::SlowDisk,
        Self::DiskError,
        Self::FullDisk,
        Self::Storm,
        Self::ClockJump,
        Self::ClockDrift,
        Self::ClientsCut,
        Self::BitFlip,
        Self::Membership,
        Self::Succession,
        Self::Relay,
        Self::LastWord,
    ];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::PowerCut => "power-cut",
            Self::Restart => "restart",
            Self::Split => "split",
            Self::OneWay => "one-way",
            Self::Bridge => "bridge",
            Self::Flapping => "flapping",
            Self::LeaderIsolated => "leader-isolated",
            Self::Pause => "pause",
            Self::SlowDisk => "slow-disk",
            Self::DiskError => "disk-error",
            Self::FullDisk => "full-disk",
            Self::Storm => "storm",
            Self::ClockJump => "clock-jump",
            Self::ClockDrift => "clock-drift",
            Self::ClientsCut => "clients-cut",
            Self::BitFlip => "bit-flip",
            Self::Membership => "membership",
            Self::Succession => "succession",
            Self::Relay => "relay",
            Self::LastWord => "last-word",
        }
    }

    /// Reads a list of names.
    ///
    /// # Errors
    /// The name that is none, and all that are.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
        names.map(Self::read).collect()
    }

    fn read(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("there is no fault `{name}`; there are: {}", all.join(", "))
        })
    }
}
