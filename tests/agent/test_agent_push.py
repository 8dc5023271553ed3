"""The agent pushes the same series as it shows, when told where to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from real_servers import QueryApi, eventually
from stack import Service, free_port, program, running


def test_a_configured_push_arrives(victoria_metrics: Callable[..., QueryApi], tmp_path: Path) -> None:
    receiver, port = victoria_metrics(), free_port()
    file = tmp_path / "agent.yml"
    file.write_text(
        f"host: office-17\nevery: 200ms\notlp:\n  endpoint: {receiver.url}/opentelemetry/v1/metrics\n"
        "  every: 300ms\n  headers: {x-token: 'env:HOME'}\n"
    )
    command = (program("greenops-agent"), "run", "--listen", f"127.0.0.1:{port}", "--config", file)
    with running(Service("agent", command, f"http://127.0.0.1:{port}/-/ready"), tmp_path / "log"):
        pushed = eventually(lambda: receiver.query('greenops_host_energy_joules_total{host="office-17"} > 0'))
    (labels, _), *others = pushed
    assert others == []
    assert (labels["department"], labels["method"]) == ("unassigned", "model")
