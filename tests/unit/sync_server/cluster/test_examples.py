"""The deployment examples: each manifest and its `cluster.toml` mean the same engine."""

from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared import strict_json
from shared.routing import Route
from sync_server.cluster.upstreams import UpstreamSettings, parse_cluster

EXAMPLES = resources.files("sync_server.cluster") / "examples"


def example(name: str) -> tuple[Any, UpstreamSettings]:
    manifest = strict_json.parse((EXAMPLES / name / "manifest.json").read_bytes())
    file = parse_cluster((EXAMPLES / name / "cluster.toml").read_text(encoding="utf-8"), name)
    return manifest, file.upstreams["house"]


def arguments(listed: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (each.removeprefix("--").partition("=") for each in listed)}


def test_vllm_on_kubernetes() -> None:
    manifest, told = example("vllm-kubernetes")
    deployment, service = manifest["items"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    said = arguments(container["args"])
    assert (said["served-model-name"], int(said["max-model-len"])) == (told.model, told.context_tokens)
    assert int(said["max-num-seqs"]) == told.slots
    assert "enable-request-id-headers" in said
    assert (
        deployment["spec"]["selector"]["matchLabels"].items()
        <= deployment["spec"]["template"]["metadata"]["labels"].items()
    )
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    meta, (port,) = service["metadata"], service["spec"]["ports"]
    assert urlsplit(told.url).netloc == f"{meta['name']}.{meta['namespace']}.svc.cluster.local:{port['port']}"
    assert [each["name"] for each in container["env"]] == ["VLLM_API_KEY"]
    assert told.key_env


def test_kserve() -> None:
    manifest, told = example("kserve")
    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    model = manifest["spec"]["predictor"]["model"]
    said = arguments(model["args"])
    assert (said["model_name"], int(said["max-model-len"]), int(said["max-num-seqs"])) == (
        told.model,
        told.context_tokens,
        told.slots,
    )
    meta = manifest["metadata"]
    assert told.url == f"http://{meta['name']}-predictor.{meta['namespace']}.svc.cluster.local/openai"


def test_ray_serve() -> None:
    manifest, told = example("ray-serve")
    (application,) = manifest["applications"]
    assert application["import_path"] == "ray.serve.llm:build_openai_app"
    (config,) = application["args"]["llm_configs"]
    assert config["model_loading_config"]["model_id"] == told.model
    assert config["engine_kwargs"] == {"max_model_len": told.context_tokens, "max_num_seqs": told.slots}
    assert application["route_prefix"] == "/"


@pytest.mark.parametrize("name", [each.name for each in EXAMPLES.iterdir() if each.is_dir()])
def test_every_example_stays_in_the_house(name: str) -> None:
    _, told = example(name)
    assert told.boundary is Route.PRIVATE_CLUSTER
