//! ColonyOS's documented development keys. Everybody knows them: they protect nothing.

use colony_protocol::identity::{IdentityError, SecretKey};

use crate::error::Failure;

/// `COLONIES_SERVER_PRVKEY`.
const SERVER: &str = "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d";
/// `COLONIES_COLONY_PRVKEY`.
const OWNER: &str = "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514";
/// `COLONIES_EXECUTOR_PRVKEY`, which the documentation also uses for submitting.
const EXECUTOR: &str = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05";

/// The keys of a development colony.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// The node.
    pub(super) server: SecretKey,
    /// The colony's owner.
    pub(super) owner: SecretKey,
    /// The documented executor, and whoever types commands.
    pub(super) executor: SecretKey,
    /// The executor of this machine; apart, so that an SDK's executor with the documented key takes nothing from it.
    pub(super) local: SecretKey,
}

impl Keys {
    /// All of them.
    pub(super) fn documented() -> Result<Self, Failure> {
        let key = |text: &str| text.parse().map_err(|error: IdentityError| Failure::new(error.to_string()));
        Ok(Self {
            server: key(SERVER)?,
            owner: key(OWNER)?,
            executor: key(EXECUTOR)?,
            local: SecretKey::derive(b"colony dev: the local executor"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_have_the_documented_ids() {
        let keys = Keys::documented().unwrap();
        for (key, id) in [
            (keys.server, "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103"),
            (keys.owner, "4787a5071856a4acf702b2ffcea422e3237a679c681314113d86139461290cf4"),
            (keys.executor, "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac"),
        ] {
            assert_eq!(key.identity().to_hex(), id);
        }
    }
}
