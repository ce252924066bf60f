//! One call. In: a `RunFunctionRequest`. Out: what the step answers. A panic in a step is the caller's error and ours to
//! log, and no other call notices.

use crate::wire::{
    self, Object, Request, Response, Severity,
    proto::{self, function_runner_service_server::FunctionRunnerService},
};
use jiff::Timestamp;
use serde::Deserialize;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};
use tonic::Status;

/// A step: a pure function of the request and the time.
pub type Run = fn(&Request, Timestamp) -> Response;

#[derive(Clone, Copy)]
pub(super) struct Runner {
    pub run: Run,
}

#[tonic::async_trait]
impl FunctionRunnerService for Runner {
    async fn run_function(
        &self,
        request: tonic::Request<proto::RunFunctionRequest>,
    ) -> Result<tonic::Response<proto::RunFunctionResponse>, Status> {
        let request = request.into_inner();
        let tag = request.meta.as_ref().map(|meta| meta.tag.clone()).unwrap_or_default();
        // Nothing outlives a panic: the request is this call's own, and a step keeps no state.
        catch_unwind(AssertUnwindSafe(|| self.answer(request))).map(tonic::Response::new).map_err(|_| {
            tracing::error!(tag, "could not answer: the step panicked");
            Status::internal(format!("the function panicked, see its log for the request {tag}"))
        })
    }
}

impl Runner {
    fn answer(&self, request: proto::RunFunctionRequest) -> proto::RunFunctionResponse {
        let began = Instant::now();
        let request = wire::decode(request);
        let response = (self.run)(&request, Timestamp::now());
        let input = request.input.as_ref().map(Kind::of).unwrap_or_default();
        let (observed, desired) = (request.observed.len(), response.desired.resources.len());
        let fatal = response.events.iter().any(|event| event.severity == Severity::Fatal);
        let answer = wire::encode(response);
        let microseconds = began.elapsed().as_micros() as u64;
        tracing::info!(tag = request.tag, input = input.kind, microseconds, observed, desired, fatal, "answered");
        answer
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kind {
    kind: String,
}

impl Kind {
    fn of(input: &Object) -> Kind {
        input.decode("input").unwrap_or_default()
    }
}
