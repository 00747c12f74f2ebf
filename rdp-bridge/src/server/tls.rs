//! The server's certificate and key: made once, kept in the state directory.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

const CERTIFICATE_FILE: &str = "rdp-certificate.pem";
const KEY_FILE: &str = "rdp-key.pem";

/// Why there is no certificate to serve with.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// The key can be read by others.
    #[error("{path}: mode {mode:03o} lets others read the private key; run chmod 600 on it")]
    KeyMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no usable PEM.
    #[error("{path}: {reason}; remove both {CERTIFICATE_FILE} and {KEY_FILE} to have new ones made")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A new certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// rustls refuses the pair, for example because key and certificate do not belong together.
    #[error("cannot serve with this certificate and key: {0}")]
    Rejected(#[from] rustls::Error),
}

/// Certificate and key, ready to serve.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    public_key: Arc<[u8]>,
    fingerprint: String,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl TlsIdentity {
    /// Reads the pair kept in `dir`, or makes a self-signed one there; also gives the SHA-256 fingerprint of the
    /// certificate as `aa:bb:…`, for people to compare.
    ///
    /// # Errors
    /// [`TlsError`]; in particular a key file that others can read is refused.
    pub fn load_or_generate(dir: &Path) -> Result<(Self, String), TlsError> {
        let (certificate, key) = (dir.join(CERTIFICATE_FILE), dir.join(KEY_FILE));
        if !certificate.exists() || !key.exists() {
            generate(&certificate, &key)?;
        }
        let identity = Self::from_pem_files(&certificate, &key)?;
        let fingerprint = identity.fingerprint.clone();
        Ok((identity, fingerprint))
    }

    /// Reads a certificate chain (leaf first) and its private key from PEM files.
    ///
    /// # Errors
    /// As [`load_or_generate`](Self::load_or_generate).
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let mode = fs::metadata(key).map_err(|source| file(key, source))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TlsError::KeyMode { path: key.to_owned(), mode });
        }
        let chain_pem = fs::read(certificate).map_err(|source| file(certificate, source))?;
        let key_pem = fs::read_to_string(key).map_err(|source| file(key, source))?;
        let chain = CertificateDer::pem_slice_iter(&chain_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| content(certificate, &error))?;
        let leaf = chain.first().ok_or_else(|| content(certificate, &"no certificate in it"))?;
        let fingerprint = fingerprint(leaf);
        let der = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| content(key, &error))?;
        let pair = KeyPair::from_pem(&key_pem).map_err(|error| content(key, &error))?;
        // CredSSP binds to the SubjectPublicKey bits of the certificate (MS-CSSP 3.1.5); rustls checks below that
        // certificate and key are a pair, so the key's own bits are the same.
        let public_key = Arc::from(pair.public_key_raw());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, der)?;
        Ok(Self { config: Arc::new(config), public_key, fingerprint })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }
}

fn file(path: &Path, source: io::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), source }
}

fn content(path: &Path, reason: &dyn std::fmt::Display) -> TlsError {
    TlsError::Content { path: path.to_owned(), reason: reason.to_string() }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate);
    let bytes: Vec<_> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

fn generate(certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "Bailey desktop");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pair = KeyPair::generate()?;
    let pem = params.self_signed(&pair)?.pem();
    write_new(key, pair.serialize_pem().as_bytes(), 0o600)?;
    write_new(certificate, pem.as_bytes(), 0o644)
}

/// Writes by way of a temporary name, so that a crash leaves no half a file.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), TlsError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut out =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        out.set_permissions(fs::Permissions::from_mode(mode))?;
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| file(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_finds_the_same_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let (_, first) = TlsIdentity::load_or_generate(dir.path()).unwrap();
        let (identity, second) = TlsIdentity::load_or_generate(dir.path()).unwrap();
        assert_eq!(first, second);
        assert_eq!(first.len(), 32 * 3 - 1);
        assert_eq!(identity.public_key().len(), 65, "an uncompressed P-256 point");
        let mode = fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        TlsIdentity::load_or_generate(dir.path()).unwrap();
        fs::set_permissions(dir.path().join(KEY_FILE), fs::Permissions::from_mode(0o640)).unwrap();
        let error = TlsIdentity::load_or_generate(dir.path()).unwrap_err();
        assert!(matches!(error, TlsError::KeyMode { mode: 0o640, .. }), "{error}");
    }

    #[test]
    fn a_foreign_key_and_garbage_are_refused() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        TlsIdentity::load_or_generate(dir.path()).unwrap();
        TlsIdentity::load_or_generate(other.path()).unwrap();
        fs::copy(other.path().join(KEY_FILE), dir.path().join(KEY_FILE)).unwrap();
        assert!(matches!(TlsIdentity::load_or_generate(dir.path()), Err(TlsError::Rejected(_))));
        fs::write(dir.path().join(CERTIFICATE_FILE), b"garbage").unwrap();
        assert!(matches!(TlsIdentity::load_or_generate(dir.path()), Err(TlsError::Content { .. })));
    }
}
