//! What peers that misbehave cannot do.
