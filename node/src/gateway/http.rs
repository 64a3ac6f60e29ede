//! Paths and methods, in HTTP.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody as _, to_bytes},
    extract::{Request, State, WebSocketUpgrade},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use colony_protocol::colonyos::{BODY_MAX, Fault, LARGE_BODY_MAX, fault_reply};
use hyper_util::service::TowerToHyperService;
use tokio::sync::SemaphorePermit;

use super::{
    Shared, api,
    listen::{Answered, From, HEAD_MAX},
    metrics, pubsub,
};

/// Room for requests that are larger than [`BODY_MAX`], in MiB: for one of the largest, or for some smaller ones. Reading one
/// takes up to four times its size, which no stranger may have more than once.
pub(super) const LARGE_ROOM: u32 = (LARGE_BODY_MAX / MIB) as u32;
/// The unit of that.
const MIB: usize = 1024 * 1024;
/// How long a client may take to send a body, and to wait until a large one may be sent.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// How long a client may take to send a large body: 5 Mbit/s for the largest.
const LARGE_BODY_PATIENCE: Duration = Duration::from_secs(120);
/// What a request is told that is not read to its end: nobody waits for the rest of it, so its connection ends, too. (408 is
/// also what a client hears that waited for work in vain: it may ask again at once.)
const UNREAD: [StatusCode; 2] = [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];
/// What ColonyOS says of its JSON; no client looks at it.
const TEXT: &str = "text/plain; charset=utf-8";

/// All paths there are. Any other, and any other method, is not found, as in ColonyOS.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api", post(call).fallback(not_found))
        .route("/pubsub", get(subscribe).fallback(not_found))
        .route("/health", get(health).fallback(not_found))
        .route("/metrics", get(tell).fallback(not_found))
        .fallback(not_found)
        .layer(from_fn(allow_origins))
        .layer(from_fn(bound_heads))
        .with_state(shared)
}

/// Hands one request to the router.
pub(super) async fn answer(router: Router, request: Request) -> Answered {
    use hyper::service::Service as _;
    TowerToHyperService::new(router).call(request).await
}

async fn call(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let from = origin(&request);
    let answered = match body(&shared, request.into_body()).await {
        Ok((body, _room)) => api::answer(&shared, from, body).await,
        Err(fault) => Err(fault),
    };
    match answered {
        Ok(text) => text_response(StatusCode::OK, text),
        Err(fault) => {
            let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            text_response(status, fault_reply(&fault))
        }
    }
}

/// All of a body. One that says itself that it is too large is not waited for. One that says that it is large waits until
/// there is room, which it keeps until it is answered.
async fn body(shared: &Shared, body: Body) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Fault> {
    let runtime = &shared.behind.runtime;
    let least = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let (most, patience, room) = if least <= BODY_MAX {
        (BODY_MAX, BODY_PATIENCE, None)
    } else if least <= LARGE_BODY_MAX {
        let room = u32::try_from(least.div_ceil(MIB)).unwrap_or(LARGE_ROOM);
        let Some(Ok(room)) = runtime.timeout(BODY_PATIENCE, shared.large.acquire_many(room)).await else {
            return Err(Fault::new(503, "other large requests are on their way: try again later"));
        };
        (LARGE_BODY_MAX, LARGE_BODY_PATIENCE, Some(room))
    } else {
        return Err(Fault::new(413, format!("the request is larger than {LARGE_BODY_MAX} bytes")));
    };
    match runtime.timeout(patience, to_bytes(body, most)).await {
        Some(Ok(body)) => Ok((body, room)),
        Some(Err(_)) => {
            Err(Fault::new(413, format!("the request is larger than {most} bytes, or was cut off")))
        }
        None => Err(Fault::new(408, "the request did not arrive in time")),
    }
}

async fn subscribe(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(pubsub::MESSAGE_MAX)
        .max_frame_size(pubsub::MESSAGE_MAX)
        .on_upgrade(move |socket| pubsub::converse(shared, socket))
}

async fn health() -> Response {
    text_response(StatusCode::OK, String::new())
}

async fn tell(State(shared): State<Arc<Shared>>) -> Response {
    let told = metrics::tell(&shared);
    let mut response = text_response(StatusCode::OK, told);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn not_found() -> Response {
    text_response(StatusCode::NOT_FOUND, "404 page not found".to_owned())
}

/// Refuses what has a larger head than [`HEAD_MAX`]. The connection bounds what it keeps of a head that is not complete;
/// one that arrives whole at a single look may be larger.
async fn bound_heads(request: Request, next: Next) -> Response {
    /// Colon, space and line's end.
    const BETWEEN: usize = 4;
    let lines = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + BETWEEN);
    if lines.fold(0, usize::saturating_add) > HEAD_MAX {
        let text = format!("the head of the request is larger than {HEAD_MAX} bytes");
        return text_response(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text);
    }
    next.run(request).await
}

/// Pages of any origin may ask: what they ask is signed.
async fn allow_origins(request: Request, next: Next) -> Response {
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        let mut response = StatusCode::NO_CONTENT.into_response();
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Origin,Content-Length,Content-Type"),
            (header::ACCESS_CONTROL_MAX_AGE, "43200"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn text_response(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT));
    if UNREAD.contains(&status) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn origin(request: &Request) -> Option<std::net::SocketAddr> {
    request.extensions().get::<From>().map(|From(address)| *address)
}
