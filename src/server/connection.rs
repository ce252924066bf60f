//! Connections, of which there are not many, and none that keeps an answer waiting. In: connections as they are accepted. Out: the
//! same, each until it is one too many, or until a call on it is not over. Must not know what is called.

use super::bounds::Limits;
use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
    time::{Instant, Interval, interval_at},
};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::server::Connected;

/// The calls of one connection.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    /// Whether there ever was one.
    any: bool,
    /// Those that are not over, until the last byte of their answers is sent: who began in this turn, and who began before.
    turns: [Arc<()>; 2],
}

impl Calls {
    /// One more, which is over once what comes back is dropped.
    pub fn begin(&self) -> Arc<()> {
        self.counts(|counts| {
            counts.any = true;
            Arc::clone(&counts.turns[0])
        })
    }

    fn were_none(&self) -> bool {
        self.counts(|counts| !counts.any)
    }

    fn are_none(&self) -> bool {
        self.counts(|counts| counts.turns.iter().all(|turn| Arc::strong_count(turn) == 1))
    }

    /// Begins the next turn. Whether all calls are over that began before the one that ends.
    fn turn(&self) -> bool {
        self.counts(|counts| {
            counts.turns.swap(0, 1);
            Arc::strong_count(&counts.turns[0]) == 1
        })
    }

    /// Nothing is left half-done by a panic: counting does not panic.
    fn counts<T>(&self, look: impl FnOnce(&mut Counts) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is known of a connection that is open.
struct Open {
    close: oneshot::Sender<()>,
    calls: Calls,
}

/// The connections, of which only so many are open at once. One more, and another one is closed: the oldest that never had a
/// call, or else of those that have none, or else of all. So who opens connections and does nothing drives away only its like.
pub(super) fn bounded<IO>(
    connections: impl Stream<Item = io::Result<IO>>,
    limits: Limits,
) -> impl Stream<Item = io::Result<Connection<IO>>> {
    let mut open: VecDeque<Open> = VecDeque::new();
    connections.map(move |accepted| {
        let inner = accepted?;
        open.retain(|open| !open.close.is_closed());
        if open.len() == limits.connections {
            tracing::warn!("too many connections: one is closed");
            let first = |which: fn(&Calls) -> bool| open.iter().position(|open| which(&open.calls));
            let which = first(Calls::were_none).or_else(|| first(Calls::are_none));
            if let Some(open) = open.remove(which.unwrap_or_default()) {
                let _ = open.close.send(()); // fails only when it is closed
            }
        }
        let (close, closed) = oneshot::channel();
        let calls = Calls::default();
        open.push_back(Open { close, calls: calls.clone() });
        Ok(Connection {
            inner,
            closed: Some(closed),
            calls,
            turns: interval_at(Instant::now() + limits.time, limits.time),
        })
    })
}

pub(super) struct Connection<IO> {
    inner: IO,
    /// None once nobody accepts connections any more: those that there are go on.
    closed: Option<oneshot::Receiver<()>>,
    calls: Calls,
    turns: Interval,
}

impl<IO> Connection<IO> {
    /// Whether it is to be closed. Whoever asks is woken once it is.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        while self.turns.poll_tick(context).is_ready() {
            if !self.calls.turn() {
                tracing::warn!("an answer was not read in time: its connection is closed");
                return true;
            }
        }
        let closed = self.closed.as_mut().map_or(Poll::Pending, |closed| Pin::new(closed).poll(context));
        if closed.is_ready() {
            self.closed = None;
        }
        matches!(closed, Poll::Ready(Ok(())))
    }
}

fn over<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
}

impl<IO: AsyncRead + Unpin> AsyncRead for Connection<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.is_over(context) {
            true => over(),
            false => Pin::new(&mut self.inner).poll_read(context, buffer),
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Connection<IO> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.is_over(context) {
            true => over(),
            false => Pin::new(&mut self.inner).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.is_over(context) {
            true => over(),
            false => Pin::new(&mut self.inner).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<IO> Connected for Connection<IO> {
    type ConnectInfo = Calls;

    fn connect_info(&self) -> Calls {
        self.calls.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_over_before_the_turn_after_the_next() {
        let calls = Calls::default();
        assert!(calls.were_none() && calls.are_none() && calls.turn() && calls.turn());
        let call = calls.begin();
        assert!(!calls.were_none() && !calls.are_none());
        assert!(calls.turn(), "it began in the turn that ends");
        let other = calls.begin();
        drop(call);
        assert!(calls.turn(), "it is over, and the other one began in the turn that ends");
        assert!(!calls.turn(), "the other one is not over");
        drop(other);
        assert!(calls.are_none());
    }
}
