//! Callers who mean harm: many at once, with a certificate, as it were. What the program takes stays within what is documented,
//! and others are answered again as soon as they are gone.

use super::{Client, Server, free_address, requests};
use bytes::Bytes;
use function_database::wire::proto::{Resource, Resources, RunFunctionRequest, State};
use std::net::TcpStream;
use std::time::Duration;
use tonic::Code;

/// What docs/operations.md and docs/decisions/0033-hostile-callers.md say, in MiB above an idle server's.
const ABOVE_IDLE: u64 = 110;
const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_when_every_call_is_hostile() {
    let server = Server::start(free_address());
    let honest = server.client().await;
    let sound = requests();
    let answered = async || {
        for request in &sound {
            honest.clone().run_function(request.clone()).await.unwrap();
        }
    };
    answered().await;
    let idle = server.memory("VmRSS:");
    let half_open: Vec<_> = (0..200).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    answered().await;

    let mut refused = 0;
    for request in &sound {
        for hostile in hostile(request).chunks(5) {
            let mut calls = vec![];
            for hostile in hostile.iter().cloned() {
                let mut client = server.client().await;
                calls.push(tokio::spawn(async move { client.run_function(hostile).await }));
            }
            for call in calls {
                match call.await.unwrap() {
                    Ok(_) => {}
                    Err(status) => {
                        let limits = [Code::ResourceExhausted, Code::Unavailable, Code::OutOfRange, Code::Internal];
                        assert!(limits.contains(&status.code()), "{status:?}");
                        refused += 1;
                    }
                }
            }
            answered().await;
        }
    }
    assert!(refused > 0, "nothing was too much");

    // Answers that nobody reads, of which it could be made to hold four hundred.
    let mut unread = vec![];
    for _ in 0..8 {
        let client: Client = server.client_with(|endpoint| endpoint.initial_stream_window_size(1)).await;
        unread.extend((0..50).map(|_| {
            let (mut client, mut request) = (client.clone(), sound[2].clone());
            request.context.push(object(&["other"], &text(MIB)));
            tokio::spawn(async move { client.run_function(request).await.map(drop) })
        }));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (peak, now) = (server.memory("VmHWM:"), server.memory("VmRSS:"));
    println!("{idle} MiB idle, {peak} at most, {now} with answers that nobody reads");
    assert!(peak - idle <= ABOVE_IDLE, "{idle} MiB idle, {peak} at most");
    let busy = unread.iter().filter(|call| call.is_finished()).count();
    assert!(busy > 300, "only {busy} of 400 large answers were too many");
    unread.iter().for_each(tokio::task::JoinHandle::abort);
    drop((unread, half_open));
    tokio::time::sleep(Duration::from_millis(200)).await;
    answered().await;
}

/// Wherever it stands; and one level less is read, or passed on.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_nested_too_deep_is_turned_away() {
    let server = Server::start(free_address());
    let mut client = server.client().await;
    for request in requests() {
        let places: [fn(&mut RunFunctionRequest) -> &mut Vec<Bytes>; 5] = [
            |request| &mut request.input,
            |request| &mut request.context,
            |request| &mut request.observed.get_or_insert_default().composite.get_or_insert_default().resource,
            |request| &mut state(&mut request.observed).resource,
            |request| &mut state(&mut request.desired).resource,
        ];
        for place in places {
            let mut call = async |levels: u32| {
                let mut request = request.clone();
                // Beside two objects: the one that has the name, and the whole.
                place(&mut request).push(object(&["metadata", "other"], &nested(levels - 2)));
                client.run_function(request).await.map(drop)
            };
            let refused = call(129).await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceExhausted);
            assert!(refused.message().contains("is nested deeper than 128 levels"), "{refused:?}");
            call(128).await.unwrap();
        }
    }
}

fn state(state: &mut Option<State>) -> &mut Resource {
    state.get_or_insert_default().resources.entry("another".into()).or_default()
}

/// The request, with what takes a lot of memory to read, of as little as can be written and of as much.
fn hostile(request: &RunFunctionRequest) -> Vec<RunFunctionRequest> {
    let mut found = vec![];
    for bomb in bombs() {
        for path in [&["db.platform.io/conditions"][..], &["db.platform.io/plan", "document", "plan", "terms"]] {
            let mut request = request.clone();
            request.context.push(object(path, &bomb));
            found.push(request);
        }
        for path in [&["spec", "operations"][..], &["spec", "environments"], &["spec", "networkPolicy"]] {
            let mut request = request.clone();
            request.input.push(object(path, &bomb));
            found.push(request);
        }
        let observed = |request: &mut RunFunctionRequest, key: &str, path: &[&str]| {
            let state: &mut State = request.observed.get_or_insert_default();
            let resource = match key {
                "" => state.composite.get_or_insert_default(),
                key => state.resources.get_mut(key).unwrap(),
            };
            resource.resource.push(object(path, &bomb));
        };
        for (key, path) in [
            ("", &["spec"][..]),
            ("", &["spec", "parameters"]),
            ("cluster", &["status"]),
            ("record", &["spec", "serving"]),
        ] {
            let mut request = request.clone();
            observed(&mut request, key, path);
            found.push(request);
        }
        // As many of them as fit into the largest request.
        let item = Resource { resource: vec![object(&["spec"], &bomb)], ..Resource::default() };
        let items = vec![item; 15 * MIB / (bomb.len() + 64)];
        let mut request = request.clone();
        for found in request.required_resources.values_mut() {
            *found = Resources { items: items.clone() };
        }
        found.push(request);
    }
    found
}

/// Values, each once as large as may be, and once as large as a request.
fn bombs() -> Vec<Vec<u8>> {
    let repeated = |part: &[u8], bytes: usize| part.repeat(bytes / part.len());
    let different = |count: u32| -> Vec<u8> {
        (0..count).flat_map(|number| field(1, &field(1, format!("{number:x}").as_bytes()))).collect()
    };
    vec![
        field(6, &repeated(&[0x0a, 0x00], 398_000 * 2)),
        field(6, &repeated(&[0x0a, 0x00], 15 * MIB)),
        field(6, &repeated(&[0x0a, 0x02, 0x1a, 0x00], 198_000 * 4)),
        field(5, &different(190_000)),
        nested(120),
        nested(5_000),
        text(15 * MIB),
    ]
}

/// A value in as many objects.
fn nested(levels: u32) -> Vec<u8> {
    (0..levels).fold(text(1), |value, _| field(5, &field(1, &field(2, &value))))
}

fn text(bytes: usize) -> Vec<u8> {
    field(3, &vec![b'x'; bytes])
}

/// An object in which these names lead to the value.
fn object(path: &[&str], value: &[u8]) -> Bytes {
    let object = path.iter().rev().fold(value.to_vec(), |value, name| {
        let entry = [field(1, name.as_bytes()), field(2, &value)].concat();
        field(5, &field(1, &entry))
    });
    // Without what makes a value of it.
    let mut rest = &object[..];
    prost::encoding::decode_key(&mut rest).unwrap();
    prost::encoding::decode_varint(&mut rest).unwrap();
    Bytes::copy_from_slice(rest)
}

fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    prost::encoding::bytes::encode(number, &content.to_vec(), &mut bytes);
    bytes
}
