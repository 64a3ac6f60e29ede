//! Why a program must end before it is done.

/// Why a program must end before it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// The lease's hard deadline passed: the colony decides whether the process is tried again.
    Deadline,
    /// The lease was not renewed in time: the colony may have given the process to somebody else.
    Unrenewed,
    /// A member cancelled the process.
    Cancelled,
    /// The colony said that the lease is not ours any more.
    Lost,
    /// This executor is told to stop and the grace is over.
    Shutdown,
}

impl Stop {
    /// Whether the colony has taken the lease back for certain: then there is nobody left to tell.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Deadline | Self::Cancelled | Self::Lost)
    }

    /// What people read.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Deadline => "deadline passed",
            Self::Unrenewed => "executor lost contact with the colony",
            Self::Cancelled => "cancelled",
            Self::Lost => "lease lost",
            Self::Shutdown => "executor stopped",
        }
    }
}
