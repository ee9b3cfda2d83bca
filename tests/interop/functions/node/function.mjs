// SPDX-License-Identifier: Apache-2.0
// The function under test in Node.
import { setTimeout as sleep } from "node:timers/promises";

if (process.env.INTEROP_INIT === "exit") process.exit(3);
if (process.env.INTEROP_INIT === "fail" || process.env.CONFORMANCE_FAIL_INIT) throw new Error("failed on purpose in init");
let served = 0;

const commands = {
  context: (_, context) => ({
    request_id: context.awsRequestId,
    arn: context.invokedFunctionArn,
    name: context.functionName,
    remaining_ms: context.getRemainingTimeInMillis(),
    trace_id: process.env._X_AMZN_TRACE_ID ?? "",
    client: context.clientContext?.custom?.key ?? null,
  }),
  log: () => {
    console.error("first line\nsecond line");
    return "logged";
  },
  fail: () => {
    throw new RangeError("failed on purpose");
  },
  crash: async () => {
    process.kill(process.pid, "SIGKILL");
    await sleep(60_000);
  },
  exit: () => process.exit(7),
  exit_later: () => {
    setTimeout(() => process.kill(process.pid, "SIGKILL"), 50);
    return { pid: process.pid };
  },
  hang: () => sleep(600_000),
  pause: async (event) => {
    console.log("pausing", event.tag ?? "");
    await sleep(event.ms);
    return { tag: event.tag ?? null, pid: process.pid, served };
  },
};

// What `kiln conformance` asks of a handler (docs/conformance.md).
const conformance = {
  offers: () => ["context", "big", "sleep", "exit", "init-failure", "concurrency"],
  echo: (event) => event.value,
  error: (event) => {
    throw new RangeError(event.message);
  },
  big: (event) => "x".repeat(event.size),
  sleep: async (event) => {
    await sleep(event.ms);
    return event.ms;
  },
  exit: (event) => process.exit(event.code),
  context: (_, context) => ({
    request_id: context.awsRequestId,
    function_arn: context.invokedFunctionArn,
    remaining_ms: context.getRemainingTimeInMillis(),
    trace_id: process.env._X_AMZN_TRACE_ID,
    client_context: context.clientContext ?? null,
    function_name: context.functionName,
    function_version: context.functionVersion,
    memory_mb: Number(context.memoryLimitInMB),
    log_group: context.logGroupName,
  }),
};

export const handler = async (event, context) => {
  served += 1;
  if (typeof event === "object" && event !== null && "conformance" in event)
    return conformance[event.conformance](event, context);
  if (typeof event === "object" && event !== null && "command" in event) return commands[event.command](event, context);
  return event;
};

export const streaming = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType("text/plain");
  for (let part = 0; part < event.parts; part++) {
    stream.write(`part ${part}\n`);
    await sleep(event.ms);
  }
  if (event.fail) throw new RangeError("failed on purpose");
  stream.end();
});
