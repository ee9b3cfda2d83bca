// SPDX-License-Identifier: Apache-2.0
// The function under test in Rust.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use lambda_runtime::streaming::{channel, Body, Response};
use lambda_runtime::{run_concurrent, service_fn, Error, FunctionResponse, LambdaEvent};
use serde_json::{json, Value};
use tokio::time::sleep;

static SERVED: AtomicU64 = AtomicU64::new(0);
type Answer = FunctionResponse<Value, Body>;

fn describe(event: &LambdaEvent<Value>) -> Value {
    let context = &event.context;
    let remaining = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    json!({
        "request_id": context.request_id, "arn": context.invoked_function_arn, "name": context.env_config.function_name,
        "remaining_ms": remaining.as_millis() as u64, "trace_id": context.xray_trace_id.clone().unwrap_or_default(),
        "client": context.client_context.as_ref().and_then(|client| client.custom.get("key")),
    })
}

fn stream(asked: Value) -> Answer {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for part in 0..asked["parts"].as_u64().unwrap_or(0) {
            if sender.send_data(format!("part {part}\n").into()).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(asked["ms"].as_u64().unwrap_or(0))).await;
        }
        if asked["fail"] == true {
            sender.abort();
        }
    });
    FunctionResponse::StreamingResponse(Response::from(body))
}

/// What `kiln conformance` asks of a handler (docs/conformance.md).
async fn conform(asked: Value) -> Result<Answer, Error> {
    let number = |name: &str| asked[name].as_u64().unwrap_or(0);
    let value = match asked["conformance"].as_str().unwrap_or_default() {
        "offers" => json!(["big", "sleep", "exit", "concurrency"]),
        "echo" => asked["value"].clone(),
        "error" => return Err(asked["message"].as_str().unwrap_or_default().into()),
        "big" => "x".repeat(number("size") as usize).into(),
        "sleep" => {
            sleep(Duration::from_millis(number("ms"))).await;
            asked["ms"].clone()
        }
        "exit" => std::process::exit(number("code") as i32),
        other => return Err(format!("no such behaviour: {other}").into()),
    };
    Ok(FunctionResponse::BufferedResponse(value))
}

async fn handler(event: LambdaEvent<Value>) -> Result<Answer, Error> {
    let served = SERVED.fetch_add(1, Ordering::Relaxed) + 1;
    if event.payload["conformance"].is_string() {
        return conform(event.payload).await;
    }
    let pid = std::process::id();
    let value = match event.payload["command"].as_str() {
        Some("context") => describe(&event),
        Some("fail") => return Err("failed on purpose".into()),
        Some("crash") => std::process::abort(),
        Some("exit") => std::process::exit(7),
        Some("exit_later") => {
            std::thread::spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                std::process::exit(7)
            });
            json!({"pid": pid})
        }
        Some("hang") => {
            sleep(Duration::from_secs(600)).await;
            Value::Null
        }
        Some("pause") => {
            println!("pausing");
            sleep(Duration::from_millis(event.payload["ms"].as_u64().unwrap_or(0))).await;
            json!({"tag": event.payload["tag"], "pid": pid, "served": served})
        }
        Some("stream") => return Ok(stream(event.payload)),
        _ => event.payload,
    };
    Ok(FunctionResponse::BufferedResponse(value))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    if std::env::var("INTEROP_INIT").as_deref() == Ok("exit") {
        std::process::exit(3);
    }
    run_concurrent(service_fn(handler)).await
}
