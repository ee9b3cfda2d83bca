# SPDX-License-Identifier: Apache-2.0
# What is tested: each client with its version, how its package is made, and what it cannot do by its nature.
import dataclasses
import json
import os
import re
import shutil
import subprocess
from typing import Callable

import scores
from invokers import AwsCommandLine, Boto3
from places import ClientPlace, ToolPlace
from platforms import KilnPlatform

HERE = os.path.dirname(os.path.abspath(__file__))
FUNCTIONS = os.path.join(HERE, "functions")
EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(HERE)), "examples")


@dataclasses.dataclass(frozen=True)
class Package:
    """A folder to deploy (or to run in), the handler in it, and for the emulator the bootstrap to start."""
    folder: str
    handler: str
    bootstrap: str = ""
    runtime: str = "provided"


class Subject:
    """What all that is tested has: a `name` of the form "short: package", a version, a platform, and a group of cases."""

    def score(self, folders, build, folder):
        """What `kiln conformance` says of it; None where it has nothing to say."""

    @property
    def short(self):
        return self.name.split(":")[0]

    @property
    def package_name(self):
        return self.name.split(":")[-1].strip()

    @property
    def key(self):
        return re.sub(r"[^a-z0-9]+", "-", f"{self.name}-{self.platform}-{self.group}".lower())


@dataclasses.dataclass(frozen=True)
class Client(Subject):
    """A runtime client under test."""
    name: str
    version: str
    platform: str                          # "kiln" or "emulator"
    components: tuple                      # what scripts/fetch-interop is to fetch
    pack: Callable                         # (folders of the components, folder to fill, build folder)
    error_type: str                        # of the error that the handler raises on purpose
    handler: str = "function.handler"
    streaming: str = "function.handler"    # the handler that streams
    processes: bool = False                # several at once are processes of one instance, not threads
    cannot: dict = dataclasses.field(default_factory=dict)    # case → why
    group: str = "clients"
    judged: Callable = None                # as pack, for kiln conformance; nothing: as `pack`
    judged_stream: str = None              # its handler that streams, where that is another
    runtime: str = "provided"              # empty: kiln's own Python

    def package(self, folders, folder, build):
        os.makedirs(folder, exist_ok=True)
        bootstrap = self.pack(folders, folder, build) or os.path.join(folder, "bootstrap")
        return Package(folder, self.handler, bootstrap, self.runtime or python_of(build))

    def place(self, folders, build, folder):
        return ClientPlace(self, folders, build, folder)

    def score(self, folders, build, folder):
        if self.group != "clients":
            return None
        if not self.judged:
            return scores.of_runtime(build, self.package(folders, os.path.join(folder, self.key + "-judged"), build))
        place = os.path.join(folder, self.key + "-judged")
        return scores.of_runtime(build, Package(place, "index.handler", self.judged(folders, place, build)),
                                 self.judged_stream)


@dataclasses.dataclass(frozen=True)
class Tool(Subject):
    """Something that calls the control server from outside."""
    name: str
    version: str
    make: Callable                         # (URL of the server, folders of the components, folder for files)
    components: tuple = ("invokers",)
    platform: str = "kiln"
    cannot: dict = dataclasses.field(default_factory=dict)
    group: str = "invokers"

    def place(self, folders, build, folder):
        return ToolPlace(self, folders, build, folder)


@dataclasses.dataclass(frozen=True)
class Server(Subject):
    """A server of the Runtime API, for kiln conformance alone."""
    name: str
    version: str
    judge: Callable                        # (folders of the components, build folder)
    components: tuple = ()
    platform: str = "kiln"
    cannot: dict = dataclasses.field(default_factory=dict)
    group: str = "servers"

    def score(self, folders, build, _):
        return self.judge(folders, build)


def python_of(build):
    """The name of the Python runtime that this build has."""
    name, = (each for each in os.listdir(os.path.join(build, "libexec", "kiln")) if each.startswith("python3"))
    return name


def shell(folder, text):
    """A bootstrap that starts what lies elsewhere, as a Dockerfile's entry point does."""
    path = os.path.join(folder, "bootstrap")
    with open(path, "w") as file:
        file.write("#!/bin/sh\nset -e\n" + text)
    os.chmod(path, 0o755)


