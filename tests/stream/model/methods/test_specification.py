import pytest

from db.records import Regime
from stream.errors import UserError
from stream.model.encoder import adapter
from stream.model.methods.bottleneck import SUBLAYERS
from stream.model.methods.family import ACTIVATIONS, FAMILIES, METHODS, PLACEMENTS
from stream.model.methods.specification import method_named


@pytest.mark.parametrize("name", METHODS)
def test_each_name_makes_its_method(name: str) -> None:
    """Every known name stands for a method of that name with a summary."""
    method = method_named(name, adapter_size=16)
    assert method.name == name
    assert method.summary


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("houlsby", {"adapter_size": 16, "initial_scale": 1e-2}),
        ("houlsby:64", {"adapter_size": 64, "initial_scale": 1e-2}),
        ("houlsby:size=64:scale=1e-3", {"adapter_size": 64, "initial_scale": 1e-3}),
        (
            "houlsby:placement=attention:activation=relu:parallel:norm:deep",
            {
                "adapter_size": 16,
                "initial_scale": 1e-2,
                "placement": "attention",
                "activation": "relu",
                "parallel": True,
                "norm": True,
                "deep": True,
            },
        ),
        (
            "houlsby:layers=1-4",
            {"adapter_size": 16, "initial_scale": 1e-2, "first_layer": 1, "last_layer": 4},
        ),
        (
            "adapter-l",
            {
                "adapter_size": 16,
                "initial_scale": 1e-2,
                "placement": "feed-forward",
                "layer_norms": False,
            },
        ),
        ("lora:4", {"rank": 4, "alpha": 16.0}),
        ("lora:rank=2:alpha=8", {"rank": 2, "alpha": 8.0}),
        ("prefix:10", {"length": 10, "hidden": 128}),
        ("fine-tune:3", {"num_layers": 3}),
        ("fine-tune", {}),
    ],
)
def test_options_are_read(text: str, options: dict[str, object]) -> None:
    """Options after colons become the method's options, which tell recipes apart."""
    assert dict(method_named(text, adapter_size=16).options) == options


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("houlsbi", "There is no method 'houlsbi'; did you mean 'houlsby'?"),
        ("lora:rnk=4", "lora has no option 'rnk'; did you mean 'rank'?"),
        ("lora:rank=x", "lora: rank is 'x'; it must be a whole number."),
        ("lora:rank=0", "lora has rank=0 and alpha=16; both must be more than 0."),
        ("lora:rank=2:rank=3", "lora: the option 'rank' is given twice; give it once."),
        ("houlsby:scale=nan", "houlsby: scale is 'nan'; it must be a number more than 0."),
        ("houlsby:activation=selu", "houlsby: activation is 'selu'; it must be gelu or relu or tanh."),
        ("houlsby:parallel=yes", "houlsby: parallel is 'yes'; it must be a word without a value."),
        ("houlsby:layers=a", "houlsby: layers is 'a'; it must be a span such as 0-5."),
        ("feature:2", "feature has no option '2'; feature has no options."),
        ("fine-tune:0", "fine-tune:0 trains no layer; the number must be 1 or more."),
        ("prefix:0", "prefix has length=0 and hidden=128; both must be 1 or more."),
    ],
)
def test_mistakes_are_named(text: str, sentence: str) -> None:
    """What is wrong is one sentence with what was got and what is allowed."""
    with pytest.raises(UserError) as raised:
        method_named(text, adapter_size=16)
    assert str(raised.value) == sentence


def test_what_a_name_says_is_what_is_made() -> None:
    """Rate, sharing and regime of a family are those of its method; its words are those of the encoder."""
    for name, family in FAMILIES.items():
        made = method_named(name, adapter_size=4)
        known = (family.learning_rate, family.shares, family.regime)
        if family.regime is not Regime.SEPARATE:
            assert known == (made.learning_rate, made.shares, made.regime), name
        assert family.regime is made.regime
    assert tuple(SUBLAYERS) == PLACEMENTS
    assert tuple(adapter.ACTIVATIONS) == ACTIVATIONS
