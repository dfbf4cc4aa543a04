"""The methods that a stream can be run with, each a declaration of its tensors."""

import math
from dataclasses import replace

from db.records import Regime
from stream.errors import UserError
from stream.model.backbone.architecture import Architecture, Shape, layer_shapes, tensor_shapes
from stream.model.encoder import prefix as prefixes
from stream.model.encoder.low_rank import low_rank_shapes, scaled
from stream.model.methods.family import FAMILIES
from stream.model.methods.method import Kind, Method, Site, Start, copied_sites, layer_norm_sites


def lora(rank: int = 8, alpha: float = 16.0) -> Method:
    """Low-rank updates of query and value, and a head per task (Hu et al. 2021).

    Args:
        rank: r, columns of each factor.
        alpha: the update is scaled by alpha / r.

    Raises:
        UserError: rank or alpha is not positive.
    """
    if rank < 1 or not alpha > 0:
        raise UserError(f"lora has rank={rank} and alpha={alpha:g}; both must be more than 0.")

    def body(architecture: Architecture) -> tuple[Site, ...]:
        # The deviation of the uniform start in the authors' code (loralib); the paper says normal.
        scale = 1.0 / math.sqrt(3 * architecture.hidden_size)
        return tuple(
            Site(
                name=name,
                shape=shape,
                kind=Kind.OTHER,
                start=Start.NORMAL if ".down." in name else Start.ZERO,
                scale=scale,
            )
            for name, shape in low_rank_shapes(architecture, rank).items()
        )

    return Method(
        name="lora",
        summary=f"low-rank updates of query and value, rank {rank}, and head",
        options={"rank": rank, "alpha": alpha},
        body=body,
        learning_rate=FAMILIES["lora"].learning_rate,
        materialise=scaled(alpha / rank),
    )


def prefix(length: int = 20, hidden: int = 128) -> Method:
    """Trained keys and values before every layer's attention, and a head per task (Li and Liang 2021).

    Args:
        length: P, vectors of each kind a layer.
        hidden: units of the network that makes them while training.

    Raises:
        UserError: a number is not positive.
    """
    if length < 1 or hidden < 1:
        raise UserError(f"prefix has length={length} and hidden={hidden}; both must be 1 or more.")

    def body(architecture: Architecture) -> tuple[Site, ...]:
        shapes = prefixes.prefix_shapes(architecture, length)
        return tuple(Site(name=n, shape=s, kind=Kind.OTHER, start=Start.ZERO) for n, s in shapes.items())

    def network(architecture: Architecture) -> tuple[Site, ...]:
        return tuple(
            Site(
                name=name,
                shape=shape,
                kind=Kind.OTHER,
                start=Start.ZERO if name.endswith(".bias") else Start.NORMAL,
                scale=prefixes.network_scale(name, shape),
            )
            for name, shape in prefixes.network_shapes(architecture, length, hidden).items()
        )

    return Method(
        name="prefix",
        summary=f"{length} trained keys and values a layer, and head",
        options={"length": length, "hidden": hidden},
        body=body,
        learning_rate=FAMILIES["prefix"].learning_rate,
        trained_body=network,
        materialise=prefixes.materialise,
    )


def layer_norm() -> Method:
    """All layer norms and a head per task (Houlsby et al. 2019, section 3.4)."""
    return Method(
        name="layer-norm",
        summary="layer norms and head",
        body=layer_norm_sites,
        learning_rate=FAMILIES["layer-norm"].learning_rate,
    )


def feature() -> Method:
    """A head per task on the frozen backbone: feature-based transfer."""
    return Method(
        name="feature",
        summary="head only",
        body=lambda _: (),
        learning_rate=FAMILIES["feature"].learning_rate,
    )


def fine_tune(num_layers: int | None = None) -> Method:
    """A copy of the whole backbone per task, or of its top layers and pooler (variable fine-tuning).

    Raises:
        UserError: the number of layers is not positive; on use, where the backbone has fewer.
    """
    if num_layers is None:
        return Method(
            name="fine-tune",
            summary="a full copy",
            body=_body,
            learning_rate=FAMILIES["fine-tune"].learning_rate,
            paper_epochs="fine_tuning",
        )
    if num_layers < 1:
        raise UserError(f"fine-tune:{num_layers} trains no layer; the number must be 1 or more.")

    def top(architecture: Architecture) -> tuple[Site, ...]:
        if num_layers > architecture.num_layers:
            raise UserError(
                f"fine-tune:{num_layers} wants more layers than the backbone's {architecture.num_layers}."
            )
        shapes: dict[str, Shape] = {}
        for layer in range(architecture.num_layers - num_layers, architecture.num_layers):
            shapes |= layer_shapes(architecture, layer)
        pooler = {n: s for n, s in tensor_shapes(architecture).items() if n.startswith("pooler.")}
        return copied_sites(shapes | pooler)

    return Method(
        name="fine-tune",
        summary=f"a copy of the top {num_layers} layers, and head",
        options={"num_layers": num_layers},
        body=top,
        learning_rate=FAMILIES["fine-tune"].learning_rate,
        paper_epochs="fine_tuning",
    )


def variable_fine_tune() -> Method:
    """Fine-tuning of the top layers whose number is chosen per task; it stands for all of its numbers.

    What a task learns is learned by `fine_tune(number)`; this only names the choice.
    """
    return replace(
        fine_tune(),
        summary="a copy of the top layers, as many as validation chooses, and head",
        options={"num_layers": "auto"},
    )


def sequential() -> Method:
    """One body fine-tuned on task after task, a head per task: the one that forgets."""
    return replace(
        fine_tune(),
        name="sequential",
        summary="one fine-tuned body for all tasks, a head per task",
        shares=True,
    )


def joint() -> Method:
    """One body trained on all tasks at once, a head per task: needs all data before the first answer."""
    return replace(
        sequential(), name="joint", summary="one body trained on all tasks at once", regime=Regime.JOINT
    )


def no_bert() -> Method:
    """scikit-learn pipelines without a pretrained encoder, searched per task; no tensors at all."""
    return Method(
        name="no-bert",
        summary="word and character TF-IDF pipelines, searched per task",
        body=lambda _: (),
        regime=Regime.SEPARATE,
    )


def _body(architecture: Architecture) -> tuple[Site, ...]:
    return copied_sites(tensor_shapes(architecture))
