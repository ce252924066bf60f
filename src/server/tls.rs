//! Mutual TLS. In: a listener and the folder of certificates that Crossplane mounts. Out: connections whose client has
//! proved itself. Must not let one slow handshake hold up the others, nor end because a rotation went wrong.

use super::Error;
use std::{
    collections::VecDeque,
    fmt::Display,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::AbortHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
        server::WebPkiClientVerifier,
    },
    server::TlsStream,
};
use tokio_stream::wrappers::ReceiverStream;

/// How long a client may take to prove itself.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How many clients may be at it at once; one more, and the one that has been at it the longest is let go: whoever means to
/// prove itself has long done so.
const HANDSHAKES: usize = 64;
/// How long to wait after the system could not accept a connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITY: &str = "ca.crt";

/// The server's certificate and the authority of its clients, as they lie in a folder.
pub(super) struct Certificates {
    folder: PathBuf,
    /// When the files were changed that are in use, or that could not be.
    changed: [Option<SystemTime>; 3],
    config: Arc<ServerConfig>,
}

impl Certificates {
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let changed = changed(folder); // before reading: what changes meanwhile is seen the next time
        Ok(Certificates { folder: folder.to_owned(), changed, config: Arc::new(config(folder)?) })
    }

    /// The certificates of this moment. If they rotated to something unusable, the last usable ones.
    fn current(&mut self) -> Arc<ServerConfig> {
        let changed = changed(&self.folder);
        if changed != self.changed {
            self.changed = changed;
            match config(&self.folder) {
                Ok(config) => {
                    self.config = Arc::new(config);
                    tracing::info!("certificates rotated");
                }
                Err(error) => tracing::error!(%error, "certificates changed and cannot be used; the last ones stay"),
            }
        }
        Arc::clone(&self.config)
    }
}

fn changed(folder: &Path) -> [Option<SystemTime>; 3] {
    [CHAIN, KEY, AUTHORITY].map(|file| folder.join(file).metadata().and_then(|found| found.modified()).ok())
}

fn config(folder: &Path) -> Result<ServerConfig, Error> {
    let [chain_file, key_file, authority_file] = [CHAIN, KEY, AUTHORITY].map(|file| folder.join(file));
    let chain = certificates(&chain_file)?;
    let key = PrivateKeyDer::from_pem_file(&key_file).map_err(|error| unreadable(&key_file, error, "private key"))?;
    let mut authorities = RootCertStore::empty();
    for authority in certificates(&authority_file)? {
        authorities.add(authority).map_err(|error| unusable(&authority_file, error))?;
    }
    let provider = Arc::new(ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider))
        .build()
        .map_err(|error| unusable(&authority_file, error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions() // 1.2 and 1.3
        .map_err(super::start_error)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => unusable(&chain_file, format!("does not belong to {KEY}")),
            error => unusable(&chain_file, error),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unreadable(path, pem::Error::NoItemsFound, "certificate")),
        Err(error) => Err(unreadable(path, error, "certificate")),
    }
}

fn unreadable(path: &Path, error: pem::Error, wanted: &str) -> Error {
    match error {
        pem::Error::NoItemsFound => unusable(path, format!("has no {wanted} in PEM format")),
        pem::Error::Io(error) => unusable(path, error),
        error => unusable(path, error),
    }
}

fn unusable(path: &Path, error: impl Display) -> Error {
    Error::Certificate { path: path.to_owned(), message: error.to_string() }
}

/// The connections of clients that have proved themselves. Accepting ends when nobody takes them any more.
pub(super) fn connections(
    listener: TcpListener,
    mut certificates: Certificates,
) -> ReceiverStream<io::Result<TlsStream<TcpStream>>> {
    let (ready, connections) = mpsc::channel(HANDSHAKES);
    tokio::spawn(async move {
        let mut handshakes: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ready.closed() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let acceptor = TlsAcceptor::from(certificates.current());
            let ready = ready.clone();
            handshakes.retain(|handshake| !handshake.is_finished());
            if handshakes.len() == HANDSHAKES
                && let Some(oldest) = handshakes.pop_front()
            {
                oldest.abort();
            }
            let handshake = tokio::spawn(async move {
                match shake_hands(acceptor, stream).await {
                    Ok(stream) => _ = ready.send(Ok(stream)).await, // fails only when the server has ended
                    Err(error) => tracing::warn!(%peer, %error, "refused a client"),
                }
            });
            handshakes.push_back(handshake.abort_handle());
        }
    });
    ReceiverStream::new(connections)
}

async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await?
}

#[cfg(test)]
mod tests {
    use super::{
        super::{authority::Authority, tests::LOOPBACK},
        *,
    };
    use pretty_assertions::assert_eq;
    use std::io::Cursor;
    use tempfile::TempDir;
    use tokio_rustls::{
        TlsConnector,
        rustls::{ClientConfig, SupportedProtocolVersion, version},
    };

    /// What the server says of a client with such a certificate.
    async fn check(
        authority: &Authority,
        certified_by: Option<&Authority>,
        version: &'static SupportedProtocolVersion,
        expected: Result<(), &str>,
    ) {
        let folder = TempDir::new().unwrap();
        authority.mount(folder.path(), SystemTime::now());
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();

        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(trusted);
        let client = match certified_by.map(Authority::certify) {
            None => client.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_reader_iter(Cursor::new(certificate)).map(Result::unwrap).collect();
                client.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        };
        let connecting = tokio::spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            TlsConnector::from(Arc::new(client)).connect("localhost".try_into().unwrap(), stream).await
        });
        let acceptor = TlsAcceptor::from(Certificates::load(folder.path()).unwrap().current());
        let shaken = shake_hands(acceptor, listener.accept().await.unwrap().0).await;
        assert_eq!(shaken.as_ref().map(drop).map_err(ToString::to_string), expected.map_err(str::to_owned));
        let _ = connecting.await.unwrap(); // a client of TLS 1.3 may learn of its refusal only later
    }

    #[tokio::test]
    async fn only_certificates_of_the_authority_are_accepted() {
        let authority = Authority::new();
        for version in [&version::TLS12, &version::TLS13] {
            check(&authority, Some(&authority), version, Ok(())).await;
            check(&authority, None, version, Err("peer sent no certificates")).await;
            check(&authority, Some(&Authority::new()), version, Err("invalid peer certificate: BadSignature")).await;
        }
    }
}
