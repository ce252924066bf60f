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

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};
    use std::{collections::BTreeMap, fs::File, sync::Arc};

    #[tokio::test]
    async fn logs_what_was_called_and_no_value() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(File::options().append(true).open(log.path()).unwrap());
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(writer).finish();
        let _logging = tracing::subscriber::set_default(subscriber);

        let secret = || Some(Object::of(&json!({"kind": "Secret", "data": {"password": "hunter2"}})).into());
        let request = |tag: &str| proto::RunFunctionRequest {
            meta: Some(proto::RequestMeta { tag: tag.into(), ..Default::default() }),
            input: Some(Object::of(&json!({"apiVersion": "v1", "kind": "Engines", "password": "hunter2"})).into()),
            observed: Some(proto::State {
                composite: None,
                resources: BTreeMap::from([(
                    "hunter2".into(),
                    proto::Resource { resource: secret(), ..Default::default() },
                )]),
            }),
            ..Default::default()
        };
        let call = async |run: Run, tag: &str| Runner { run }.run_function(tonic::Request::new(request(tag))).await;
        call(|request, _| Response::to(request), "first").await.unwrap();
        call(|request, _| panic!("{:?}", request.observed), "second").await.unwrap_err();

        let lines = std::fs::read_to_string(log.path()).unwrap();
        assert!(!lines.contains("hunter2"), "{lines}");
        let lines: Vec<BTreeMap<String, Value>> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        for (field, value) in [("level", json!("INFO")), ("tag", json!("first")), ("input", json!("Engines"))] {
            assert_eq!(lines[0][field], value);
        }
        for (field, value) in [("observed", json!(1)), ("desired", json!(0)), ("fatal", json!(false))] {
            assert_eq!(lines[0][field], value);
        }
        assert!(lines[0]["microseconds"].is_u64());
        for (field, value) in [("level", json!("ERROR")), ("tag", json!("second"))] {
            assert_eq!(lines[1][field], value);
        }
    }
}
