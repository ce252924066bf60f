//! One call. In: a `RunFunctionRequest`. Out: what the step answers, and what is logged and counted of it. A panic in a step
//! is the caller's error and ours to log, and no other call notices.

use super::metrics::{Call, Metrics, Outcome, Said, Source};
use super::waiting::Waits;
use crate::api::{claim::Engine, input::Step, status::ConditionType};
use crate::gate::deletion::ATTEMPT;
use crate::operators::name_of;
use crate::wire::{
    self, Object, Request, Response, Severity, Truth,
    proto::{self, function_runner_service_server::FunctionRunnerService},
};
use jiff::Timestamp;
use serde::{
    Deserialize,
    de::{self, value::StrDeserializer},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};
use tonic::Status;

/// A step: a pure function of the request and the time.
pub type Run = fn(&Request, Timestamp) -> Response;

#[derive(Clone)]
pub(super) struct Runner {
    pub run: Run,
    pub metrics: Arc<Metrics>,
}

#[tonic::async_trait]
impl FunctionRunnerService for Runner {
    async fn run_function(
        &self,
        request: tonic::Request<proto::RunFunctionRequest>,
    ) -> Result<tonic::Response<proto::RunFunctionResponse>, Status> {
        let request = request.into_inner();
        let tag = request.meta.as_ref().map(|meta| meta.tag.clone()).unwrap_or_default();
        let mut source = Source { step: UNKNOWN, engine: UNKNOWN.into() };
        let began = Instant::now();
        // Nothing outlives a panic: the request is this call's own, and a step keeps no state.
        let answer = catch_unwind(AssertUnwindSafe(|| self.answer(request, began, &mut source)));
        answer.map(tonic::Response::new).map_err(|_| {
            tracing::error!(tag, "could not answer: the step panicked");
            self.metrics.count(Call { outcome: Outcome::Panicked, ..Call::new(source, began.elapsed()) });
            Status::internal(format!("the function panicked, see its log for the request {tag}"))
        })
    }
}

/// A step or an engine that is none of ours.
const UNKNOWN: &str = "unknown";

impl Runner {
    fn answer(
        &self,
        request: proto::RunFunctionRequest,
        began: Instant,
        source: &mut Source,
    ) -> proto::RunFunctionResponse {
        let request = wire::decode(request);
        let input =
            request.input.as_ref().and_then(|input| input.text("input", &["kind"]).ok().flatten()).unwrap_or_default();
        if let Some(step) = Step::ALL.into_iter().find(|step| step.kind() == input) {
            source.step = step.name();
        }
        source.engine = engine(&request.composite);
        let response = (self.run)(&request, Timestamp::now());
        let (observed, desired) = (request.observed.len(), response.desired.resources.len());
        let fatal = response.events.iter().any(|event| event.severity == Severity::Fatal);
        let call = Call {
            outcome: if fatal { Outcome::Fatal } else { Outcome::Answered },
            results: response.events.iter().map(|event| (severity(event.severity), event.reason.clone())).collect(),
            said: (source.step == Step::Report.name() && !fatal).then(|| said(&request.composite, &response)),
            ..Call::new(source.clone(), Duration::ZERO)
        };
        let answer = wire::encode(response);
        let duration = began.elapsed();
        self.metrics.count(Call { duration, ..call });
        let microseconds = duration.as_micros() as u64;
        let Source { step, engine } = source;
        // At every reconcile of every database: who wants to count looks at the metrics.
        if fatal {
            tracing::warn!(tag = request.tag, step, engine, microseconds, observed, desired, "stopped");
        } else {
            tracing::debug!(tag = request.tag, step, engine, microseconds, observed, desired, "answered");
        }
        answer
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal => "fatal",
        Severity::Warning => "warning",
        Severity::Normal => "normal",
    }
}

/// Its engine, for the counters: no text that somebody made up.
fn engine(composite: &Object) -> String {
    let engine = match composite.text("composite", &["spec", "engine"]) {
        Ok(Some(name)) => Engine::deserialize(StrDeserializer::<de::value::Error>::new(name)).ok(),
        Ok(None) if !composite.is_empty() => Some(Engine::default()),
        Ok(None) | Err(_) => None,
    };
    engine.map_or_else(|| UNKNOWN.into(), |engine| name_of(&engine))
}

/// The last step repeats the conditions of all steps.
fn said(composite: &Object, response: &Response) -> Said {
    let is_false = |kind: ConditionType| {
        let name = name_of(&kind);
        response.conditions.iter().any(|condition| condition.kind == name && condition.status == Truth::False)
    };
    let status = |path: &[&str]| text(&response.desired.composite.object, &[&["status"], path].concat()).is_some();
    let waits = Waits {
        approval: is_false(ConditionType::Approved) || status(&["approval", "deletion", "command"]),
        correction: is_false(ConditionType::Validated),
    };
    let number = |uid: &str| {
        let mut hasher = DefaultHasher::new();
        uid.hash(&mut hasher);
        hasher.finish()
    };
    Said {
        database: text(composite, &["metadata", "uid"]).map(number),
        waits,
        held: waits != Waits::default() || status(&["waiting", "until"]),
        deletion_refused: text(composite, &["metadata", "annotations", ATTEMPT]).is_some(),
    }
}

