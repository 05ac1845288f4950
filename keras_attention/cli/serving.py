"""The command that serves exported models."""

import logging
from dataclasses import replace
from pathlib import Path

import typer

from keras_attention.cli import bundles
from keras_attention.cli.backend_loading import load_backend

# The module that says what it compiles.
COMPILATION = "keras_attention.serving.models.compilation"


def serve(
    models: list[str] = typer.Argument(
        ..., help="saved_models/<name>, name=path, or a models.config file."
    ),
    host: str = typer.Option(
        "127.0.0.1", help="Address to listen at; 0.0.0.0 allows other machines."
    ),
    port: int = typer.Option(8500, help="gRPC port; 0 picks a free one."),
    rest_port: int = typer.Option(8501, help="REST port; 0 picks a free one."),
    grpc_socket_path: str = typer.Option(
        "", help="A Unix socket for gRPC, beside the port."
    ),
    admin_over_grpc_socket_only: bool = typer.Option(
        False,
        help="Restrict reload and profiler to that socket; without it, disable them.",
    ),
    poll_seconds: float = typer.Option(1.0, help="How often to poll for new versions."),
    batching: bool = typer.Option(False, help="Run requests together in batches."),
    batching_parameters: Path = typer.Option(
        None, help="BatchingParameters in text format; implies --batching."
    ),
    metrics: bool = typer.Option(
        False, help="Serve Prometheus metrics at /monitoring/prometheus/metrics."
    ),
    cors: bool = typer.Option(
        False, help="Send CORS headers: pages of any origin may read REST."
    ),
    access_log: str = typer.Option(
        "", help="Access log: one line of JSON per request; - is standard error."
    ),
    max_requests: int = typer.Option(
        1024, help="In-flight requests; more are rejected."
    ),
    jit_compile: bool = typer.Option(
        False,
        help="Compile searches with XLA before a version serves, which takes minutes.",
    ),
    engine: str = bundles.Engine,
    quantization: str = bundles.Quantization,
    timeout: float = typer.Option(30.0, help="Timeout of a REST request, in seconds."),
):
    """Serve SavedModels over REST and gRPC, as TensorFlow Serving does; with --engine
    ctranslate2 folders of CTranslate2 too, each in a numbered folder.

    keras-attention-model-server takes the flags of tensorflow_model_server instead.
    """
    from keras_attention.serving.config import parse_model_arguments
    from keras_attention.serving.options import (
        BatchingParameters,
        Limits,
        LoadOptions,
        ServerOptions,
    )
    from keras_attention.serving.text_configs import (
        DEFAULT_MONITORING_PATH,
        read_batching_parameters,
    )

    chosen = bundles.engine_of(engine, quantization)
    parameters = BatchingParameters() if batching else None
    if batching_parameters is not None:
        parameters = read_batching_parameters(batching_parameters)
    options = ServerOptions(
        host=host,
        grpc_port=port,
        rest_port=rest_port,
        grpc_socket_path=grpc_socket_path,
        admin_over_grpc_socket_only=admin_over_grpc_socket_only,
        poll_seconds=poll_seconds,
        monitoring_path=DEFAULT_MONITORING_PATH if metrics else "",
        cors=cors,
        access_log=access_log,
        limits=Limits(max_concurrent_requests=max_requests),
        rest_timeout_seconds=timeout,
    )
    found = parse_model_arguments(models)
    load_backend()  # a mistake above should not have to wait for it
    loaders: tuple = ()
    if chosen:
        from keras_attention.export.ctranslate2_served import loader

        loaders = (loader(quantization),)
    load = LoadOptions(
        batching=parameters, xla_compilation=jit_compile, loaders=loaders
    )
    options = replace(options, load=load)
    if jit_compile:
        # It takes minutes: whoever waits sees how far it is.
        logging.basicConfig(format="%(message)s")
        logging.getLogger(COMPILATION).setLevel(logging.INFO)
    from keras_attention.serving.commands import running

    if not running.run(found, options):
        running.end_process()
