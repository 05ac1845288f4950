"""The curl and grpcurl lines of the documentation do what they say."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import grpc
import httpx
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

PAGE = Path(__file__).resolve().parents[3] / "docs/client.md"
# An indented block; a command ends where the next begins, or the block.
BLOCK = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
COMMAND = re.compile(r"^ {4}(?:grpcurl|curl) (?:.|\n(?! {4}\w))*", re.MULTILINE)


def commands(program):
    text = "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    lines = [line.replace("\\\n", "") for line in COMMAND.findall(text)]
    return [words[1:] for words in map(shlex.split, lines) if words[0] == program]


def ids(words):
    return " ".join(words[-2:])


def grpcurl(words):
    """Does what grpcurl would: messages by reflection, JSON in and out."""
    assert words[0] == "-plaintext"
    data, rest = "", words[1:]
    if rest[0] == "-d":
        data, rest = rest[1], rest[2:]
    address, verb, *symbol = rest
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        if verb == "list":
            return "\n".join(database.get_services())
        pool = descriptor_pool.DescriptorPool(database)
        if verb == "describe":
            fields = pool.FindMessageTypeByName(*symbol).fields
            return "\n".join(field.name for field in fields)
        service, _, name = verb.partition("/")
        method = pool.FindServiceByName(service).methods_by_name[name]
        request = message_factory.GetMessageClass(method.input_type)()
        response = message_factory.GetMessageClass(method.output_type)
        json_format.Parse(data or "{}", request, descriptor_pool=pool)
        call = channel.unary_unary(
            f"/{verb}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        return json_format.MessageToJson(call(request), descriptor_pool=pool)


def curl(words):
    """Does what curl would."""
    data, rest = None, words
    if rest[0] == "-d":
        data, rest = rest[1], rest[2:]
    (url,) = rest
    response = httpx.request("POST" if data else "GET", url, content=data)
    assert response.is_success, response.text
    return response.text


def do(program, words):
    if shutil.which(program.__name__) is None:
        return program(words)
    command = [program.__name__, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def here(server):
    """Puts this server's addresses and model in place of the page's."""
    names = {
        "127.0.0.1:8500": f"127.0.0.1:{server.grpc_port}",
        "127.0.0.1:8501": f"127.0.0.1:{server.rest_port}",
        "my-en-de": "translator",
    }

    def replace(words):
        for old, new in names.items():
            words = [word.replace(old, new) for word in words]
        return words

    return replace


# What each line shows, in the page's order; one for each, or these do not zip.
GRPCURL = [
    "tensorflow.serving.PredictionService",
    "output_filter",
    "SERVING",
    "AVAILABLE",
    "string_val|stringVal|serving_default",
    '"Q0xJQ0sgT0su"',  # CLICK OK.
]
CURL = ["predictions", "attention_scores", "AVAILABLE", "signature_def"]


@pytest.mark.parametrize(
    ("words", "shown"), list(zip(commands("grpcurl"), GRPCURL, strict=True)), ids=ids
)
def test_grpcurl_lines(here, words, shown):
    assert re.search(shown, do(grpcurl, here(words)))


@pytest.mark.parametrize(
    ("words", "shown"), list(zip(commands("curl"), CURL, strict=True)), ids=ids
)
def test_curl_lines(here, words, shown):
    response = do(curl, here(words))
    assert shown in json.dumps(json.loads(response))


def test_what_grpcurl_would_read_is_read_the_same_without_it(here):
    for words in commands("grpcurl"):
        assert grpcurl(here(words))
