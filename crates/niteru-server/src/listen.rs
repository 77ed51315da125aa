//! Connections: so many at a time, with limits of time and size, ended cleanly.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, Sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::proxy::{ProxyAddress, is_proxy};
use crate::route::Peer;

/// Connections at a time, of all clients, of one, and of a network that may be one client with many addresses.
const CONNECTIONS: usize = 1024;
const CONNECTIONS_OF_ONE: usize = 256;
const CONNECTIONS_OF_NETWORK: usize = 512;

/// Longest that a client takes to agree on TLS, to say anything, or to send a request's headers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest that requests which run when the server is stopped are waited for.
const FAREWELL: Duration = Duration::from_secs(10);

/// Most bytes of a request's headers.
const HEADER_BYTES: usize = 64 * 1024;

/// Takes connections until it is told to stop, then waits for the requests that run. Gives until when what else is
/// under way is to be waited for.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    proxies: Vec<ProxyAddress>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> Instant {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let clients = Clients::default();
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            // In this order: once it is told to stop nothing is accepted any more, however many clients wait.
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, address, permit)) = accepted else {
            continue;
        };
        // A proxy has those of all its clients.
        let client = match is_proxy(&proxies, address.0.ip()) {
            true => None,
            false => match clients.enter(address.0.ip()) {
                None => continue,
                client => client,
            },
        };
        let (tls, router, watcher) = (tls.clone(), router.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _held = (permit, client);
            // Answers are small and wait for nothing that could join them.
            let _ = stream.set_nodelay(true);
            match tls {
                None => connection(stream, address, router, watcher).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, tls.accept(stream)).await
                    {
                        connection(stream, address, router, watcher).await;
                    }
                }
            }
        });
    }
    drop(listener);
    // Who does not end by then is cut off with the runtime.
    let until = Instant::now() + FAREWELL;
    let _ = timeout_at(until, graceful.shutdown()).await;
    until
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, Peer(address), permit)),
        Err(_) => {
            // Out of files, most likely: those that end make room.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    watcher: Watcher,
) {
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES as u32)
        .max_concurrent_streams(64)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(PATIENCE);
    let service = TowerToHyperService::new(service);
    let stream = TokioIo::new(Greeted::new(stream));
    let connection = builder.serve_connection(stream, service);
    // A client that goes away is no failure of ours.
    let _ = watcher.watch(connection).await;
}

/// What a client sends first that speaks HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that fails when for long at first nothing comes from its client, or no more than the beginning of
/// [`PREFACE`]: only after that is known which limits for headers apply.
struct Greeted<S> {
    stream: S,
    /// Until it is known.
    patience: Option<Pin<Box<Sleep>>>,
    /// Bytes of the preface that have come.
    seen: usize,
}

impl<S> Greeted<S> {
    fn new(stream: S) -> Greeted<S> {
        let patience = tokio::time::sleep(PATIENCE);
        Greeted {
            stream,
            patience: Some(Box::pin(patience)),
            seen: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(patience) = &mut self.patience else {
            return read;
        };
        if read.is_pending() && patience.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let came = &buffer.filled()[before..];
        let awaited = &PREFACE[self.seen..];
        self.seen += came.len().min(awaited.len());
        if self.seen == PREFACE.len() || !awaited.starts_with(came) {
            self.patience = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How many connections each client has, and each network of more than one address.
#[derive(Clone, Default)]
struct Clients(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection of a client; counts until it is dropped.
struct Client {
    clients: Clients,
    /// Its address; and its network, where that is another.
    counted: Vec<IpAddr>,
}

impl Clients {
    /// `None`: the client has as many as it may.
    fn enter(&self, address: IpAddr) -> Option<Client> {
        let mut clients = self.0.lock();
        let mut counted = vec![address];
        counted.extend(Some(network(address)).filter(|network| *network != address));
        for (one, most) in counted
            .iter()
            .zip([CONNECTIONS_OF_ONE, CONNECTIONS_OF_NETWORK])
        {
            if clients.get(one).is_some_and(|count| *count >= most) {
                return None;
            }
        }
        for one in &counted {
            *clients.entry(*one).or_default() += 1;
        }
        Some(Client {
            clients: self.clone(),
            counted,
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut clients = self.clients.0.lock();
        for one in &self.counted {
            if let Some(count) = clients.get_mut(one) {
                *count -= 1;
                if *count == 0 {
                    clients.remove(one);
                }
            }
        }
    }
}

/// What one client may have many addresses of: with IPv6, a network of 64 bits.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_connections() {
        let clients = Clients::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut held: Vec<_> = (0..CONNECTIONS_OF_ONE)
            .map(|_| clients.enter(one))
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(clients.enter(one).is_none());
        assert!(clients.enter(other).is_some());
        held.pop();
        assert!(clients.enter(one).is_some());
        drop(held);
        assert!(clients.0.lock().is_empty(), "nothing is left behind");

        // Of a network no more than twice as many, whoever in it has them.
        let of = |at: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, at]);
        let held: Vec<_> = (0..3 * CONNECTIONS_OF_ONE)
            .map_while(|at| clients.enter(of(1 + at as u16 % 7)))
            .collect();
        assert_eq!(held.len(), CONNECTIONS_OF_NETWORK);
        assert!(clients.enter(one).is_some());
        drop(held);
        assert!(clients.0.lock().is_empty());
    }
}
