//! What calls may take. In: calls on all connections. Out: the same, or a status where one takes too long or all together
//! too much memory. Must not hold up a call because of another one: who is too many is told so, and does not wait.
//!
//! The memory that is counted is that of requests on their way in, which is all that a caller can make us hold: a request that
//! has arrived is answered at once, one after the other.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, Service, http},
    server::NamedService,
};

/// How much, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of all requests that have not arrived whole.
    pub bytes: usize,
    /// How long a call may take, most of which is waiting for the request to arrive.
    pub time: Duration,
}

/// Three of the largest requests at once, or a thousand of the usual ones; well below the memory that `deploy` grants.
pub(super) const LIMITS: Limits = Limits { bytes: 48 << 20, time: Duration::from_secs(60) };

/// What a call takes before anything of its request has arrived.
const CALL_BYTES: usize = 16 << 10;

/// A service within limits that all of its clones share.
#[derive(Clone)]
pub(super) struct Bounded<S> {
    inner: S,
    time: Duration,
    bytes: Arc<Semaphore>,
}

impl<S> Bounded<S> {
    pub fn new(inner: S, limits: Limits) -> Self {
        Bounded { inner, time: limits.time, bytes: Arc::new(Semaphore::new(limits.bytes)) }
    }
}

impl<S: NamedService> NamedService for Bounded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Bounded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Some(taken) = take(&self.bytes, CALL_BYTES) else {
            return Box::pin(std::future::ready(Ok(busy().into_http())));
        };
        let request = request.map(|body| Body::new(Arriving { body, bytes: Arc::clone(&self.bytes), taken }));
        let (answer, time) = (self.inner.call(request), self.time);
        Box::pin(async move {
            timeout(time, answer).await.unwrap_or_else(|_| {
                let seconds = time.as_secs_f32();
                Ok(Status::deadline_exceeded(format!("the call was not over after {seconds} s")).into_http())
            })
        })
    }
}

fn take(bytes: &Arc<Semaphore>, count: usize) -> Option<OwnedSemaphorePermit> {
    Arc::clone(bytes).try_acquire_many_owned(count.try_into().ok()?).ok()
}

/// The one that Crossplane calls again for, perhaps another replica.
fn busy() -> Status {
    Status::unavailable("too many requests are on their way at once; call again")
}

/// The body of a request, which is counted for as long as it is there.
struct Arriving {
    body: Body,
    bytes: Arc<Semaphore>,
    taken: OwnedSemaphorePermit,
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            match take(&self.bytes, data.len()) {
                Some(more) => self.taken.merge(more),
                None => return Poll::Ready(Some(Err(busy()))),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
