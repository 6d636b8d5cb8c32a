"""What holds of every network, whatever it is made of. What one of them promises alone stands beside it."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from pretrain.models.dynet import DyNet
from pretrain.models.esrt import ESRT, ChannelGate
from pretrain.models.ghost.anneal import ghost_layers
from pretrain.models.ghost.convert import convert_from_pretrained, ghostify
from pretrain.models.ghost.freeze import freeze
from pretrain.models.ghost.layer import GhostSettings
from pretrain.models.grl.local import LocalBranch
from pretrain.models.grl.network import GRL
from pretrain.models.lmd_vit.network import LMDViT
from tests.pretrain.models import super_resolution, test_dynet, test_esrt
from tests.pretrain.models.grl.conftest import NARROW
from tests.pretrain.models.lmd_vit import tiny as lmd_vit

Forward = Callable[[nn.Module, Tensor], Tensor]


def plain(model: nn.Module, image: Tensor) -> Tensor:
    result: Tensor = model(image)
    return result


def half_of_the_windows(model: nn.Module, image: Tensor) -> Tensor:
    """LMD-ViT with the same decisions whatever rounding says."""
    assert isinstance(model, LMDViT)
    decisions = lmd_vit.random_decisions(model, len(image), *image.shape[2:], 0.5, seed=3)
    return model(image, decisions=[decided.to(image.device) for decided in decisions])


@dataclass(frozen=True)
class Network:
    """A narrow network of one family."""

    name: str
    make: Callable[[], nn.Module]
    """Draws its weights from the global generator."""
    scale: int = 1
    colours: int = 3
    half: torch.dtype = torch.float32
    """Of the result under autocast."""
    forward: Forward = plain
    steady: Forward | None = None
    """The same where a rounding could tip a decision; None: none could."""
    idle: tuple[str, ...] = ()
    """Parts of names of parameters that no pass reads."""
    frozen: bool = False
    """Whether it neither learns nor keeps all of itself in its state."""

    def __str__(self) -> str:
        return self.name

    def built(self, device: str = "cpu", seed: int = 0) -> nn.Module:
        """In eval mode, no weight at its first value, none of the gates asleep."""
        torch.manual_seed(seed)
        model = self.make().eval()
        torch.manual_seed(seed + 1)
        with torch.no_grad():
            for weight in model.parameters():
                noise = 0.2 * torch.randn_like(weight)
                weight += noise * weight if weight.any() else noise
            for part in model.modules():  # their one hidden channel, at these widths, may else be off
                if isinstance(part, ChannelGate):
                    part.squeeze.bias.fill_(3)
                elif isinstance(part, LocalBranch):
                    part.weights[1].bias.fill_(2)
            if isinstance(model, LMDViT):
                lmd_vit.undecide(model)
        return model.to(device)

    def image(self, height: int, width: int, batch: int = 1, device: str = "cpu") -> Tensor:
        """The same noise every time."""
        noise = torch.rand(batch, self.colours, height, width, generator=torch.Generator().manual_seed(height))
        return noise.to(device)


def grl(**changes: object) -> Network:
    settings = replace(NARROW, **{"depths": (4,), **changes})  # type: ignore[arg-type]
    of = " ".join(str(value) for value in changes.values())
    return Network(f"grl {of}".rstrip(), lambda: GRL(settings), settings.scale, settings.colours)


def super_resolving(name: str, scale: int) -> Iterator[Network]:
    make = partial(super_resolution.TINY[name], scale)
    half = torch.bfloat16 if name == "rdn" else torch.float32
    others = tuple(f"enlarge.{other}." for other in (2, 3, 4) if other != scale) if name.startswith("carn") else ()
    yield Network(f"{name} ×{scale}", make, scale, half=half, idle=others)
    settings = GhostSettings(offsets="channel" if scale == 3 else "layer")
    learning = Network(f"{name}-ghost ×{scale}", lambda: ghostify(make(), settings), scale, half=half, idle=others)
    yield learning
    if name in ("edsr", "carn-m"):  # without groups and with them
        converted = lambda: freeze(convert_from_pretrained(make(), settings).eval())  # noqa: E731 - a factory as above
        yield replace(learning, name=f"{name}-ghost ×{scale} frozen", make=converted, frozen=True)


NETWORKS = [
    Network("dynet", lambda: DyNet(test_dynet.TINY), forward=lambda m, x: m(x, variant=test_dynet.SHORT)),
    Network(
        "promptir",
        lambda: DyNet(replace(test_dynet.TINY, shared=False, prompt_placement="decoder"), test_dynet.LONG),
        forward=lambda m, x: m(x, variant=test_dynet.LONG),
    ),
    *(
        Network(
            f"esrt ×{scale}",
            lambda scale=scale: ESRT(replace(test_esrt.TINY, scale=scale, uneven="pad" if scale == 3 else "remainder")),
            scale,
            half=torch.bfloat16,
            idle=("never_used",),
        )
        for scale in (3, 4)
    ),
    *(
        network
        for name, scale in zip(super_resolution.TINY, (2, 3, 4, 2), strict=True)
        for network in super_resolving(name, scale)
    ),
    grl(),
    grl(colours=1),
    grl(width=24, local=True),
    grl(upsampler="direct", scale=2),
    grl(upsampler="shuffle", scale=3),
    grl(upsampler="nearest", scale=4),
    Network("lmd-vit", lmd_vit.network, steady=half_of_the_windows),
]
SIZES = ((1, 1), (2, 3), (1, 7), (9, 13))
"""Heights and widths: single pixels and lines, odd ones, and no multiples of any window."""


@pytest.fixture(
    params=[
        "cpu",
        pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU")),
    ]
)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # it rounds float32 to 10 bits
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    return str(request.param)


@pytest.fixture(params=NETWORKS, ids=str)
def network(request: pytest.FixtureRequest) -> Network:
    found: Network = request.param
    return found


@torch.no_grad()
def test_any_size_goes_in_and_comes_out_scale_times_as_large(network: Network, device: str) -> None:
    model = network.built(device)
    assert getattr(model, "scale", 1) == network.scale
    for height, width in SIZES:
        image = network.image(height, width, 2, device)
        before = image.clone()
        result = network.forward(model, image)
        assert result.shape == (2, network.colours, network.scale * height, network.scale * width)
        assert result.dtype == torch.float32 and result.device == image.device and result.isfinite().all()
        assert torch.equal(image, before)  # nothing is written into what was given


@torch.no_grad()
def test_images_of_a_batch_do_not_see_each_other(network: Network, device: str) -> None:
    model, images = network.built(device).double(), network.image(9, 10, 2, device).double()
    alone = torch.cat([network.forward(model, image[None]) for image in images])
    torch.testing.assert_close(network.forward(model, images), alone)


@torch.no_grad()
def test_repeats_are_equal_and_so_is_another_order_in_memory(network: Network, device: str) -> None:
    model, image = network.built(device), network.image(9, 10, 2, device)
    first = network.forward(model, image)
    assert torch.equal(network.forward(model, image), first)
    turned = image.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network.forward(model, turned), first, rtol=1e-4, atol=1e-5)
    apart = torch.stack([image, image], dim=-1)[..., 0]
    torch.testing.assert_close(network.forward(model, apart), first, rtol=1e-4, atol=1e-5)
    model = model.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network.forward(model, turned), first, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_single_precision_is_near_double(network: Network, device: str) -> None:
    forward, image = network.steady or network.forward, network.image(9, 10, 2, device)
    single = forward(network.built(device), image)
    double = forward(network.built(device).double(), image.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_half_precision_is_near_single(network: Network, device: str) -> None:
    model, image = network.built(device), network.image(9, 10, 2, device)
    forward = network.steady or network.forward
    single = forward(model, image)
    with torch.autocast(device, torch.bfloat16):
        half = forward(model, image)
    assert half.dtype == network.half and half.isfinite().all()
    assert (half.float() - single).abs().mean() < 0.03 * single.abs().mean()
    assert torch.equal(forward(model, image), single)  # nothing rounded was kept


@torch.no_grad()
def test_a_state_goes_through_a_file_into_another_network(network: Network, device: str) -> None:
    model, other, image = network.built(device), network.built(device, seed=1), network.image(9, 10, 1, device)
    if network.frozen:
        pytest.skip("its offsets are no tensors: the form that learns is kept")
    network.forward(other, image)  # may leave something behind
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    assert not torch.equal(network.forward(other, image), network.forward(model, image))
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(network.forward(other, image), network.forward(model, image))
    assert torch.equal(network.forward(copy.deepcopy(model), image), network.forward(model, image))


def test_gradients_reach_every_parameter(network: Network, device: str) -> None:
    if network.frozen:
        pytest.skip("it does not learn")
    model, image = network.built(device).train(), network.image(12, 9, 2, device)
    for given, half in ((image, False), (image, True), (0 * image, False), (image, False)):
        with torch.autocast(device, torch.bfloat16, enabled=half):  # several draws, so that all take part in some
            result = network.forward(model, given)
        (result - torch.rand(result.shape, device=device)).square().mean().backward()
    ghosts = bool(list(ghost_layers(model)))  # a ghost of these few maps may lie on a ReLU's dead side in every draw
    for name, weight in model.named_parameters():
        if any(part in name for part in network.idle):
            assert weight.grad is None, name
            continue
        assert weight.grad is not None and weight.grad.dtype == torch.float32 and weight.grad.isfinite().all(), name
        assert weight.grad.any() or (ghosts and "shift" not in name), name


@torch.no_grad()
def test_a_gpu_computes_what_a_cpu_does(network: Network) -> None:
    if not torch.cuda.is_available():
        pytest.skip("PyTorch finds no GPU")
    forward, image = network.steady or network.forward, network.image(9, 10, 2)
    on_cpu, on_gpu = forward(network.built(), image), forward(network.built("cuda"), image.cuda())
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-3, atol=1e-3)
