//! TLS for WebSocket addresses: a certificate and its key as a public web server has them.
//!
//! It lets a node be reached where a firewall passes nothing but HTTPS. It proves nothing to us: who is at the other end is
//! proved by the handshake within it, as over TCP. A certificate that browsers believe needs nothing on the other side;
//! one of an authority of one's own is believed by whoever has that authority's certificate in the file that the
//! environment variable `SSL_CERT_FILE` names.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use libp2p::websocket::tls as ws;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::rustls;

/// Names a file with the certificates of authorities to believe beside the public ones, as other programs have it.
const AUTHORITIES: &str = "SSL_CERT_FILE";

/// What a node shows to those who dial it by `/tls/ws`.
#[derive(Clone)]
pub struct Tls {
    certificates: Vec<ws::Certificate>,
    key: ws::PrivateKey,
    /// The same for the door for HTTP.
    chain: Vec<CertificateDer<'static>>,
    secret: Arc<PrivateKeyDer<'static>>,
}

/// Why a certificate cannot be used. The text names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("{} holds no certificate: it must have a line `-----BEGIN CERTIFICATE-----`", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is no key in the file.
    #[error("{} holds no private key: it must have a line `-----BEGIN PRIVATE KEY-----`", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not belong together, or are of a kind that TLS does not know.
    #[error("the certificate in {} does not go with the key in {}: {why}", certificate.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why, in the words of TLS.
        why: String,
    },
}

impl Tls {
    /// Reads a certificate, with those that lead to its authority behind it, and its key, both as PEM.
    ///
    /// # Errors
    /// [`TlsError`], which names the file.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let pem = read(certificate)?;
        let certificates = certificates(&pem);
        let chain = CertificateDer::pem_slice_iter(&pem)
            .filter_map(Result::ok)
            .map(CertificateDer::into_owned)
            .collect();
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate { path: certificate.to_owned() });
        }
        let der = PrivateKeyDer::from_pem_slice(&read(key)?).ok();
        // What is made of the bytes below must know their kind by looking at them.
        let der = der.filter(|der| PrivateKeyDer::try_from(der.secret_der()).is_ok());
        let der = der.ok_or_else(|| TlsError::NoKey { path: key.to_owned() })?;
        let key_of_peers = ws::PrivateKey::new(der.secret_der().to_vec());
        let tls = Self { certificates, key: key_of_peers, chain, secret: Arc::new(der) };
        match tls.served() {
            Ok(_) => Ok(tls),
            Err(why) => Err(TlsError::Mismatch {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
                why: root(&why),
            }),
        }
    }

    /// The same for a web server.
    ///
    /// # Errors
    /// What rustls says of the certificate or the key.
    pub(crate) fn http_server(&self) -> Result<rustls::ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.secret.clone_key())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn served(&self) -> Result<ws::Builder, ws::Error> {
        let mut builder = ws::Config::builder();
        builder.server(self.key.clone(), self.certificates.clone())?;
        Ok(builder)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificates", &self.certificates.len()).finish_non_exhaustive()
    }
}

/// What the transport needs: whom to believe, and what to show if there is something.
pub(crate) fn config(shown: Option<&Tls>) -> ws::Config {
    let served = shown.and_then(|tls| tls.served().ok());
    let mut builder = served.unwrap_or_else(ws::Config::builder);
    let Some(path) = std::env::var_os(AUTHORITIES) else { return builder.finish() };
    match std::fs::read(&path) {
        Ok(pem) => {
            for certificate in certificates(&pem) {
                // Some in such a file may be of a kind that is not used any more.
                if let Err(error) = builder.add_trust(&certificate) {
                    tracing::debug!(path = %path.display(), %error, "an authority is not believed");
                }
            }
        }
        Err(error) => tracing::warn!(path = %path.display(), %error, "{AUTHORITIES} cannot be read"),
    }
    builder.finish()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

/// The certificates in a file.
fn certificates(pem: &[u8]) -> Vec<ws::Certificate> {
    let found = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    found.map(|certificate| ws::Certificate::new(certificate.as_ref().to_vec())).collect()
}

/// What lies at the bottom of an error.
fn root(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn put(&self, name: &str, content: &str) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        }
    }

    fn a_pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.key_pair.serialize_pem())
    }

    #[test]
    fn a_certificate_with_its_key_is_taken() {
        let (files, (certificate, key)) = (Files::new(), a_pair());
        let (certificate, key) = (files.put("cert.pem", &certificate), files.put("key.pem", &key));
        Tls::read(&certificate, &key).unwrap();
    }

    #[test]
    fn what_is_wrong_is_said_with_the_name_of_the_file() {
        let files = Files::new();
        let (one, other) = (a_pair(), a_pair());
        let certificate = files.put("cert.pem", &one.0);
        let key = files.put("key.pem", &one.1);
        let others = files.put("others.pem", &other.1);
        let absent = files.0.path().join("absent.pem");
        let says = |certificate: &Path, key: &Path| Tls::read(certificate, key).unwrap_err().to_string();
        assert!(says(&absent, &key).contains("absent.pem: No such file"), "{}", says(&absent, &key));
        assert!(says(&key, &key).contains("key.pem holds no certificate"));
        assert!(says(&certificate, &certificate).contains("cert.pem holds no private key"));
        let mismatch = says(&certificate, &others);
        assert!(mismatch.contains("cert.pem does not go with the key in") && mismatch.contains("others.pem"));
    }
}
