"""The catalogue of faults as a page. Pure."""

from collections.abc import Sequence

from docs.markdown import page, table
from hil.faults import Fault


def faults_page(catalogue: Sequence[Fault]) -> str:
    """What can go wrong, where the simulator puts it in, and what heatherd does about it."""
    rows = [(fault.name, fault.what, fault.expected, fault.seam) for fault in catalogue]
    return page(
        [
            "# Faults",
            "",
            "What goes wrong around a heat pump sooner or later, and what heatherd does then. The",
            "simulator can do every one of these to a house; a test strikes a steered house with",
            "each and checks the expected behaviour. What a dead computer leaves behind, per heat",
            "pump, is in [killed while steering](../benchmarks/silence.md); what is lost when the",
            "service is killed over and over, in",
            "[killed at random instants](../benchmarks/kill.md).",
            "",
            *table(("Fault", "What happens", "What heatherd does", "Put in at"), rows),
        ]
    )
