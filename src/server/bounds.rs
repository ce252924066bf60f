//! What calls may take. In: calls on all connections. Out: the same, or a status where one takes too long or all together
//! too much memory. Must not hold up a call because of another one: who is too many is told so, and does not wait.
//!
//! The memory that is counted is that of requests on their way in and of answers on their way out, which is all that a caller can
//! make us hold: a request that has arrived is answered at once, one after the other.

use super::connection::Calls;
use http_body::{Body as _, Frame};
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
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
    /// Bytes of all requests that have not arrived whole, and of all answers that are not sent.
    pub bytes: usize,
    /// How long a call may take, most of which is waiting for the request to arrive. Its answer may take as long again.
    pub time: Duration,
    /// Each of Crossplane's pods opens one.
    pub connections: usize,
}

/// Two of the largest requests at once, or hundreds of the usual ones; with what reading one of them takes, below the memory that
/// `deploy` grants.
pub(super) const LIMITS: Limits = Limits { bytes: 32 << 20, time: Duration::from_secs(60), connections: 64 };

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

    /// Another service within the same limits.
    pub fn with<T>(&self, inner: T) -> Bounded<T> {
        Bounded { inner, time: self.time, bytes: Arc::clone(&self.bytes) }
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
        let call = request.extensions().get().map(Calls::begin);
        let request = request.map(|body| Body::new(Arriving { body, bytes: Arc::clone(&self.bytes), taken }));
        let (answer, time, bytes) = (self.inner.call(request), self.time, Arc::clone(&self.bytes));
        let answer = async move { Ok(counted(answer.await?, bytes, call).await) };
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
    Status::unavailable("too many requests and answers are on their way at once; call again")
}

/// The answer, which is counted until it is sent, as its call is. There may be no room for it.
async fn counted(answer: http::Response<Body>, bytes: Arc<Semaphore>, call: Option<Arc<()>>) -> http::Response<Body> {
    let (head, body) = answer.into_parts();
    let mut answer = Answer { first: None, body, bytes, call };
    match poll_fn(|context| Pin::new(&mut answer).poll_frame(context)).await {
        Some(Err(status)) => status.into_http(),
        first => {
            answer.first = first;
            http::Response::from_parts(head, Body::new(answer))
        }
    }
}

/// The body of an answer, of which the first frame has been looked at.
struct Answer {
    first: Option<Result<Frame<Bytes>, Status>>,
    body: Body,
    bytes: Arc<Semaphore>,
    call: Option<Arc<()>>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| match frame?.into_data() {
            Ok(data) => {
                let _taken = take(&self.bytes, data.len()).ok_or_else(busy)?;
                Ok(Frame::data(Bytes::from_owner(Counted { data, _taken, _call: self.call.clone() })))
            }
            Err(trailers) => Ok(trailers),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }
}

/// Bytes that are dropped once the connection has sent them all.
struct Counted {
    data: Bytes,
    _taken: OwnedSemaphorePermit,
    _call: Option<Arc<()>>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
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

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
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
