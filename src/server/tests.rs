//! The server over loopback, as a client sees it.

use super::authority::{Authority, write};
use super::bounds::{LIMITS, Limits};
use super::{Error, Run, Transport, listen, serve, serve_within};
use crate::wire::{
    Event, Object, Response, Severity,
    codec::Codec,
    proto::{
        self, RunFunctionRequest, RunFunctionResponse, function_runner_service_client::FunctionRunnerServiceClient,
    },
};
use pretty_assertions::assert_eq;
use rcgen::KeyPair;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_stream::StreamExt;
use tonic::{
    Code,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

static SLEEPS: AtomicBool = AtomicBool::new(false);

/// Passes on, except for inputs that ask for something else.
const ECHO: Run = |request, _| {
    let mut response = Response::to(request);
    match request.input.as_ref().and_then(kind).as_deref() {
        Some("Panic") => panic!("hunter2"),
        Some("Sleep") => {
            SLEEPS.store(true, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(300));
        }
        _ => {}
    }
    response.events.push(Event { severity: Severity::Normal, reason: "Echo".into(), message: "x".into() });
    response
};

fn kind(input: &Object) -> Option<String> {
    input.decode::<BTreeMap<String, String>>("input").ok()?.remove("kind")
}

struct Serving {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    server: JoinHandle<Result<(), Error>>,
}

impl Serving {
    async fn start(transport: Transport) -> Serving {
        Serving::within(LIMITS, transport).await
    }

    async fn within(limits: Limits, transport: Transport) -> Serving {
        let listener = listen(LOOPBACK).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let server = tokio::spawn(async move {
            let ended = async { _ = ended.await };
            serve_within(limits, listener, None, &transport, ECHO, ended).await
        });
        Serving { address, end, server }
    }

    async fn plaintext(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// A connection on which one call was made, since a refusal may come only after the handshake.
    async fn mutual_tls(&self, tls: ClientTlsConfig) -> Result<Channel, String> {
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address)).unwrap();
        let channel = endpoint.tls_config(tls).unwrap().connect().await.map_err(|error| format!("{error:?}"))?;
        call(&channel, "tag", "").await.map_err(|error| format!("{error:?}"))?;
        Ok(channel)
    }

    async fn end(self) {
        self.end.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }
}

async fn call(channel: &Channel, tag: &str, input: &str) -> Result<RunFunctionResponse, tonic::Status> {
    let request = RunFunctionRequest {
        meta: Some(proto::RequestMeta { tag: tag.into(), ..Default::default() }),
        input: Object::of(&json!({ "kind": input })).into(),
        context: Object::of(&json!({"passed": ["on"]})).into(),
        ..Default::default()
    };
    let response = FunctionRunnerServiceClient::new(channel.clone()).run_function(request).await?;
    Ok(response.into_inner())
}

