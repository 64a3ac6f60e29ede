//! Words for founding a colony, running its nodes, and saying who belongs to it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use colony_node::{
    consensus::Timing,
    node::{LOG_KEPT, LOG_KEPT_MIN, REPLACE_AFTER},
};
use colony_protocol::model::member::Role;
use serde::{Deserialize, Serialize};

use super::{NameArgs, Reading, duration};

/// `colony init`.
#[derive(Args, Debug, Clone)]
pub(crate) struct InitArgs {
    /// The colony's name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What this node is called in the colony [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) node_name: Option<String>,
    /// Where its node listens and how patient it is.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Where a node listens and how patient it is; remembered in the home.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct PlaceArgs {
    /// Where to listen [default: as last time; at first all addresses of this machine, TCP and QUIC]
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) listen: Vec<String>,
    /// How soon silence means that a node is gone [default: as last time; at first local]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) timing: Option<TimingWord>,
    /// A peer of the network to begin with; one that answers is enough, and a node that was there before needs none
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) bootstrap: Vec<String>,
    /// Take addresses of this machine and of private networks for as good as any: in a laboratory all peers are near
    #[arg(long)]
    pub(crate) lab: bool,
    /// Relay for members that nobody can dial; for a machine that everybody can dial
    #[arg(long)]
    pub(crate) relay: bool,
    /// The certificate to show where it listens at /tls/ws, as PEM [default: as last time]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM [default: as last time]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// `colony up`.
#[derive(Args, Debug, Clone)]
pub(crate) struct UpArgs {
    /// Where its node listens and how patient it is.
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Serve ColonyOS's clients over HTTP here, and over HTTPS with --tls-cert
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Take work of this type on this machine, too
    #[arg(long, value_name = "TYPE")]
    pub(crate) executor: Option<String>,
    /// Replace a voter that has been gone this long, if a member that may vote is ready to take its seat
    #[arg(long, default_value = "10m", value_name = "SPAN", value_parser = duration)]
    pub(crate) replace_after: Duration,
    /// Keep so many entries of the log for members that lag; who lags more is sent everything anew
    #[arg(long, default_value_t = LOG_KEPT, value_name = "N", value_parser = clap::value_parser!(u64).range(LOG_KEPT_MIN..=10_000_000))]
    pub(crate) log_kept: u64,
}

impl Default for UpArgs {
    fn default() -> Self {
        Self {
            place: PlaceArgs::default(),
            http: None,
            executor: None,
            replace_after: REPLACE_AFTER,
            log_kept: LOG_KEPT,
        }
    }
}

/// How patient a node is.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TimingWord {
    /// Machines in one place: a coordinator that is lost is replaced within a second
    #[default]
    Local,
    /// Links that may stall: within three seconds
    Internet,
}

impl From<TimingWord> for Timing {
    fn from(word: TimingWord) -> Self {
        match word {
            TimingWord::Local => Self::Local,
            TimingWord::Internet => Self::Internet,
        }
    }
}

/// What a member does, as people write it.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleWord {
    /// Keeps a copy of the colony's state and votes
    Voter,
    /// Takes work; keeps no copy
    Executor,
    /// Submits and looks; keeps no copy
    User,
    /// Keeps a copy and never votes
    Observer,
}

impl RoleWord {
    /// The word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Voter => "voter",
            Self::Executor => "executor",
            Self::User => "user",
            Self::Observer => "observer",
        }
    }
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Voter => Self::Voter,
            RoleWord::Executor => Self::Executor,
            RoleWord::User => Self::User,
            RoleWord::Observer => Self::Observer,
        }
    }
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Voter => Self::Voter,
            Role::Executor => Self::Executor,
            Role::User => Self::User,
            Role::Observer => Self::Observer,
        }
    }
}

/// `colony invite`.
#[derive(Args, Debug, Clone)]
pub(crate) struct InviteArgs {
    /// What whoever joins may do
    #[arg(long, value_enum, default_value = "voter", value_name = "ROLE")]
    pub(crate) role: RoleWord,
    /// How long the ticket may be used
    #[arg(long, default_value = "1h", value_name = "SPAN", value_parser = duration)]
    pub(crate) ttl: Duration,
    /// How many members may join with it
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) uses: u32,
    /// The name whoever joins must take [default: their choice]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How long the membership lasts [default: until it is ended]
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    pub(crate) member_ttl: Option<Duration>,
}

/// `colony join`.
#[derive(Args, Debug, Clone)]
pub(crate) struct JoinArgs {
    /// What `colony invite` printed
    #[arg(value_name = "TICKET")]
    pub(crate) ticket: String,
    /// What to be called in the colony [default: the ticket's choice, else the host's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How to run the node.
    #[command(flatten)]
    pub(crate) up: UpArgs,
}

/// `colony members`.
#[derive(Args, Debug, Clone)]
pub(crate) struct MembersArgs {
    /// What to do [default: ls]
    #[command(subcommand)]
    pub(crate) verb: Option<MembersVerb>,
    /// How to read.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// `colony doctor`.
#[derive(Args, Debug, Clone)]
pub(crate) struct DoctorArgs {
    /// A member to find the way to: its name, its id, or an address [default: examine this home]
    #[arg(value_name = "PEER")]
    pub(crate) peer: Option<String>,
}

/// Verbs of `colony members`.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum MembersVerb {
    /// List members
    Ls(Reading),
    /// Let an executor take work
    Approve(NameArgs),
    /// Refuse an executor
    Reject(NameArgs),
    /// End a membership: it is refused from then on, everywhere
    Remove(NameArgs),
    /// Let a node vote
    Promote(NameArgs),
    /// Take a node's vote; it keeps following
    Demote(NameArgs),
}