def function_of(language, folder):
    shutil.copytree(os.path.join(FUNCTIONS, language), folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__"))


def pack_awslambdaric(folders, folder, _):
    function_of("python", folder)
    awslambdaric_starts(folders, folder)


def awslambdaric_starts(folders, folder):
    shell(folder, f'cd "$LAMBDA_TASK_ROOT"\nexport PYTHONPATH={folders["awslambdaric"]}:$PYTHONPATH\n'
                  'exec /usr/bin/python3 -m awslambdaric "$_HANDLER"\n')


def pack_node(folders, folder, _):
    function_of("node", folder)
    node = folders["node"]
    # Parked polls hold threads of libuv's pool, which reading files needs too; four is the default.
    shell(folder, f'export UV_THREADPOOL_SIZE=16\nexec {node}/node {node}/node_modules/aws-lambda-ric/index.mjs\n')


def pack_program(component):
    """A program that is the bootstrap itself."""
    def pack(folders, folder, _):
        shutil.copy2(os.path.join(folders[component], "bootstrap"), folder)
    return pack


def pack_java(folders, folder, _):
    java = folders["java"]
    shell(folder, "exec java -XX:+SuppressFatalErrorMessage -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto "
                  # Without it the client cannot make a stream of the descriptor for its log, and takes its output instead.
                  "--add-opens java.base/java.io=ALL-UNNAMED "
                  "-Dcom.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI="
                  f"{java}/libaws-lambda-jni.so -cp '{java}/classes:{java}/lib/*' "
                  'com.amazonaws.services.lambda.runtime.api.client.AWSLambda "$_HANDLER"\n')


def pack_kiln_python(_, folder, build):
    function_of("python", folder)
    return os.path.join(build, "libexec", "kiln", python_of(build), "bootstrap")


def pack_kiln_cpp(_, folder, build, source=os.path.join(FUNCTIONS, "kiln_cpp")):
    """Built as a user builds one, against the package that the build folder holds."""
    made = folder + "-build"
    for command in (["cmake", "-S", source, "-B", made, "-DCMAKE_BUILD_TYPE=Release",
                     f"-DCMAKE_PREFIX_PATH={build}"], ["cmake", "--build", made]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(made, "kiln-package.txt")) as file:
        shutil.unpack_archive(file.readline().strip(), folder, "zip")
    return os.path.join(build, "libexec", "kiln", "cpp", "bootstrap")


def pack_frameworks(folders, folder, _):
    function_of("frameworks", folder)


def pack_frameworks_awslambdaric(folders, folder, _):
    function_of("frameworks", folder)
    awslambdaric_starts(folders, folder)


def judged_kiln_python(_, folder, build):
    shutil.copytree(os.path.join(EXAMPLES, "conformance-python"), folder)
    return os.path.join(build, "libexec", "kiln", python_of(build), "bootstrap")


def judged_kiln_cpp(folders, folder, build):
    return pack_kiln_cpp(folders, folder, build, os.path.join(EXAMPLES, "conformance-cpp"))


def judge_kiln(_, build):
    platform = KilnPlatform(build)
    try:
        return scores.of_kiln(build, platform.server.url)
    finally:
        platform.kill()


NO_INIT_ERROR = "the client never posts `/init/error`"
NOT_BY_CLIENT = "the client cannot"
EMULATOR_DROPS = "the emulator never passes one on"
EMULATOR_PANICS = "the emulator panics at a second call"
EMULATOR_EMPTY = "the emulator answers with an empty body"
NO_FRAMES = "the client writes its log to its output, line by line"
EMULATOR_BUFFERS = "the emulator takes a streamed answer in whole"


def no_streaming(reason=NOT_BY_CLIENT):
    return {"streaming": reason, "streaming_error": reason}


IN_EMULATOR = {"trace_id": EMULATOR_DROPS, "framed_log": "the emulator keeps no log that could be asked",
               "concurrent": EMULATOR_PANICS, "several_at_once": EMULATOR_PANICS, "several_at_once_load": EMULATOR_PANICS,
               "exit_in_init": EMULATOR_EMPTY, "echo_nothing": "the emulator hands on an event of no bytes, which is not JSON",
               "exit_between_calls": "the emulator fails the next call with it", "executed_headers": "the emulator drops all headers",
               **no_streaming(EMULATOR_BUFFERS)}

CLIENTS = [
    Client("Python: awslambdaric", "4.2.2", "kiln", ("awslambdaric",), pack_awslambdaric, "ValueError", processes=True,
           cannot=no_streaming()),
    Client("Node: aws-lambda-ric", "4.0.2", "kiln", ("node",), pack_node, "RangeError", streaming="function.streaming",
           cannot={}),
    Client("Go: aws-lambda-go", "1.55.1", "kiln", ("go",), pack_program("go"), "errorString",
           cannot={"error_in_init": NO_INIT_ERROR, "framed_log": NO_FRAMES}),
    Client("Rust: lambda_runtime", "1.5.0", "kiln", ("rust",), pack_program("rust"),
           "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>",
           cannot={"error_in_init": NO_INIT_ERROR, "framed_log": NO_FRAMES, "streaming_error": "the client writes the error into the body"}),
    Client("Java: aws-lambda-java-runtime-interface-client", "2.9.0", "kiln", ("java",), pack_java,
           "java.lang.IllegalArgumentException", handler="kiln.interop.Function::handleRequest", cannot=no_streaming()),
    Client("C++: aws-lambda-cpp", "0.2.8", "kiln", ("aws_lambda_cpp",), pack_program("aws_lambda_cpp"), "InteropError",
           cannot={"error_in_init": NO_INIT_ERROR, "framed_log": NO_FRAMES, "several_at_once": NOT_BY_CLIENT, "several_at_once_load": NOT_BY_CLIENT, **no_streaming()}),
    Client("kiln's Python: kiln", "this", "emulator", ("emulator",), pack_kiln_python, "ValueError", streaming="function.streaming",
           cannot=IN_EMULATOR, judged=judged_kiln_python),
    Client("kiln's C++: kiln", "this", "emulator", ("emulator",), pack_kiln_cpp, "std::invalid_argument",
           cannot=IN_EMULATOR, judged=judged_kiln_cpp, judged_stream="index.streaming"),
]

FRAMEWORKS = [
    Client("kiln's Python: aws-lambda-powertools, mangum", "3.37.0, 0.22.0", "kiln", ("frameworks",), pack_frameworks, "",
           runtime="", group="frameworks"),
    Client("awslambdaric: aws-lambda-powertools, mangum", "3.37.0, 0.22.0", "kiln", ("frameworks", "awslambdaric"),
           pack_frameworks_awslambdaric, "", group="frameworks"),
]

TOOLS = [Tool("boto3: boto3", "1.44.5", Boto3), Tool("aws: awscli", "1.46.3", AwsCommandLine, cannot={
    "response_stream": "version 1 of the command line has no such command"})]

SERVERS = [
    Server("kiln's server: kiln", "this", judge_kiln),
    Server("the official emulator: aws-lambda-rie", "of aws-sam-cli 1.170.0",
           lambda folders, build: scores.of_emulator(build, folders["emulator"]), ("emulator",)),
]

SUBJECTS = CLIENTS + FRAMEWORKS + TOOLS + SERVERS
