//! Colonies whose members know next to nothing of each other: real processes that find one another through the network.

mod finding;
