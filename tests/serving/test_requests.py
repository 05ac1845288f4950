"""Requests are counted, timed and logged as an operator expects."""

import json
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from keras_attention.serving.core import ModelSpec
from keras_attention.serving.requests import Requests
from keras_attention.serving.wire.errors import Code

ANSWERED = ModelSpec("m", 3, "", "serving_default")


def samples(requests):
    """What a parser reads from the page, which calls every counter `…_total`."""
    families = text_string_to_metric_families(requests.metrics.page())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def finish(requests, model_spec, code=Code.OK, api="Predict", entrypoint="REST"):
    request = requests.begin(entrypoint, api, "1.2.3.4:5", 10)
    request.model_spec = model_spec
    request.finish(code, 20, "why" if code else "", 200)


def test_requests_are_counted_under_tensorflow_serving_s_names():
    requests = Requests()
    finish(requests, ANSWERED)
    finish(requests, ANSWERED, entrypoint="GRPC")
    finish(requests, ModelSpec("m"), Code.INVALID_ARGUMENT)
    finish(requests, ANSWERED, api="GetModelStatus")
    got = samples(requests)
    count = ":tensorflow:serving:request_count_total"
    assert got[count, ("model_name", "m"), ("status", "OK")] == 2
    assert got[count, ("model_name", "m"), ("status", "INVALID_ARGUMENT")] == 1
    labels = (("API", "Predict"), ("entrypoint", "GRPC"), ("model_name", "m"))
    assert got[(":tensorflow:serving:request_latency_count", *labels)] == 1
    labels = (("API", "predict"), ("entrypoint", "REST"), ("model_name", "m"))
    assert got[(":tensorflow:serving:request_latency_count", *labels)] == 1
    signature = (
        ("model_name", "m"),
        ("signature_name", "serving_default"),
        ("version", "3"),
    )
    assert got[(":tensorflow:serving:signature_request_count_total", *signature)] == 2
    assert got[(":tensorflow:serving:requests_under_way",)] == 0


def test_names_that_nobody_has_do_not_fill_the_memory():
    requests = Requests()
    for i in range(1000):
        finish(requests, ModelSpec(f"made up {i}"), Code.NOT_FOUND)
    finish(requests, ANSWERED)
    got = samples(requests)
    count = ":tensorflow:serving:request_count_total"
    assert sum(key[0] == count for key in got) < 150
    others = (("model_name", "(others)"), ("status", "NOT_FOUND"))
    assert got[(count, *others)] == 900
    assert got[count, ("model_name", "m"), ("status", "OK")] == 1


def test_a_model_that_has_not_responded_yet_is_counted_as_itself():
    requests = Requests(is_model=lambda name: name in ("slow", "l" * 1000))
    for i in range(200):
        finish(requests, ModelSpec(f"made up {i}"), Code.NOT_FOUND)
    for name in ("slow", "l" * 1000):
        finish(requests, ModelSpec(name), Code.UNAVAILABLE)
        labels = (("model_name", name), ("status", "UNAVAILABLE"))
        count = ":tensorflow:serving:request_count_total"
        assert samples(requests)[(count, *labels)] == 1


def test_long_names_that_nobody_has_do_not_fill_the_page():
    requests = Requests()
    for i in range(200):
        finish(requests, ModelSpec(f"{i}" + "x" * 60_000), Code.NOT_FOUND)
    assert len(requests.metrics.page()) < 50_000


@pytest.mark.parametrize("field", ["name", "signature_name", "peer", "message"])
def test_no_field_of_the_access_log_is_longer_than_it_must_be(tmp_path, field):
    path = tmp_path / "access.log"
    requests = Requests(access_log=str(path))
    long = "\U0001f600\n" * 500_000
    model_spec = (
        ANSWERED._replace(**{field: long}) if field in ModelSpec._fields else ANSWERED
    )
    request = requests.begin("REST", "Predict", long if field == "peer" else "p")
    request.model_spec = model_spec
    request.finish(Code.NOT_FOUND, 1, long if field == "message" else "m", 404)
    requests.close()
    (line,) = path.read_text().splitlines()
    assert len(line) < 8000
    assert json.loads(line)["entrypoint"] == "REST"


def test_the_access_log_goes_on_in_a_new_file(tmp_path, caplog):
    path = tmp_path / "logs" / "access.log"
    path.parent.mkdir()
    requests = Requests(access_log=str(path))
    finish(requests, ANSWERED)
    moved = path.rename(path.with_suffix(".1"))
    requests.reopen_log()
    finish(requests, ANSWERED)
    assert [len(p.read_text().splitlines()) for p in (moved, path)] == [1, 1]
    # Where none can be opened the old one is kept.
    folder = path.parent.rename(tmp_path / "moved")
    requests.reopen_log()
    finish(requests, ANSWERED)
    assert len((folder / path.name).read_text().splitlines()) == 2
    assert "continues in its old file" in caplog.text
    requests.close()
    requests.reopen_log()  # and nothing is opened any more
    finish(requests, ANSWERED)


def test_without_a_file_there_is_nothing_to_open_anew(capsys):
    for where in ("", "-"):
        requests = Requests(access_log=where)
        requests.reopen_log()
        finish(requests, ANSWERED)
        requests.close()
    assert capsys.readouterr().err.count("entrypoint") == 1


def test_the_access_log_has_one_json_object_a_line(tmp_path):
    path = tmp_path / "access.log"
    requests = Requests(access_log=str(path))
    finish(requests, ANSWERED)
    finish(requests, ModelSpec('odd "name"\n'), Code.NOT_FOUND)
    requests.close()
    first, second = map(json.loads, path.read_text().splitlines())
    assert first["model"] == "m" and first["version"] == 3 and first["code"] == "OK"
    assert first["signature"] == "serving_default" and first["peer"] == "1.2.3.4:5"
    assert (first["request_bytes"], first["response_bytes"]) == (10, 20)
    assert first["milliseconds"] >= 0 and "error" not in first
    assert second["model"] == 'odd "name"\n' and second["error"] == "why"


def test_an_access_log_that_cannot_be_written_is_said_before_serving(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        Requests(access_log=str(tmp_path / "nowhere" / "access.log"))


def test_drain_waits_for_what_is_under_way():
    requests = Requests()
    request = requests.begin("REST", "Predict")
    assert not requests.drain(0)
    request.finish()
    assert requests.drain(0)


def test_a_full_disk_harms_no_request_and_is_said_once(caplog):
    requests = Requests(access_log="/dev/full", max_concurrent=1)
    for _ in range(3):
        finish(requests, ANSWERED)
    assert requests.drain(0)
    assert caplog.text.count("the access log cannot be written") == 1
    request = requests.begin("REST", "Predict")
    requests.close()
    request.finish()  # later than the log's end


def test_the_time_that_a_slow_reader_takes_is_not_the_model_s():
    requests = Requests()
    request = requests.begin("REST", "Predict")
    request.model_spec = ANSWERED
    request.is_answered()
    time.sleep(0.5)
    request.finish()
    labels = (("API", "predict"), ("entrypoint", "REST"), ("model_name", "m"))
    assert samples(requests)[(":tensorflow:serving:request_latency_sum", *labels)] < 5e5
