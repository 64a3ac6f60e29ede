//! The socket: who is let in, and one task for each connection.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::Request};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::{Shared, http, patience::Patient};
use crate::net::Tls;

/// Most connections at a time; a client of ColonyOS opens one for each request.
const CONNECTIONS_MAX: usize = 4096;
/// Most of one address other than this machine's: behind one there may be a site.
const OF_ONE_ADDRESS: usize = 1024;
/// How long a client may take to send a request's head, and keep a connection without one.
const HEAD_PATIENCE: Duration = Duration::from_secs(60);
/// How long a client may take for the TLS handshake.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long requests under way may still take when the door closes. Those that wait are answered at once, and what
/// changes the colony takes no longer than a commit; whoever sends or reads slowly must not keep a node from stopping.
const FAREWELL: Duration = Duration::from_secs(3);
/// Most bytes of a request's head.
pub(super) const HEAD_MAX: usize = 32 * 1024;
/// Most lines of a request's head.
const HEADERS_MAX: usize = 64;
/// After the system gave no connection, for lack of descriptors.
const REST: Duration = Duration::from_millis(100);
/// Where the address of whoever asks is kept for the handlers.
#[derive(Debug, Clone, Copy)]
pub(super) struct From(pub(super) SocketAddr);

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The address cannot be listened at.
    #[error("cannot listen at http://{address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error("the certificate cannot be shown: {0}")]
    Certificate(#[from] tokio_rustls::rustls::Error),
}

/// Takes the address.
pub(super) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), GatewayError> {
    let failed = |source| GatewayError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// What shows a certificate.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, GatewayError> {
    Ok(TlsAcceptor::from(Arc::new(tls.http_server()?)))
}

/// Lets clients in until the door closes.
pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    connections: TaskTracker,
) {
    let router = http::router(Arc::clone(&shared));
    let guests = Arc::new(Guests::default());
    let runtime = shared.behind.runtime.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                runtime.sleep(REST).await;
                continue;
            }
        };
        // Without a word: whoever opens so many is no client.
        let Some(guest) = guests.admit(from.ip()) else { continue };
        let connection = Connection { shared: Arc::clone(&shared), router: router.clone(), from };
        let served = connection.serve(stream, tls.clone());
        let under_way = connections.token();
        runtime.spawn("gateway-connection", async move {
            served.await;
            drop((guest, under_way));
        });
    }
}

/// One client.
struct Connection {
    shared: Arc<Shared>,
    router: Router,
    from: SocketAddr,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // Replies are small and whole.
        drop(stream.set_nodelay(true));
        let runtime = self.shared.behind.runtime.clone();
        match tls {
            None => self.converse(Patient::new(stream, runtime)).await,
            Some(tls) => match runtime.timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
                Some(Ok(stream)) => self.converse(Patient::new(stream, runtime)).await,
                Some(Err(error)) => tracing::debug!(from = %self.from, %error, "no TLS"),
                None => tracing::debug!(from = %self.from, "no TLS in time"),
            },
        }
    }

    async fn converse<S>(self, stream: S)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let Self { shared, router, from } = self;
        let answer = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(From(from));
            let router = router.clone();
            async move { http::answer(router, request).await }
        });
        let conversation = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(HEAD_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), answer)
            .with_upgrades();
        let mut conversation = std::pin::pin!(conversation);
        let ended: Result<(), hyper::Error> = tokio::select! {
            biased;
            ended = conversation.as_mut() => ended,
            () = shared.closing.cancelled() => {
                conversation.as_mut().graceful_shutdown();
                let runtime = &shared.behind.runtime;
                runtime.timeout(FAREWELL, conversation).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%from, %error, "a connection ended");
        }
    }
}

/// Who is in, by address.
#[derive(Debug, Default)]
struct Guests(Mutex<BTreeMap<IpAddr, usize>>);

/// A place for one connection, until it is dropped.
struct Guest(Arc<Guests>, IpAddr);

impl Guests {
    fn admit(self: &Arc<Self>, from: IpAddr) -> Option<Guest> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = guests.values().sum();
        let own = guests.get(&from).copied().unwrap_or_default();
        if all >= CONNECTIONS_MAX || (own >= OF_ONE_ADDRESS && !from.is_loopback()) {
            return None;
        }
        guests.insert(from, own.saturating_add(1));
        Some(Guest(Arc::clone(self), from))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = guests.get_mut(&self.1) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                guests.remove(&self.1);
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("from", &self.from).finish_non_exhaustive()
    }
}

/// What a router answers with.
pub(super) type Answered = Result<axum::response::Response, Infallible>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places() {
        let guests = Arc::new(Guests::default());
        let [busy, other]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let mut all: Vec<_> = (0..OF_ONE_ADDRESS).map(|_| guests.admit(busy).unwrap()).collect();
        assert!(guests.admit(busy).is_none());
        assert!(guests.admit(other).is_some());
        all.pop();
        assert!(guests.admit(busy).is_some());
        all.clear();
        assert!(guests.0.lock().unwrap().is_empty());
    }
}
