//! Key files: one key in hex, readable by its owner alone.

use std::{fs::File, io::Read as _, os::unix::fs::PermissionsExt as _, path::Path};

use colony_protocol::identity::SecretKey;

use super::home::HomeError;

/// A key file is 64 characters and a line break; anything much longer is another file.
const FILE_MAX: u64 = 1024;

/// Reads a key, refusing a file that others can read.
pub(super) fn read(path: &Path) -> Result<SecretKey, HomeError> {
    let unreadable = |source| HomeError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(HomeError::Open { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(unreadable)?;
    text.parse().map_err(|source| HomeError::Key { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.key");
        fs::write(&path, SecretKey::derive(b"x").to_hex()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&path), Err(HomeError::Open { mode: 0o644, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap().identity(), SecretKey::derive(b"x").identity());
    }
}