async fn serving_with(authority: &Authority) -> (Serving, TempDir) {
    let folder = TempDir::new().unwrap();
    authority.mount(folder.path(), SystemTime::UNIX_EPOCH);
    let serving = Serving::start(Transport::MutualTls { certificates: folder.path().to_owned() }).await;
    (serving, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_in_plaintext() {
    let serving = Serving::start(Transport::Plaintext).await;
    let response = call(&serving.plaintext().await, "tag", "").await.unwrap();
    assert_eq!(response.meta.unwrap().tag, "tag");
    assert_eq!(Object::from(response.context), Object::of(&json!({"passed": ["on"]})));
    assert_eq!(response.results[0].reason(), "Echo");
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_only_clients_of_the_authority() {
    let authority = Authority::new();
    let (serving, _folder) = serving_with(&authority).await;
    serving.mutual_tls(authority.client()).await.unwrap();

    serving.mutual_tls(authority.trusted()).await.unwrap_err();
    let (certificate, key) = Authority::new().certify();
    let stranger = authority.trusted().identity(Identity::from_pem(certificate, key));
    serving.mutual_tls(stranger).await.unwrap_err();
    let (certificate, key) = authority.certify_expired();
    let late = authority.trusted().identity(Identity::from_pem(certificate, key));
    serving.mutual_tls(late).await.unwrap_err();
    serving.mutual_tls(authority.client()).await.unwrap();
    serving.end().await;
}

/// Some callers that go on until a call fails or it is over, on one connection or on a new one for each call. Out: how many
/// calls were answered, and why the last was not.
fn callers(serving: &Serving, tls: &ClientTlsConfig, over: &Arc<AtomicBool>) -> Vec<JoinHandle<(u32, Option<String>)>> {
    let caller = |number: u32| {
        let endpoint = Endpoint::from_shared(format!("https://{}", serving.address)).unwrap();
        let (endpoint, over) = (endpoint.tls_config(tls.clone()).unwrap(), Arc::clone(over));
        tokio::spawn(async move {
            let mut channel = None;
            for answered in 0.. {
                if over.load(Ordering::Relaxed) {
                    return (answered, None);
                }
                if channel.is_none() || number.is_multiple_of(2) {
                    match endpoint.connect().await {
                        Ok(connected) => channel = Some(connected),
                        Err(error) => return (answered, Some(format!("no connection: {error:?}"))),
                    }
                }
                if let Err(status) = call(channel.as_ref().unwrap(), "tag", "").await {
                    return (answered, Some(format!("{:?}: {}", status.code(), status.message())));
                }
            }
            unreachable!()
        })
    };
    (0..6).map(caller).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_lost_while_certificates_rotate() {
    let authority = Authority::new();
    let (serving, folder) = serving_with(&authority).await;
    let over = Arc::new(AtomicBool::new(false));
    let callers = callers(&serving, &authority.client(), &over);
    for second in 1..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // One file after the other, so that a connection can see half of it.
        authority.mount(folder.path(), SystemTime::UNIX_EPOCH + Duration::from_secs(second));
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        let (answered, lost) = caller.await.unwrap();
        assert_eq!(lost, None);
        assert!(answered > 10, "{answered}");
    }
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_rotated_certificates_for_new_connections() {
    let (old, new) = (Authority::new(), Authority::new());
    let (serving, folder) = serving_with(&old).await;
    let connected = serving.mutual_tls(old.client()).await.unwrap();

    // A rotation that is only half done leaves the last ones in use.
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    write(&folder.path().join("tls.key"), "not a key", later);
    serving.mutual_tls(old.client()).await.unwrap();

    new.mount(folder.path(), later + Duration::from_secs(1));
    serving.mutual_tls(new.client()).await.unwrap();
    serving.mutual_tls(old.client()).await.unwrap_err();
    call(&connected, "tag", "").await.unwrap();
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_does_not_hold_up_others() {
    let authority = Authority::new();
    let (serving, _folder) = serving_with(&authority).await;
    // More than may shake hands at once.
    let mut silent = vec![];
    for _ in 0..100 {
        silent.push(tokio::net::TcpStream::connect(serving.address).await.unwrap());
    }
    let soon = Duration::from_secs(5); // before any of those is given up
    tokio::time::timeout(soon, serving.mutual_tls(authority.client())).await.unwrap().unwrap();
    serving.end().await;
}

/// A call whose request never ends: it begins with a message of that tag, or with nothing.
fn endless(channel: &Channel, tag: Option<String>) -> JoinHandle<Result<(), tonic::Status>> {
    let channel = channel.clone();
    tokio::spawn(async move {
        let meta = |tag| Some(proto::RequestMeta { tag, ..Default::default() });
        let first = tag.map(|tag| RunFunctionRequest { meta: meta(tag), ..Default::default() });
        let messages = tokio_stream::iter(first).chain(tokio_stream::pending());
        let path = PathAndQuery::from_static("/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction");
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.unwrap();
        let codec = Codec::<RunFunctionRequest, RunFunctionResponse>::default();
        grpc.client_streaming(tonic::Request::new(messages), path, codec).await.map(drop)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_given_up_and_holds_up_nobody() {
    let limits = Limits { time: Duration::from_millis(500), ..LIMITS };
    let serving = Serving::within(limits, Transport::Plaintext).await;
    let channel = serving.plaintext().await;
    let slow: Vec<_> = (0..20).map(|_| endless(&channel, None)).collect();
    for channel in [channel, serving.plaintext().await] {
        call(&channel, "quick", "").await.unwrap();
    }
    for slow in slow {
        let status = slow.await.unwrap().unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, "the call was not over after 0.5 s"));
    }
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_on_their_way_are_bounded_over_all_connections() {
    let limits = Limits { bytes: 1 << 20, ..LIMITS };
    let serving = Serving::within(limits, Transport::Plaintext).await;
    let mut on_their_way = vec![];
    let refused = loop {
        let channel = serving.plaintext().await;
        on_their_way.push((endless(&channel, Some("x".repeat(200 << 10))), channel.clone()));
        tokio::time::sleep(Duration::from_millis(50)).await;
        if let Err(status) = call(&channel, &"x".repeat(200 << 10), "").await {
            break status;
        }
        assert!(on_their_way.len() < 6, "a megabyte has no room for six");
    };
    let busy = (Code::Unavailable, "too many requests and answers are on their way at once; call again");
    assert_eq!((refused.code(), refused.message()), busy);
    assert!(on_their_way.len() >= 3, "it has room for some: {}", on_their_way.len());
    // Small ones have room still; and once the others are gone, large ones too.
    let other = serving.plaintext().await;
    call(&other, "small", "").await.unwrap();
    on_their_way.iter().for_each(|(call, _)| call.abort());
    drop(on_their_way);
    tokio::time::sleep(Duration::from_millis(100)).await;
    call(&other, &"x".repeat(900 << 10), "").await.unwrap();

    // As many calls as there is room for, of which nothing has arrived yet.
    let mut calls = vec![];
    for _ in 0..2 {
        let channel = serving.plaintext().await;
        calls.extend((0..40).map(|_| endless(&channel, None)));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let status = call(&other, "one too many", "").await.unwrap_err();
    assert_eq!((status.code(), status.message()), busy);
    calls.iter().for_each(JoinHandle::abort);
    tokio::time::sleep(Duration::from_millis(100)).await;
    call(&other, "small", "").await.unwrap();
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_are_bounded_and_given_up() {
    let limits = Limits { bytes: 1 << 20, time: Duration::from_millis(700), ..LIMITS };
    let serving = Serving::within(limits, Transport::Plaintext).await;
    let large = "x".repeat(300 << 10);
    // Whoever grants no more than a byte of an answer.
    let endpoint = Endpoint::from_shared(format!("http://{}", serving.address)).unwrap();
    let unread = endpoint.initial_stream_window_size(1).connect().await.unwrap();
    let calls = (0..8).map(|_| {
        let (channel, large) = (unread.clone(), large.clone());
        tokio::spawn(async move { call(&channel, &large, "").await })
    });
    let calls: Vec<_> = calls.collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let other = serving.plaintext().await;
    let status = call(&other, &large, "").await.unwrap_err();
    let busy = (Code::Unavailable, "too many requests and answers are on their way at once; call again");
    assert_eq!((status.code(), status.message()), busy);
    call(&other, "small", "").await.unwrap();

    let soon = Duration::from_secs(5);
    for call in calls {
        tokio::time::timeout(soon, call).await.unwrap().unwrap().unwrap_err();
    }
    call(&other, &"x".repeat(900 << 10), "").await.unwrap();
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_connections_one_without_a_call_is_closed() {
    let limits = Limits { connections: 3, ..LIMITS };
    let serving = Serving::within(limits, Transport::Plaintext).await;
    let busy = serving.plaintext().await;
    let never_ends = endless(&busy, None);
    let mut idle = tokio::net::TcpStream::connect(serving.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for number in 0..10 {
        call(&serving.plaintext().await, &format!("{number}"), "").await.unwrap();
    }
    let mut received = vec![];
    let closed = tokio::io::AsyncReadExt::read_to_end(&mut idle, &mut received);
    _ = tokio::time::timeout(Duration::from_secs(5), closed).await.unwrap();
    assert!(!never_ends.is_finished());
    call(&busy, "still open", "").await.unwrap();
    never_ends.abort();
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_calls_on_a_connection_the_next_waits_for_one_to_end() {
    let serving = Serving::start(Transport::Plaintext).await;
    let channel = serving.plaintext().await;
    let mut calls: Vec<_> = (0..super::CALLS).map(|_| endless(&channel, None)).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let waits = tokio::spawn({
        let channel = channel.clone();
        async move { call(&channel, "the next", "").await }
    });
    call(&serving.plaintext().await, "elsewhere", "").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waits.is_finished());
    calls.pop().unwrap().abort();
    let soon = Duration::from_secs(5);
    tokio::time::timeout(soon, waits).await.unwrap().unwrap().unwrap();
    calls.iter().for_each(JoinHandle::abort);
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_request_of_too_many_parts() {
    let serving = Serving::start(Transport::Plaintext).await;
    let channel = serving.plaintext().await;
    let ask = async |count: usize| {
        let found = proto::Resource { resource: Object::of(&json!({"kind": "A"})).into(), ..Default::default() };
        let required = BTreeMap::from([("all".into(), proto::Resources { items: vec![found; count] })]);
        let request = RunFunctionRequest { required_resources: required, ..Default::default() };
        FunctionRunnerServiceClient::new(channel.clone()).run_function(request).await
    };
    ask(40_000).await.unwrap();
    let status = ask(60_000).await.unwrap_err();
    let message = "the request has more than 100000 resources and parts of them; ask for fewer resources";
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, message));

    // Two parts for each, and one for the list.
    let list = async |items: usize| {
        let context = Object::of(&json!({"all": vec![json!(null); items]})).into();
        let request = RunFunctionRequest { context, ..Default::default() };
        FunctionRunnerServiceClient::new(channel.clone()).run_function(request).await
    };
    list(190_000).await.unwrap();
    let status = list(210_000).await.unwrap_err();
    let message = "an object of the request has more than 400000 parts, more than Kubernetes stores; leave it out";
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, message));
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finishes_calls_in_flight() {
    let serving = Serving::start(Transport::Plaintext).await;
    let channel = serving.plaintext().await;
    let in_flight = tokio::spawn({
        let channel = channel.clone();
        async move { call(&channel, "late", "Sleep").await }
    });
    while !SLEEPS.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let address = serving.address;
    serving.end().await;
    assert_eq!(in_flight.await.unwrap().unwrap().meta.unwrap().tag, "late");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_only_its_own_call() {
    let serving = Serving::start(Transport::Plaintext).await;
    let channel = serving.plaintext().await;
    let status = call(&channel, "broken", "Panic").await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Internal, "the function panicked, see its log for the request broken")
    );
    call(&channel, "sound", "").await.unwrap();
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_a_request_that_is_too_large() {
    let serving = Serving::start(Transport::Plaintext).await;
    let channel = serving.plaintext().await;
    let status = call(&channel, &"x".repeat(super::MESSAGE_BYTES), "").await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn says_that_it_serves_and_what() {
    let serving = Serving::start(Transport::Plaintext).await;
    let channel = serving.plaintext().await;
    for service in ["", "apiextensions.fn.proto.v1.FunctionRunnerService"] {
        let request = HealthCheckRequest { service: service.into() };
        let status = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status();
        assert_eq!(status.as_str_name(), "SERVING", "{service}");
    }

    let message_request = Some(MessageRequest::ListServices(String::new()));
    let requests = tokio_stream::once(ServerReflectionRequest { message_request, ..Default::default() });
    let mut responses =
        ServerReflectionClient::new(channel).server_reflection_info(requests).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(listed)) = responses.next().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services")
    };
    let mut names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "apiextensions.fn.proto.v1.FunctionRunnerService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection"
        ]
    );
    drop(responses);
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn says_why_it_does_not_start() {
    let taken = listen(LOOPBACK).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = listen(address).await.unwrap_err().to_string();
    assert_eq!(error, format!("cannot listen on {address}: Address already in use (os error 98)"));

    let folder = TempDir::new().unwrap();
    let check = async |file: &str, expected: &str| {
        let transport = Transport::MutualTls { certificates: folder.path().to_owned() };
        let error =
            serve(listen(LOOPBACK).await.unwrap(), None, &transport, ECHO, std::future::ready(())).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{}: {expected}", folder.path().join(file).display()));
    };
    check("tls.crt", "No such file or directory (os error 2)").await;
    let authority = Authority::new();
    authority.mount(folder.path(), SystemTime::now());
    fs::write(folder.path().join("ca.crt"), "").unwrap();
    check("ca.crt", "has no certificate in PEM format").await;
    authority.mount(folder.path(), SystemTime::now());
    fs::write(folder.path().join("tls.key"), "").unwrap();
    check("tls.key", "has no private key in PEM format").await;
    fs::write(folder.path().join("tls.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    check("tls.crt", "does not belong to tls.key").await;
}
