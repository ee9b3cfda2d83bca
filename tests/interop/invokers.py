# SPDX-License-Identifier: Apache-2.0
# boto3 and the `aws` command line behind one face: an operation by its name in the API, its members, its answer.
import json
import os
import subprocess
import sys

from kiln_server import PATIENCE

REGION = "us-east-1"


class Refused(Exception):
    """The server refused; `code` is the error's name in the API."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Boto3:
    def __init__(self, url, folders, _):
        sys.path.insert(0, folders["invokers"])
        import boto3  # from the component, so it cannot be imported before
        from botocore.config import Config
        self.client = boto3.client("lambda", endpoint_url=url, region_name=REGION, aws_access_key_id="any",
                                   aws_secret_access_key="any", config=Config(retries={"total_max_attempts": 1}))

    def call(self, operation, **members):
        from botocore import xform_name
        from botocore.exceptions import ClientError
        try:
            answer = getattr(self.client, xform_name(operation))(**members)
        except ClientError as refused:
            raise Refused(refused.response["Error"]["Code"], str(refused)) from refused
        if operation == "Invoke":
            answer["Payload"] = answer["Payload"].read()
        return answer

    @staticmethod
    def page(size, marker):
        return {"MaxItems": size, **marker}

    @staticmethod
    def marker(page):
        """What asks for the next page; empty after the last."""
        return {"Marker": page["NextMarker"]} if page.get("NextMarker") else {}


class AwsCommandLine:
    def __init__(self, url, folders, folder):
        self.folder = folder
        self.command = ["/usr/bin/python3", "-m", "awscli", "--endpoint-url", url, "--region", REGION, "--output", "json",
                        "lambda"]
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": folders["invokers"], "HOME": folder,
                            "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_MAX_ATTEMPTS": "1"}

    def call(self, operation, **members):
        """Bytes are handed over in files, the rest as it is or as JSON."""
        members = dict(members)
        if "Code" in members:
            members.update(members.pop("Code"))
        arguments = [kebab(operation)]
        for member, value in members.items():
            if isinstance(value, bytes):
                value = self.file(member, value)
            elif not isinstance(value, (str, int)):
                value = json.dumps(value)
            arguments += ["--" + kebab(member), str(value)]
        out = os.path.join(self.folder, "answer")
        if operation == "Invoke":
            arguments.append(out)
        done = subprocess.run(self.command + arguments, env=self.environment, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            code = done.stderr.partition("(")[2].partition(")")[0]
            raise Refused(code, done.stderr)
        answer = json.loads(done.stdout) if done.stdout.strip() else {}
        if operation == "Invoke":
            with open(out, "rb") as file:
                answer["Payload"] = file.read()
        return answer

    @staticmethod
    def page(size, _):
        """The command line follows the pages itself."""
        return {"PageSize": size}

    @staticmethod
    def marker(_):
        return {}

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return "fileb://" + path


def kebab(operation):
    return "".join("-" + letter.lower() if letter.isupper() else letter for letter in operation).lstrip("-")
