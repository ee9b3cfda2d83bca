# SPDX-License-Identifier: Apache-2.0
# The golden files of `kiln export` (tests/integration/export), asked by the schemas of the APIs that they are for, and by the
# restricted standard of pod security.
import json
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE, "tests", "integration", "export")]
FETCHED = sys.argv[1]
sys.path[:0] = [os.path.join(FETCHED, "python")]
import hcl2  # noqa: E402
import jsonschema  # noqa: E402
import kubernetes_validate  # noqa: E402
import yaml  # noqa: E402
from cases import CASES, HARD_VALUES, golden  # noqa: E402

KUBERNETES = ("1.30", "1.34", "1.37")
BUILTIN = {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
CUSTOM = {("serving.knative.dev/v1", "Service"): "service.yaml",
          ("serving.knative.dev/v1beta1", "DomainMapping"): "domain-mapping.yaml",
          ("keda.sh/v1alpha1", "ScaledObject"): "keda.sh_scaledobjects.yaml",
          ("gateway.networking.k8s.io/v1", "HTTPRoute"): "gateway.networking.k8s.io_httproutes.yaml"}


def schema_file(name):
    with open(os.path.join(FETCHED, "schemas", name), encoding="utf-8") as file:
        return file.read()


def strict(schema):
    """A schema of a custom resource as the API server takes it under strict field validation: no member unknown to it."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: ({name: strict(each) for name, each in value.items()} if key == "properties" else strict(value))
           for key, value in schema.items()}
    if out.pop("x-kubernetes-int-or-string", False):
        out.pop("anyOf", None)
        out["type"] = ["integer", "string"]
    if "properties" in out and "additionalProperties" not in out and not out.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    return out


def custom_schema(api_version, kind):
    definition = yaml.safe_load(schema_file(CUSTOM[api_version, kind]))
    version, = (each for each in definition["spec"]["versions"] if each["name"] == api_version.split("/")[1])
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}  # the API server's own
    return schema


def objects_of(name):
    return list(yaml.safe_load_all(golden(name)))


def for_kubectl():
    return [(name, each) for name in CASES if name.startswith(("kubernetes", "keda", "knative")) for each in objects_of(name)]


def pods():
    """(file, pod's spec) of all that make pods."""
    return [(name, each["spec"]["template"]["spec"]) for name, each in for_kubectl() if "template" in each["spec"]]


class Kubernetes(unittest.TestCase):
    def test_every_object_is_one_of_its_api(self):
        asked = set()
        for name, each in for_kubectl():
            kind = each["apiVersion"], each["kind"]
            asked.add(kind)
            with self.subTest(name, kind=kind):
                if kind in CUSTOM:
                    jsonschema.Draft7Validator(custom_schema(*kind)).validate(each)
                else:
                    self.assertIn(each["kind"], BUILTIN)
                    for version in KUBERNETES:
                        kubernetes_validate.validate(each, version, strict=True)
        self.assertEqual({kind for _, kind in asked}, BUILTIN | {kind for _, kind in CUSTOM})

    def test_the_schemas_can_say_no(self):
        for name, each in for_kubectl():
            with self.subTest(name, kind=each["kind"]):
                each["spec"]["nonesuch"] = 1
                if (each["apiVersion"], each["kind"]) in CUSTOM:
                    with self.assertRaises(jsonschema.ValidationError):
                        jsonschema.Draft7Validator(custom_schema(each["apiVersion"], each["kind"])).validate(each)
                else:
                    with self.assertRaises(kubernetes_validate.ValidationError):
                        kubernetes_validate.validate(each, KUBERNETES[-1], strict=True)

    def test_pods_keep_the_restricted_standard(self):
        """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, line by line."""
        self.assertGreater(len(pods()), 5)
        for name, pod in pods():
            with self.subTest(name):
                for forbidden in ("hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"):
                    self.assertNotIn(forbidden, pod)
                self.assertEqual([set(volume) for volume in pod["volumes"]], [{"name", "emptyDir"}])
                container, = pod["containers"]
                security = {**pod.get("securityContext", {}), **container["securityContext"]}
                self.assertIs(security["runAsNonRoot"], True)
                self.assertNotEqual(security["runAsUser"], 0)
                self.assertIs(security["allowPrivilegeEscalation"], False)
                self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
                self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
                self.assertFalse(security.keys() & {"privileged", "procMount", "seLinuxOptions", "sysctls", "windowsOptions"})
                self.assertFalse(any("hostPort" in port for port in container.get("ports", [])))

    def test_pods_get_nothing_of_the_cluster_and_write_to_tmp_alone(self):
        for name, pod in pods():
            with self.subTest(name):
                self.assertIs(pod["automountServiceAccountToken"], False)
                self.assertIs(pod["enableServiceLinks"], False)
                self.assertIs(pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"], True)
                self.assertEqual(pod["containers"][0]["volumeMounts"], [{"name": "tmp", "mountPath": "/tmp"}])

    def test_objects_find_one_another(self):
        for name in {name for name, _ in for_kubectl()}:
            objects = {each["kind"]: each for each in objects_of(name)}
            if "Deployment" not in objects:
                continue
            with self.subTest(name):
                template = objects["Deployment"]["spec"]["template"]
                labels = template["metadata"]["labels"].items()
                self.assertLessEqual(objects["Deployment"]["spec"]["selector"]["matchLabels"].items(), labels)
                if service := objects.get("Service"):
                    self.assertLessEqual(service["spec"]["selector"].items(), labels)
                    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
                    self.assertLessEqual({port["targetPort"] for port in service["spec"]["ports"]}, ports)
                scaled = {"HorizontalPodAutoscaler", "ScaledObject"} & set(objects)
                self.assertEqual(len(scaled), 0 if "replicas" in objects["Deployment"]["spec"] else 1)
                self.assertEqual(len({json.dumps(each["metadata"]) for each in objects.values()}), 1)


class Values(unittest.TestCase):
    """What a container gets of a value is what was said, whoever reads the manifest."""

    def test_kubernetes(self):
        for name in ("kubernetes-full.yaml", "knative-full.yaml"):
            found = {each["name"]: each["value"] for each in objects_of(name)[0]["spec"]["template"]["spec"]["containers"][0]["env"]}
            for key, value in HARD_VALUES.items():
                self.assertEqual(self.expanded(found[key]), value)

    @staticmethod
    def expanded(text):
        """As the kubelet does (third_party/forked/golang/expansion), where no variable is defined before."""
        return re.sub(r"\$\$|\$\([^)]*\)", lambda found: "$" if found.group() == "$$" else f"<{found.group()}>", text)

    def test_compose(self):
        found = objects_of("compose-full.yaml")[0]["services"]["hello"]["environment"]
        for key, value in HARD_VALUES.items():
            self.assertIsNone(re.search(r"(?<!\$)(\$\$)*\$(?!\$)", found[key]), "a reference")
            self.assertEqual(found[key].replace("$$", "$"), value)


class Compose(unittest.TestCase):
    def test_files_are_those_of_the_specification(self):
        schema = json.loads(schema_file("compose-spec.json"))
        for name in (name for name in CASES if name.startswith("compose")):
            with self.subTest(name):
                file, = objects_of(name)
                jsonschema.validate(file, schema)
                file["services"]["hello"]["nonesuch"] = 1
                with self.assertRaises(jsonschema.ValidationError):
                    jsonschema.validate(file, schema)


class Nomad(unittest.TestCase):
    """Against the tags of the structures that Nomad reads jobs into."""
    STRUCTURES = {"job": "Job", "update": "UpdateStrategy", "group": "TaskGroup", "scaling": "ScalingPolicy",
                  "network": "NetworkResource", "port": "Port", "service": "Service", "check": "ServiceCheck", "task": "Task",
                  "template": "Template", "resources": "Resources"}
    # What is in these is for a driver, an autoscaler or the function.
    OPEN = {"config", "env", "policy"}

    def setUp(self):
        source = "".join(schema_file(f"{name}.go") for name in ("jobs", "resources", "scaling", "services", "tasks"))
        self.members = {}
        for block, structure in self.STRUCTURES.items():
            body = re.search(rf"^type {structure} struct {{\n(.*?)^}}", source, re.MULTILINE | re.DOTALL).group(1)
            self.members[block] = dict(re.findall(r'hcl:"(\w+),(\w+)"', body))

    def check(self, block, body):
        for name, value in body.items():
            if name == "__is_block__":
                continue
            is_block = isinstance(value, list) and all(isinstance(each, dict) for each in value)
            self.assertIn(name, self.members[block], f"a member of {block}")
            self.assertEqual(self.members[block][name] == "block", is_block, f"{name} of {block}")
            if is_block and name not in self.OPEN:
                for each in value:
                    self.check(name, self.without_label(each))

    @staticmethod
    def without_label(block):
        return block if "__is_block__" in block else next(iter(block.values()))

    def jobs(self):
        for name in (name for name in CASES if name.startswith("nomad")):
            yield name, hcl2.loads(golden(name))

    def test_jobs_are_what_nomad_reads(self):
        for name, job in self.jobs():
            with self.subTest(name):
                self.assertEqual(set(job), {"job"} | set(job) & {"__comments__"})
                self.check("job", self.without_label(job["job"][0]))

    def test_the_structures_can_say_no(self):
        for name, job in self.jobs():
            self.without_label(self.without_label(job["job"][0])["group"][0])["nonesuch"] = 1
            with self.subTest(name), self.assertRaises(AssertionError):
                self.check("job", self.without_label(job["job"][0]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
