# SPDX-License-Identifier: Apache-2.0
# The manifests that are kept as golden files: file → arguments of `kiln export`. Two for most targets: what is written where
# nothing is said, and where everything is.
import os
import subprocess

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")

IMAGE = ["--image", "registry.example/hello:1"]
# Values that YAML, HCL, Kubernetes, Compose or Nomad would read as something else if they stood there bare.
HARD_VALUES = {
    "EMPTY": "",
    "TRUE": "true",
    "NO": "No",
    "NULL": "null",
    "NUMBER": "1e3",
    "OCTAL": "0755",
    "DATE": "2026-11-27",
    "TIME": "12:30:45",
    "COMMENT": "a #b",
    "COLON": "a: b",
    "QUOTES": "\"double\" 'single' \\back",
    "LINES": "one\ntwo\ttabbed\n",
    "SPACES": "  around  ",
    "DOLLARS": "$HOME $(PORT) $$(PORT) $$ ${HOME} $${HOME} %{if} 5$",
    "UNICODE": "ä 😀 \u2028 \x7f \x85",
    "JSON": '{"a": [1, "b"]}',
    "STAR": "*anchor &name !tag @at `tick`",
}
HARD = [argument for name, value in HARD_VALUES.items() for argument in ("--env", f"{name}={value}")]
SIZES = ["--memory", "1769", "--concurrency", "4", "--ephemeral-storage", "1024", "--handler", "app.main"]
ROUTE = ["--namespace", "shop", "--host", "hello.example.com", "--gateway", "infra/public"]

CASES = {
    "kubernetes.yaml": ["kubernetes", "hello", *IMAGE],
    "kubernetes-full.yaml": ["kubernetes", "hello", *IMAGE, *SIZES, *ROUTE, "--timeout", "60", "--min-instances", "2",
                             "--max-instances", "20",
                             "--scale-on", "in-flight", "--env-from-secret", "hello-secrets", *HARD],
    "kubernetes-fixed.yaml": ["kubernetes", "hello", *IMAGE, "--min-instances", "3", "--max-instances", "3"],
    "kubernetes-pull.yaml": ["kubernetes", "hello", *IMAGE, "--pull", "kiln.kiln.svc:9101"],
    "keda.yaml": ["keda", "hello", *IMAGE],
    "keda-full.yaml": ["keda", "hello", *IMAGE, *SIZES, *ROUTE, "--min-instances", "2", "--env-from-secret", "hello-secrets"],
    "keda-pull.yaml": ["keda", "hello", *IMAGE, "--pull", "kiln.kiln.svc:9101", "--concurrency", "2"],
    "knative.yaml": ["knative", "hello", *IMAGE],
    "knative-full.yaml": ["knative", "hello", *IMAGE, *SIZES, "--timeout", "900", "--namespace", "shop", "--host",
                          "hello.example.com", "--min-instances", "1", "--max-instances", "8", "--env-from-secret",
                          "hello-secrets", *HARD],
    "compose.yaml": ["compose", "hello", *IMAGE],
    "compose-full.yaml": ["compose", "hello", *IMAGE, *SIZES, "--max-instances", "3", "--publish", "0.0.0.0:80",
                          "--env-from-secret", "./hello.env", *HARD],
    "compose-pull.yaml": ["compose", "hello", *IMAGE, "--pull", "192.0.2.1:9101", "--max-instances", "3"],
    "nomad.hcl": ["nomad", "hello", *IMAGE],
    "nomad-full.hcl": ["nomad", "hello", *IMAGE, *SIZES, "--timeout", "60", "--namespace", "shop", "--min-instances", "2", "--env-from-secret",
                       "nomad/jobs/hello", *HARD],
    "nomad-pull.hcl": ["nomad", "hello", *IMAGE, "--pull", "192.0.2.1:9101", "--max-instances", "1"],
}


def written(kiln, arguments):
    """What `kiln export` writes, and nobody but its reader needs: no server, no environment."""
    done = subprocess.run([kiln, "export", *arguments], env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"kiln export {' '.join(arguments)}: {done.returncode}\n{done.stderr.decode()}")
    return done.stdout.decode()


def golden(name):
    with open(os.path.join(GOLDEN, name), encoding="utf-8", newline="") as file:
        return file.read()
