"""What is compiled, how often, and that results, names and copies stay what they are.

Backends "eager" and "aot_eager" capture the graphs that a GPU would get, and run them without generating code.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch

from million_ird.errors import UsageError
from pretrain.compile import CompileSettings, _is_on, checkpointed, compile_model, compiled_parts, eager
from pretrain.models import gated_depthwise
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.families import ModelSettings
from pretrain.models.variants import Variant
from pretrain.objective import LossSettings, objective_of
from pretrain.step import StepSettings, accumulate_gradients
from tests.pretrain.every_family import NETWORKS, batch_of, network, variants_of

# PyTorch's own compiler looks at `.grad` of a block's input, which is no leaf, and warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")

LARGE, SMALL = Variant.of("large", (2, 2, 1, 2)), Variant.of("small", (1, 1, 1, 1))
WIDTH_8 = DyNetSettings(width=8, refinement=1)


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    """No graphs of other tests; one thread; beyond the recompile limit an error, not a warning."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True, recompile_limit=8):
        yield
    torch._dynamo.reset()
    torch.set_num_threads(threads)


def _model() -> DyNet:
    torch.manual_seed(0)
    return DyNet(WIDTH_8)


def _gradients(model: DyNet, variant: Variant, side: int = 16) -> dict[str, torch.Tensor]:
    """One training pass: the gradient of every weight that has one."""
    model.zero_grad(set_to_none=True)
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(side))
    (model(image, variant=variant) - 0.5).abs().mean().backward()
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def _graphs() -> int:
    count: int = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    return count


def _on(**changes: object) -> CompileSettings:
    return CompileSettings(**{"enabled": "on", "backend": "eager"} | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("region", "graphs"),
    [
        pytest.param("blocks", 8, id="blocks: encoder 3, latent, decoder (2 of its sizes are the encoder's), prompts"),
        pytest.param("model", 2, id="model: one for each variant"),
    ],
)
def test_training_compiles_nothing_anew_after_validation_at_other_sizes(region: str, graphs: int) -> None:
    torch._dynamo.utils.counters.clear()
    model = compile_model(_model(), _on(region=region))
    for variant in (LARGE, SMALL):
        _gradients(model, variant)
    after_both = _graphs()
    assert after_both == graphs
    for side in (24, 20):
        with eager(), torch.no_grad():
            model.eval()(torch.rand(1, 3, side, side), variant=LARGE)
    model.train()
    for variant in (SMALL, LARGE, SMALL):
        _gradients(model, variant)
    assert _graphs() == after_both


def test_a_second_crop_size_is_compiled_once_and_within_the_limit() -> None:
    torch._dynamo.utils.counters.clear()
    model = compile_model(_model(), _on())
    for side in (16, 24, 16, 24):
        _gradients(model, LARGE, side)
    assert _graphs() == 2 * 8  # more than PyTorch's own limit of 8 graphs for one function
    assert torch._dynamo.config.recompile_limit == CompileSettings().recompile_limit


def test_compiled_and_checkpointed_training_give_the_same_gradients() -> None:
    wanted = _gradients(_model(), SMALL)
    for settings in (_on(backend="aot_eager"), _on(enabled="off", checkpoint="blocks"), _on(checkpoint="blocks")):
        found = _gradients(compile_model(_model(), settings), SMALL)
        assert found.keys() == wanted.keys()
        for name in wanted:
            torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-7, msg=f"{settings}: {name}")


def _loss_and_gradients(shape: ModelSettings, settings: CompileSettings) -> list[dict[str, torch.Tensor]]:
    """Of two training passes of a network, the second over the graphs of the first, with the same draws."""
    model, found = compile_model(network(shape), settings), []
    for step in range(2):
        model.zero_grad(set_to_none=True)
        torch.manual_seed(step)
        how = StepSettings(objective=objective_of(LossSettings(), shape))
        measured = accumulate_gradients(model, batch_of(shape, step), variants_of(shape)[:1], how)
        found.append({"measured": measured.float()})
        found[-1] |= {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return found


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, {"enabled": "off", "checkpoint": "blocks"}) for name in NETWORKS),
        *((name, {"backend": "eager"}) for name in ("rdn", "ghost of edsr")),
        ("edsr", {"backend": "aot_eager", "checkpoint": "blocks"}),
    ],
)
def test_every_family_learns_the_same_compiled_and_checkpointed(name: str, settings: dict[str, object]) -> None:
    torch._dynamo.utils.counters.clear()
    plain = _loss_and_gradients(NETWORKS[name], _on(enabled="off"))
    found = _loss_and_gradients(NETWORKS[name], _on(**settings))
    assert _graphs() == (settings.get("enabled") != "off")
    for one, other in zip(plain, found, strict=True):
        assert one.keys() == other.keys()
        for key, value in one.items():
            torch.testing.assert_close(other[key], value, rtol=1e-3, atol=1e-6, msg=f"{name}: {key}")


def test_other_families_are_compiled_whole_and_only_where_asked() -> None:
    model = network(NETWORKS["edsr"])
    assert compiled_parts(model, "blocks") == compiled_parts(model, "model") == [model]
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    asked = CompileSettings(backend="eager"), CompileSettings(enabled="on", backend="eager")
    assert [[_is_on(settings, where, model) for where in (cpu, cuda)] for settings in asked] == [
        [False, False],
        [True, True],
    ]
    assert _is_on(asked[0], cuda, _model()), "DyNet's is measured"


def test_checkpointing_keeps_less() -> None:
    def kept(settings: CompileSettings) -> int:
        model, sizes = compile_model(_model(), settings), {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            result = model(torch.rand(1, 3, 32, 32), variant=LARGE)
        assert result.requires_grad
        return sum(sizes.values())

    weights = sum(weight.untyped_storage().nbytes() for weight in _model().parameters())
    assert kept(_on(enabled="off", checkpoint="blocks")) - weights < 0.5 * (kept(_on(enabled="off")) - weights)


def test_names_of_weights_and_copies_of_the_model_stay_its_own() -> None:
    model = compile_model(_model(), _on(checkpoint="blocks"))
    assert model.state_dict().keys() == _model().state_dict().keys()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for weight in twin.parameters():
            weight.zero_()
    image = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(twin(image, variant=SMALL), image)  # zero weights: the image as it came
    assert not torch.equal(model(image, variant=SMALL), image)


def test_auto_leaves_a_model_on_the_cpu_as_it_is() -> None:
    torch._dynamo.utils.counters.clear()
    _gradients(compile_model(_model(), CompileSettings(backend="eager")), SMALL)
    assert _graphs() == 0
    assert len(compiled_parts(_model(), "blocks")) == 3 + 1 + 3 + 1 + 3  # encoder, latent, decoder, refinement, prompts


def test_the_kernel_is_chosen_for_the_process() -> None:
    compile_model(_model(), _on(enabled="off", kernel="plain"))
    assert gated_depthwise._kernel == "plain"
    compile_model(_model(), _on(enabled="off"))
    assert gated_depthwise._kernel == "auto"


def test_only_blocks_are_checkpointed() -> None:
    calls: list[str] = []

    class Part(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append("part")
            return x * x

    checkpointed(Part(), torch.ones(2, requires_grad=True)).sum().backward()
    assert calls == ["part"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "fastest"}, "backend: there is no 'fastest'"),
        ({"recompile_limit": 0}, "recompile_limit: got 0"),
        ({"kernel": "fast"}, "kernel: got 'fast'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compile_model(_model(), CompileSettings(**settings))  # type: ignore[arg-type]
