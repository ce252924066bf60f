"""Plays Crossplane with the Python function SDK's own client: one pipeline over mutual TLS.

In, on standard input: {"address", "certificates", "steps": [input...], "composite", "observed": {key: object},
"cluster": [object...]} as JSON. Out, on standard output: what the last step desired and said, as JSON.
Requirements are answered round by round from "cluster", at most five rounds a step, as Crossplane does.
"""

import json
import pathlib
import sys

import grpc
from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as pb
from crossplane.function.proto.v1 import run_function_pb2_grpc as rpc
from google.protobuf import json_format


def struct(value):
    return resource.dict_to_struct(value)


def matches(selector, found):
    metadata = found.get("metadata", {})
    if (found.get("apiVersion"), found.get("kind")) != (selector.api_version, selector.kind):
        return False
    if selector.HasField("namespace") and metadata.get("namespace") != selector.namespace:
        return False
    if selector.HasField("match_name"):
        return metadata.get("name") == selector.match_name
    labels = metadata.get("labels", {})
    return all(labels.get(name) == value for name, value in selector.match_labels.labels.items())


def request(play, step, desired, context, required):
    made = pb.RunFunctionRequest(meta=pb.RequestMeta(tag="python"), desired=desired)
    made.meta.capabilities.extend([pb.CAPABILITY_CAPABILITIES, pb.CAPABILITY_REQUIRED_RESOURCES])
    made.input.CopyFrom(struct(step))
    made.context.CopyFrom(context)
    made.observed.composite.resource.CopyFrom(struct(play["composite"]))
    for key, observed in play["observed"].items():
        made.observed.resources[key].resource.CopyFrom(struct(observed))
    for name, found in required.items():
        made.required_resources[name].items.extend(pb.Resource(resource=struct(item)) for item in found)
    return made


def run_step(stub, play, step, desired, context):
    required = {"database-platform": []}
    for _ in range(6):
        response = stub.RunFunction(request(play, step, desired, context, required), timeout=10)
        assert response.meta.tag == "python", "the tag comes back"
        asked = {
            name: [found for found in play["cluster"] if matches(selector, found)]
            for name, selector in response.requirements.resources.items()
        }
        asked["database-platform"] = []
        if asked == required:
            return response
        required = asked
    sys.exit(f"the requirements of {step['kind']} do not settle")


def main():
    play = json.load(sys.stdin)
    certificates = pathlib.Path(play["certificates"])
    read = lambda name: (certificates / name).read_bytes()
    credentials = grpc.ssl_channel_credentials(read("ca.crt"), read("tls.key"), read("tls.crt"))
    with grpc.secure_channel(play["address"], credentials) as channel:
        stub = rpc.FunctionRunnerServiceStub(channel)
        desired, context = pb.State(), struct({})
        for step in play["steps"]:
            response = run_step(stub, play, step, desired, context)
            desired, context = response.desired, response.context
            if any(result.severity == pb.SEVERITY_FATAL for result in response.results):
                break
    json.dump(
        {
            "composite": json_format.MessageToDict(desired.composite.resource),
            "resources": {key: json_format.MessageToDict(made.resource) for key, made in desired.resources.items()},
            "ready": {key: pb.Ready.Name(made.ready) for key, made in desired.resources.items()},
            "conditions": {condition.type: condition.reason for condition in response.conditions},
            "results": [result.message for result in response.results],
        },
        sys.stdout,
    )


main()
