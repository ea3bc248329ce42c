//! One request: whose it is, what goes wrong with it, what it does.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};

use super::{
    KUBELET_PORT, Server,
    answer::{Answer, conflict, no_such_path, not_allowed, not_found, refuse, status},
    fault::Fault,
    remove,
    resource::{Place, Selector, query},
    state::{Asked, State},
    survey,
    watch::{self, Stream, Wanted},
    wire, write,
};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Answers a request that came over the connection to `host`. An error breaks the connection.
pub(super) async fn serve(
    server: Server,
    host: Option<String>,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (method, target) = (parts.method.as_str().to_owned(), parts.uri.to_string());
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let place = host.map_or_else(|| target.clone(), |host| format!("{host}{target}"));
    server.with(|state| {
        let mut broken = false;
        let fault = state.fault(&method, &place);
        let answer = match fault {
            Some(Fault::Refuse { code, message, retry_after_s }) => {
                let body = status(code, "Injected", &message, Value::Null);
                retry_after_s
                    .map_or(Answer::Json(code, body.clone()), |after| Answer::Later(code, body, after))
            }
            Some(Fault::Lost) => {
                let at = state.model.now();
                state.asked.push(Asked { at, method, target: place, body, status: 0 });
                return Err(io::Error::other("the connection breaks"));
            }
            other => {
                broken = matches!(other, Some(Fault::Cut));
                if let Some(Fault::Meanwhile(change)) = other {
                    state.model.change(change);
                    state.absorb();
                }
                dispatch(&server, state, &parts.method, &place, &content_type, &body)
            }
        };
        let at = state.model.now();
        state.asked.push(Asked { at, method, target: place, body, status: answer.code() });
        response(answer, broken)
    })
}

/// Does what a request asks for.
fn dispatch(
    server: &Server,
    state: &mut State,
    method: &Method,
    target: &str,
    content_type: &str,
    body: &Value,
) -> Answer {
    let (path, text) = target.split_once('?').map_or((target, None), |(path, text)| (path, Some(text)));
    if let Some((node, "/stats/summary")) = path.split_once(&format!(":{KUBELET_PORT}")) {
        return Answer::Json(200, wire::summary(node, &state.model.summary(node)));
    }
    if let Some(address) = path.strip_suffix(survey::STATUS) {
        return survey::instance(&state.model, address);
    }
    let Some(place) = Place::of(path) else { return no_such_path() };
    let parameters = query(text);
    let parameter = |name: &str| parameters.get(name).map(String::as_str);
    let fields = parameter("fieldSelector").unwrap_or_default();
    if let Some(answer) = survey::read(&state.model, &place, method, fields) {
        return answer;
    }
    if ["leases", "events"].contains(&place.plural.as_str()) {
        return other(state, method, &place, content_type, body);
    }
    let Some(resource) = place.resource() else { return no_such_path() };
    if let Some(name) = &place.name {
        return match *method {
            Method::GET => state.object(resource, name).map_or_else(
                || not_found(resource.plural(), name),
                |object| Answer::Json(200, object.clone()),
            ),
            Method::PATCH => write::patch(state, resource, &place, content_type, body),
            Method::DELETE if place.sub.is_none() => remove::delete(state, resource, name, body),
            _ => not_allowed(method.as_str()),
        };
    }
    if method != Method::GET {
        return not_allowed(method.as_str());
    }
    let selector = Selector::of(parameter("labelSelector").unwrap_or_default());
    if parameter("watch") != Some("true") {
        return watch::list(state, resource, &selector);
    }
    let number = |name: &str| parameter(name).and_then(|text| text.parse::<u64>().ok());
    let wanted = Wanted {
        resource,
        selector,
        after: number("resourceVersion").unwrap_or(0),
        bookmarks: parameter("allowWatchBookmarks") == Some("true"),
        lasts: Duration::from_secs(number("timeoutSeconds").unwrap_or(1800)),
    };
    Answer::Watch(Box::new(Stream::new(server, state, wanted)))
}

/// Leases and Events: stored as they come.
fn other(state: &mut State, method: &Method, place: &Place, content_type: &str, body: &Value) -> Answer {
    let Place { namespace, plural, name, .. } = place;
    let key = |name: &str| format!("{}/{plural}/{name}", namespace.as_deref().unwrap_or_default());
    let mut object = match (method, name) {
        (&Method::POST, None) => body.clone(),
        (&Method::GET | &Method::PATCH, Some(name)) => match state.others.get(&key(name)) {
            None => return not_found(plural, name),
            Some(object) if method == Method::GET => return Answer::Json(200, object.clone()),
            Some(object) => match write::patched(plural, name, object, content_type, body) {
                Ok(object) => object,
                Err(answer) => return answer,
            },
        },
        _ => return not_allowed(method.as_str()),
    };
    let version = state.model.api.next_version();
    let metadata = &mut object["metadata"];
    let given = metadata["name"].as_str().map(str::to_owned);
    let stem = metadata["generateName"].as_str().unwrap_or_default();
    let name = given.unwrap_or_else(|| format!("{stem}{version}"));
    if method == Method::POST {
        if state.others.contains_key(&key(&name)) {
            let words = format!("{plural} \"{name}\" already exists");
            return refuse(409, "AlreadyExists", &words, json!({"name": name, "kind": plural}));
        }
        metadata["name"] = json!(name);
        metadata["uid"] = json!(format!("uid-other-{version}"));
    } else if metadata["name"] != json!(name) {
        return conflict(plural, &name);
    }
    metadata["resourceVersion"] = json!(version.to_string());
    state.others.insert(key(&name), object.clone());
    Answer::Json(if method == Method::POST { 201 } else { 200 }, object)
}

fn response(answer: Answer, broken: bool) -> io::Result<Response<Body>> {
    let code = StatusCode::from_u16(answer.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut later = None;
    let body = match answer {
        Answer::Nobody => return Err(io::Error::other("nobody is there")),
        Answer::Watch(stream) => {
            let lines = futures::stream::unfold(stream, |mut stream| async move {
                let line = stream.next().await?;
                Some((Ok(Frame::data(line)), stream))
            });
            StreamBody::new(lines).boxed_unsync()
        }
        Answer::Json(_, value) => body_of(&value, broken),
        Answer::Later(_, value, seconds) => {
            later = Some(seconds);
            body_of(&value, broken)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = later {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// The whole body, or its first half and then the end of the connection.
fn body_of(value: &Value, broken: bool) -> Body {
    let text = value.to_string();
    if !broken {
        return Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {}).boxed_unsync();
    }
    let half = Bytes::copy_from_slice(text.as_bytes().get(..text.len() / 2).unwrap_or_default());
    let parts = [Ok(Frame::data(half)), Err(io::Error::other("the connection breaks"))];
    StreamBody::new(futures::stream::iter(parts).then(|part| async {
        // What was written before the break gets through.
        tokio::task::yield_now().await;
        part
    }))
    .boxed_unsync()
}
