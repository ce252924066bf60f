//! The echoes that the function is held against: what any function costs that is written in Rust, before it does anything.

use crate::plain::{self, function_runner_service_server as decoded};
use crate::server::MESSAGE_BYTES;
use function_database::wire::proto::{self, function_runner_service_server as undecoded};
use std::path::Path;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

struct Echo;

/// What tonic and prost do with nobody's help: everything decoded, everything encoded.
#[tonic::async_trait]
impl decoded::FunctionRunnerService for Echo {
    async fn run_function(
        &self,
        request: Request<plain::RunFunctionRequest>,
    ) -> Result<Response<plain::RunFunctionResponse>, Status> {
        let request = request.into_inner();
        let meta = plain::ResponseMeta { tag: request.meta.unwrap_or_default().tag, ttl: None };
        let (desired, context) = (request.observed, request.context);
        let response = plain::RunFunctionResponse { meta: Some(meta), desired, context, ..Default::default() };
        Ok(Response::new(response))
    }
}

/// The same with structs as the bytes that they are on the wire, and so the least that a server of this protocol can do. By
/// the program's own codec, which counts the parts of a message before it reads it.
#[tonic::async_trait]
impl undecoded::FunctionRunnerService for Echo {
    async fn run_function(
        &self,
        request: Request<proto::RunFunctionRequest>,
    ) -> Result<Response<proto::RunFunctionResponse>, Status> {
        let request = request.into_inner();
        let meta = proto::ResponseMeta { tag: request.meta.unwrap_or_default().tag, ttl: None };
        let (desired, context) = (request.observed, request.context);
        let response = proto::RunFunctionResponse { meta: Some(meta), desired, context, ..Default::default() };
        Ok(Response::new(response))
    }
}

/// Serves until it is killed. In: `decoded` or `undecoded`, perhaps a folder of certificates for mutual TLS, and the address.
pub async fn serve(arguments: &[String]) {
    let (kind, certificates, address) = match arguments {
        [kind, address] => (kind, None, address),
        [kind, folder, address] => (kind, Some(Path::new(folder)), address),
        _ => unreachable!("{arguments:?}"),
    };
    let mut server = Server::builder();
    if let Some(folder) = certificates {
        let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
        let identity = Identity::from_pem(read("tls.crt"), read("tls.key"));
        let tls = ServerTlsConfig::new().identity(identity).client_ca_root(Certificate::from_pem(read("ca.crt")));
        server = server.tls_config(tls).unwrap();
    }
    let address = address.parse().unwrap();
    let serving = match kind.as_str() {
        "decoded" => {
            let service = decoded::FunctionRunnerServiceServer::new(Echo).max_decoding_message_size(MESSAGE_BYTES);
            server.add_service(service).serve(address).await
        }
        _ => {
            let service = undecoded::FunctionRunnerServiceServer::new(Echo).max_decoding_message_size(MESSAGE_BYTES);
            server.add_service(service).serve(address).await
        }
    };
    serving.unwrap();
}
