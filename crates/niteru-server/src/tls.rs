//! TLS from certificate files, with ring.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::{ServerError, TlsFiles};

/// What connections are secured with. TLS 1.2 and 1.3.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServerError> {
    let certificates = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unusable(&files.key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable(&files.certificate))?
        .with_no_client_auth()
        .with_single_cert(certificates, key);
    let mut config = config.map_err(unusable(&files.certificate))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The server's certificate, and those that lead from it to one that clients know.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(unusable(file))?;
    let certificates: Vec<_> = certificates
        .collect::<Result<_, _>>()
        .map_err(unusable(file))?;
    match certificates.is_empty() {
        true => Err(unusable(file)("no certificate is in it (PEM expected)")),
        false => Ok(certificates),
    }
}

fn unusable<E: std::fmt::Display>(file: &Path) -> impl FnOnce(E) -> ServerError {
    let path = file.to_path_buf();
    move |error| ServerError::Tls {
        path,
        reason: error.to_string(),
    }
}
