from dataclasses import replace

import pytest

from stream.engine.wiring import check_metrics
from stream.errors import UserError
from tasks import open_suite


def test_a_metric_nobody_knows_is_the_users_mistake() -> None:
    """Suite files may name any metric; the run refuses one there is not, before anything starts."""
    suite = open_suite("additional17").select(["airline", "sms-spam"])
    check_metrics(suite)
    spoiled = replace(suite, cards=(suite.cards[0], replace(suite.cards[1], metric="macro_f2")))
    with pytest.raises(UserError, match="'sms-spam' has the metric 'macro_f2'; did you mean 'macro_f1'"):
        check_metrics(spoiled)
