// SPDX-License-Identifier: Apache-2.0
package kiln.interop;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** The function under test in Java. */
public final class Function implements RequestHandler<Object, Object> {
  private static final AtomicLong SERVED = new AtomicLong();

  public Function() {
    if ("exit".equals(System.getenv("INTEROP_INIT"))) Runtime.getRuntime().halt(3);
    if ("fail".equals(System.getenv("INTEROP_INIT")) || System.getenv("CONFORMANCE_FAIL_INIT") != null)
      throw new IllegalStateException("failed on purpose in init");
  }

  private static long pid() {
    return ProcessHandle.current().pid();
  }

  private static void sleep(long milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static Map<String, Object> describe(Context context) {
    Map<String, Object> all = new HashMap<>();
    String trace = System.getProperty("com.amazonaws.xray.traceHeader");
    all.put("request_id", context.getAwsRequestId());
    all.put("arn", context.getInvokedFunctionArn());
    all.put("name", context.getFunctionName());
    all.put("remaining_ms", context.getRemainingTimeInMillis());
    all.put("trace_id", trace == null ? "" : trace);
    all.put("client", context.getClientContext() == null ? null : context.getClientContext().getCustom().get("key"));
    return all;
  }

  private static void crash() {
    try {
      new ProcessBuilder("kill", "-KILL", Long.toString(pid())).start();
    } catch (java.io.IOException failed) {
      throw new java.io.UncheckedIOException(failed);
    }
    sleep(60_000);
  }

  /** What kiln conformance asks of a handler (docs/conformance.md). */
  private static Object conform(Map<?, ?> asked) {
    switch (asked.get("conformance").toString()) {
      case "offers":
        return List.of("big", "sleep", "exit", "init-failure", "concurrency");
      case "echo":
        return asked.get("value");
      case "error":
        throw new IllegalArgumentException(asked.get("message").toString());
      case "big":
        return "x".repeat(((Number) asked.get("size")).intValue());
      case "sleep":
        sleep(((Number) asked.get("ms")).longValue());
        return asked.get("ms");
      case "exit":
        Runtime.getRuntime().halt(((Number) asked.get("code")).intValue());
        return null;
      default:
        throw new IllegalArgumentException("no such behaviour: " + asked.get("conformance"));
    }
  }

  @Override
  public Object handleRequest(Object event, Context context) {
    long served = SERVED.incrementAndGet();
    if (event instanceof Map<?, ?> asked && asked.containsKey("conformance")) return conform(asked);
    Object command = event instanceof Map<?, ?> asked ? asked.get("command") : null;
    if (command == null) return event;
    switch (command.toString()) {
      case "context":
        return describe(context);
      case "log":
        context.getLogger().log("first line\nsecond line");
        return "logged";
      case "fail":
        throw new IllegalArgumentException("failed on purpose");
      case "crash":
        crash();
        return null;
      case "exit":
        System.exit(7);
        return null;
      case "exit_later":
        new Thread(() -> {
          sleep(50);
          Runtime.getRuntime().halt(7);
        }).start();
        return Map.of("pid", pid());
      case "hang":
        sleep(600_000);
        return null;
      case "pause":
        System.out.println("pausing");
        sleep(((Number) ((Map<?, ?>) event).get("ms")).longValue());
        Map<String, Object> answer = new HashMap<>();
        answer.put("tag", ((Map<?, ?>) event).get("tag"));
        answer.put("pid", pid());
        answer.put("served", served);
        return answer;
      default:
        return event;
    }
  }
}