fn text<'a>(object: &'a Object, path: &[&str]) -> Option<&'a str> {
    object.text("composite", path).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};
    use std::{collections::BTreeMap, fs::File};

    #[tokio::test]
    async fn logs_what_was_called_and_no_value() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(File::options().append(true).open(log.path()).unwrap());
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::DEBUG);
        let subscriber = subscriber.with_writer(writer).finish();
        // Without one of the whole process, a test on another thread can have an event switched off for good.
        let nowhere =
            tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(std::io::sink).finish();
        _ = tracing::subscriber::set_global_default(nowhere);
        let _logging = tracing::subscriber::set_default(subscriber);

        let secret = || Object::of(&json!({"kind": "Secret", "data": {"password": "hunter2"}})).into();
        let request = |tag: &str| proto::RunFunctionRequest {
            meta: Some(proto::RequestMeta { tag: tag.into(), ..Default::default() }),
            input: Object::of(&json!({"apiVersion": "v1", "kind": "Engines", "password": "hunter2"})).into(),
            observed: Some(proto::State {
                composite: None,
                resources: BTreeMap::from([(
                    "hunter2".into(),
                    proto::Resource { resource: secret(), ..Default::default() },
                )]),
            }),
            ..Default::default()
        };
        let call = async |run: Run, tag: &str| {
            Runner { run, metrics: Arc::default() }.run_function(tonic::Request::new(request(tag))).await
        };
        call(|request, _| Response::to(request), "first").await.unwrap();
        call(|request, _| panic!("{:?}", request.observed), "second").await.unwrap_err();

        let lines = std::fs::read_to_string(log.path()).unwrap();
        assert!(!lines.contains("hunter2"), "{lines}");
        let lines: Vec<BTreeMap<String, Value>> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        for (field, value) in [("level", json!("DEBUG")), ("tag", json!("first")), ("step", json!("compose-engine"))] {
            assert_eq!(lines[0][field], value);
        }
        for (field, value) in [("observed", json!(1)), ("desired", json!(0)), ("message", json!("answered"))] {
            assert_eq!(lines[0][field], value);
        }
        assert!(lines[0]["microseconds"].is_u64());
        for (field, value) in [("level", json!("ERROR")), ("tag", json!("second"))] {
            assert_eq!(lines[1][field], value);
        }
    }

    #[tokio::test]
    async fn counts_by_step_and_engine() {
        let metadata = json!({"uid": "one", "annotations": {ATTEMPT: "Background"}});
        let composite = json!({"metadata": metadata, "spec": {"engine": "redis"}});
        let request = |input: &str| proto::RunFunctionRequest {
            input: Object::of(&json!({"kind": input})).into(),
            observed: Some(proto::State {
                composite: Some(proto::Resource { resource: Object::of(&composite).into(), ..Default::default() }),
                resources: BTreeMap::new(),
            }),
            ..Default::default()
        };
        let held: Run = |request, _| {
            let no = |kind: &str| wire::Condition {
                kind: kind.into(),
                status: Truth::False,
                reason: "AwaitingApproval".into(),
                message: None,
            };
            let event = wire::Event {
                severity: Severity::Warning,
                reason: "AwaitingApproval".into(),
                message: "hunter2".into(),
            };
            Response { conditions: vec![no("Approved"), no("Monitored")], events: vec![event], ..Response::to(request) }
        };
        let metrics: Arc<Metrics> = Arc::default();
        let call = async |input: &str, run: Run| {
            let runner = Runner { run, metrics: Arc::clone(&metrics) };
            runner.run_function(tonic::Request::new(request(input))).await
        };
        let awaits_its_window: Run = |request, _| {
            let mut response = Response::to(request);
            response.desired.composite.object = Object::of(&json!({"status": {"waiting": {"until": "tonight"}}}));
            response
        };
        // What an earlier step says is repeated by the last, and counted once.
        call("ApprovalGate", held).await.unwrap();
        call("Report", awaits_its_window).await.unwrap();
        call("Report", held).await.unwrap();
        call("Report", |_, _| panic!("hunter2")).await.unwrap_err();
        let text = metrics.text();
        let source = "step=\"report\",engine=\"redis\"";
        for line in [
            format!("calls_total{{{source},outcome=\"answered\"}} 2"),
            format!("calls_total{{{source},outcome=\"panicked\"}} 1"),
            format!("results_total{{{source},severity=\"warning\",reason=\"AwaitingApproval\"}} 1"),
            format!("held_total{{{source}}} 2"),
            format!("refused_deletions_total{{{source}}} 2"),
            "held_total{step=\"production-approval\",engine=\"redis\"} 0".into(),
            "approvals_pending{engine=\"redis\"} 1".into(),
            "problems{engine=\"redis\"} 0".into(),
        ] {
            assert!(text.contains(&format!("\nfunction_database_{line}\n")), "no {line} in\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
}
